/* What fitting makes of one column's statistics.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_COLUMN_H
#define BP_ENCODER_COLUMN_H

#include "encoder.h"
#include "statistics.h"

/* What a column of numbers is made of. */
typedef struct bp_scaling {
    double mean;
    double scale; /* > 0 */
    double fill;
} bp_scaling;

/* Whether statistics have to be taken: bytes that are only divided need none. */
bool bp_column_needs_range(const bp_column *column, bp_scale rule);
bool bp_column_needs_deviation(const bp_column *column, bp_scale rule);

/* By bp_scale `rule`: standard (a constant column keeps 1), range, none; bytes under auto are divided by 255, other numbers
 * standardised. BP_BAD_FILE, with `path`, for numbers too large. */
bp_status bp_column_scale(const char *path, const bp_column *column, const bp_column_statistics *found, bp_scale rule,
                          bp_scaling *result, bp_error *error);

/* The categories that occur `least` times, sorted as the column's are. */
bp_status bp_column_categories(bp_pool *pool, const bp_column *column, const bp_column_statistics *found, uint64_t least,
                               char ***categories, size_t *count, bp_error *error);

/* Different whole numbers, ascending: classes. */
typedef struct bp_integers {
    bp_allocator allocator;
    double *values;
    size_t count;
    size_t bytes; /* of the block */
} bp_integers;

/* Adds those of chosen rows. BP_BAD_FILE names the row of a number that is missing or not whole. */
bp_status bp_integers_add(bp_integers *integers, const bp_dataset *block, size_t column, bp_rows rows, bp_error *error);
void bp_integers_release(bp_integers *integers);

/* The place of a number among ascending ones, -1 where it is none of them. */
int32_t bp_place_of_number(const double *values, size_t count, double value);

/* As classes, with names. */
bp_status bp_integers_take(bp_pool *pool, const bp_integers *integers, double **values, char ***names, bp_error *error);

#endif
