/* What fitting learns from one column over chosen rows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_COLUMN_H
#define BP_ENCODER_COLUMN_H

#include "encoder.h"
#include "encoder_bytes.h"

/* Mean and scale of a column of numbers by bp_scale `rule`: standard (a constant column keeps 1), range, none; bytes
 * under auto are divided by 255, other numbers standardised. `sums` serves the column's neighbours, for the same rows.
 * BP_BAD_FILE for a number that is missing or not finite. */
bp_status bp_column_fit_scale(const bp_dataset *dataset, const bp_column *column, bp_rows rows, bp_scale rule, bp_byte_sums *sums,
                              double *mean, double *scale, bp_error *error);

/* The mean of weights. BP_BAD_FILE for one that is negative, missing or not finite, and where all are 0. */
bp_status bp_column_fit_weight(const bp_dataset *dataset, const bp_column *column, bp_rows rows, double *mean, bp_error *error);

/* The categories that occur, sorted as the column's are. */
bp_status bp_column_fit_categories(bp_pool *pool, const bp_column *column, bp_rows rows, char ***categories, size_t *count,
                                   bp_error *error);

/* The whole numbers that occur, ascending, and their names: classes. BP_BAD_FILE for other numbers. */
bp_status bp_column_fit_integers(bp_pool *pool, const bp_dataset *dataset, const bp_column *column, bp_rows rows, double **values,
                                 char ***names, size_t *count, bp_error *error);

#endif
