/* An encoder's classes: which there are, and what they weigh.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_CLASSES_H
#define BP_ENCODER_CLASSES_H

#include "encoder_column.h"

/* The classes of a column that training rows have, and with them the task. BP_BAD_FILE and BP_INVALID where they are one, too
 * many, or more than the task has. `asked` is the task by the settings. */
bp_status bp_classes_take(bp_encoder *encoder, const bp_dataset *shape, const bp_column *column, const bp_column_statistics *found,
                          const bp_integers *integers, bp_task asked, bp_error *error);

/* Rows of each class, and the sum of their examples' weights. */
typedef struct bp_class_sums {
    uint64_t rows;
    bp_sum weights;
} bp_class_sums;

/* All classes of a column, in the order of its categories, or of whole numbers. */
typedef struct bp_class_tally {
    bp_allocator allocator;
    bp_class_sums *classes; /* [count]; NULL before the first rows */
    size_t count;
} bp_class_tally;

/* The next rows: their classes in `column`, none of which is missing, their weights in `weight`, or NULL: 1 each. `integers` are
 * all that the column has, where it is of numbers. */
bp_status bp_class_tally_add(bp_class_tally *tally, const bp_integers *integers, const bp_column *column, const bp_column *weight,
                             bp_rows rows, bp_error *error);
void bp_class_tally_release(bp_class_tally *tally);

/* Weights of the encoder's classes by the setting class-weight, of the tallied rows: scaled so that the products with the examples'
 * weights, which have the mean weight_mean, have mean 1. BP_INVALID, with `path`, names the classes where another is meant. */
bp_status bp_class_tally_weigh(const bp_class_tally *tally, const char *setting, const char *path, bp_encoder *encoder,
                               bp_error *error);

#endif
