/* An encoder meets a data set: which column feeds which feature, and what its categories and classes are called here.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_BIND_H
#define BP_ENCODER_BIND_H

#include "encoder.h"

/* A feature or target and the column that feeds it. */
typedef struct bp_binding {
    const bp_column *column;
    int32_t *map; /* [column->category_count] -> category of the feature or class, -1 for an unknown one; NULL for numbers */
} bp_binding;

typedef struct bp_bound {
    const bp_encoder *encoder;
    const bp_dataset *dataset;
    bool with_targets;
    bool matrix; /* the features are numbers side by side, in their order */
    bool borrow; /* the data set's bytes serve as they are */
    bp_pool pool;
    bp_binding *features;    /* [feature_count] */
    bp_binding *targets;     /* [target_count] */
    const bp_column *weight; /* NULL: none */
} bp_bound;

/* Finds columns by name, whatever their order. BP_BAD_FILE lists inputs that are missing and names text in the place of
 * numbers. encoder, dataset, with_targets and the pool's allocator are filled; the pool is the caller's to release. */
bp_status bp_encoder_bind(bp_bound *bound, bp_error *error);

/* The category of a feature that a row has, -1 for one that is not known or missing. A column of numbers goes by text. */
int32_t bp_bound_category(const bp_bound *bound, size_t feature, uint64_t row);

/* The class of a row, -1 for one that is not known or missing. */
int32_t bp_bound_class(const bp_bound *bound, uint64_t row);

#endif
