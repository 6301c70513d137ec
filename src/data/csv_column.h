/* Fields of a CSV file -> typed columns.
 *
 *      every field that is not missing is a number        numbers: f32 where it holds all of them exactly, else f64
 *      any other text, or the column is told to be so     categories
 *
 * Missing is an empty field, "?", and "NA", "nan", "null" in any case. Spaces around a number do not count.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_COLUMN_H
#define BP_CSV_COLUMN_H

#include "csv_scan.h"
#include "dataset.h"

typedef enum bp_csv_kind { BP_CSV_MISSING, BP_CSV_NUMBER, BP_CSV_INFINITE, BP_CSV_TEXT } bp_csv_kind;

/* What a field is; *value is set for a number. BP_CSV_INFINITE: a number beyond f64, or "inf". */
bp_csv_kind bp_csv_classify(bp_csv_field field, double *value);

/* Fills type, data and categories of the data set's columns from rows first, first + 1, ... of the file. Columns that are
 * marked categorical already stay so. */
bp_status bp_csv_fill(bp_dataset *dataset, const bp_csv *csv, uint64_t first, bp_error *error);

/* Codes and sorted categories of one column. */
bp_status bp_csv_fill_categories(bp_dataset *dataset, size_t column, const bp_csv *csv, uint64_t first, bp_error *error);

#endif
