/* An encoder meets a data set: which column feeds which feature, and what its categories and classes are called here; then its
 * rows are written.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_BIND_H
#define BP_ENCODER_BIND_H

#include "encoder.h"
#include "kernels.h"

/* A feature or target and the column that feeds it. */
typedef struct bp_binding {
    const bp_column *column;
    int32_t *map; /* [column->category_count] -> place among the feature's inputs, or class; -1 for none; NULL for numbers */
} bp_binding;

typedef struct bp_bound {
    const bp_encoder *encoder;
    const bp_dataset *dataset;
    const bp_kernels *kernels;
    bool with_targets;
    bool matrix;             /* the features are numbers side by side, in their order */
    bool borrow;             /* the data set's bytes serve as they are */
    bool sparse;             /* x becomes sparse */
    size_t row_entries;      /* that a row has room for, where x is not made from the data set's entries; else 0 */
    uint32_t *feature_of;    /* with entries, [column_count]: the feature that a place feeds */
    uint64_t entry_count;    /* that all rows have room for */
    struct bp_piece *pieces; /* [64 columns each] of a matrix */
    bp_pool pool;
    bp_binding *features;    /* [feature_count] */
    bp_binding *targets;     /* [target_count] */
    const bp_column *weight; /* NULL: none */
    bool weighs;             /* examples get weights: their own, their classes', or both */
} bp_bound;

/* Finds columns by name, whatever their order. BP_BAD_FILE lists inputs that are missing and names text in the place of
 * numbers. encoder, dataset, with_targets and the pool's allocator are filled; the pool is the caller's to release. */
bp_status bp_encoder_bind(bp_bound *bound, bp_error *error);

/* Which of the inputs of a column of categories is 1 in a row; -1: none, and what is strange is counted. A column of numbers
 * goes by text. */
int32_t bp_bound_category(const bp_bound *bound, size_t feature, uint64_t row, bp_strange *strange);

/* The class of a row, -1 for one that is not known or missing. */
int32_t bp_bound_class(const bp_bound *bound, uint64_t row);

/* Where the rows of a bound data set go; what is NULL is left out. */
typedef struct bp_destination {
    uint64_t from;    /* row of the data set that x begins with */
    float *x;         /* [rows, inputs] */
    float *y;         /* [rows, target_count] */
    int32_t *classes; /* [rows] */
    float *weight;    /* [rows] */
    uint64_t *first;  /* [rows + 1]: sparse x, */
    uint32_t *column; /* [entry_count] */
    float *value;     /* [entry_count] */
    float *spread;    /* [BP_WRITE_ROWS, inputs]: a thread's own room for rows that become sparse; NULL: x is no such */
} bp_destination;

#define BP_WRITE_ROWS ((uint64_t)64) /* written column by column while they stay in cache */

/* What writing needs beside the binding, in the pool. */
bp_status bp_bound_prepare(bp_bound *bound, bp_error *error);

/* Chooses between dense and sparse x, by size alone: results have the same bits. */
bp_status bp_bound_choose(bp_bound *bound, bp_error *error);

/* Sparse x of all rows, from the data set's entries. BP_BAD_FILE as below. */
bp_status bp_bound_write_entries(const bp_bound *bound, const bp_destination *to, bp_error *error);

/* Rows begin ... end - 1 from `spread` to the entries that they have room for. */
void bp_bound_compress(const bp_bound *bound, const bp_destination *to, uint64_t begin, uint64_t end);

/* Writes the inputs of up to BP_WRITE_ROWS rows, row begin + i to rows[i] [inputs]. BP_BAD_FILE and *strange as below. */
bp_status bp_bound_write_rows(const bp_bound *bound, uint64_t begin, uint64_t end, float *const *rows, bp_strange *strange,
                              bp_error *error);

/* Writes rows begin ... end - 1, each as if alone. BP_BAD_FILE names a row and column that cannot be. *strange grows. */
bp_status bp_bound_write(const bp_bound *bound, const bp_destination *to, uint64_t begin, uint64_t end, bp_strange *strange,
                         bp_error *error);

/* The same by as many threads as the encoder has and as are worth while. */
bp_status bp_bound_write_all(const bp_bound *bound, const bp_destination *to, uint64_t begin, uint64_t end, bp_strange *strange,
                             bp_error *error);

#endif
