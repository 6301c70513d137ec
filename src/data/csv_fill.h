/* Segments of a text -> typed columns, on all threads.
 *
 *      every field that is not missing is a number        numbers: f32 where it holds all of them exactly, else f64
 *      any other text, or the column is told to be so     categories
 *
 * What a column is follows from a look at some segments. Where a later field does not fit, the column's storage is thrown away and the
 * text is read again for the columns that were mistaken, until all fit: f32, then f64, then categories. So the type is that of all
 * fields, whatever was looked at, and memory holds the columns and one segment for each thread.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_FILL_H
#define BP_CSV_FILL_H

#include "csv_dialect.h"
#include "csv_survey.h"
#include "dataset.h"

typedef struct bp_csv_table {
    const bp_csv_source *source;
    const bp_csv_dialect *dialect;
    const bp_csv_survey *survey; /* of the rows without the header */
    unsigned threads;
} bp_csv_table;

/* Fills type, data and categories of the data set's columns, and the lines of its rows. Columns that are marked categorical
 * already stay so. BP_BAD_FILE with the first line that is damaged. */
bp_status bp_csv_fill(bp_dataset *dataset, const bp_csv_table *table, bp_error *error);

#endif
