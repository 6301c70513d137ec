/* Segments of a text -> typed columns, on all threads.
 *
 *      every field that is not missing is a number        numbers: f32 where it holds all of them exactly, else f64
 *      any other text, or the column is told to be so     categories
 *
 * What a column is follows from a look at some segments. Where a later field does not fit, the column's storage is thrown away and
 * the text is read again for the columns that were mistaken, until all fit: f32, then f64, then categories. So the type is that of
 * all fields, whatever was looked at, and memory holds the columns and one segment for each thread.
 *
 * The columns need not be there for all rows at once. By a smaller window the same passes overwrite one storage again and again, so
 * that types and categories come out, and no data; these a last pass gives, window by window:
 *
 *      segment 0 | 1 | 2 | 3 | 4 | 5 ...
 *      window 0          | held + window 1 | ...      held: rows behind the last whole block, moved to the storage's begin
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
    uint64_t window; /* rows that columns hold at once: all, or at least a segment's and what bp_csv_pour keeps */
} bp_csv_table;

/* Fills type, data and categories of the data set's columns, and the lines of its rows; data and lines stay NULL where the window
 * is less than all rows. Columns that are marked categorical already stay so. BP_BAD_FILE with the first line that is damaged. */
bp_status bp_csv_fill(bp_dataset *dataset, const bp_csv_table *table, bp_error *error);

typedef struct bp_csv_sink {
    uint64_t grain; /* rows: every take but the last one is of a multiple; table->window holds grain - 1 rows and a segment's */
    bp_status (*take)(void *context, uint64_t rows, bp_error *error); /* columns' data are the next rows until it returns */
    void *context;
} bp_csv_sink;

/* Gives all rows of a data set that bp_csv_fill left without data, in order. BP_BAD_FILE where the text is no more what it was
 * then. */
bp_status bp_csv_pour(bp_dataset *dataset, const bp_csv_table *table, const bp_csv_sink *sink, bp_error *error);

#endif
