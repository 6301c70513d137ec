/* Examples: rows as a network sees them.
 *
 *      x  [rows, inputs]  f32, or u8 where x = byte / divisor (rounded once to f32), or sparse: f32, of which the entries alone are
 *                         kept, and all else is +0
 *      y  [rows, outputs] f32, or one class number a row (one-hot; for one output it is y itself)
 *      w  [rows]          f32, mean 1 over the training rows, or none
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_EXAMPLES_H
#define BP_EXAMPLES_H

#include "backprop.h"
#include "kernels.h"

/* Entries first[r] ... first[r + 1] - 1 are row r's, in ascending order of columns. */
typedef struct bp_sparse {
    const uint64_t *first;  /* [rows + 1]; NULL: x is dense */
    const uint32_t *column; /* [first[rows]] */
    const float *value;
} bp_sparse;

struct bp_pages;

struct bp_examples {
    bp_allocator allocator;
    uint64_t rows;
    uint32_t inputs;
    uint32_t outputs; /* 0: no targets */
    bp_type x_type;   /* BP_TYPE_F32 or BP_TYPE_U8 */
    const void *x;    /* [rows, inputs]; NULL where x is sparse */
    size_t x_stride;  /* bytes from row to row */
    float x_divisor;  /* of u8 */
    bp_sparse sparse;
    const float *y; /* [rows, outputs], y_stride floats from row to row; NULL where classes are given */
    size_t y_stride;
    const int32_t *classes; /* [rows], 0 ... outputs - 1, or 0 and 1 where outputs is 1; NULL where y is given */
    const float *weight;    /* [rows] or NULL: all 1 */
    bp_strange strange;     /* what encoding met */
    struct bp_pages *pages; /* where x is read from, being NULL; owned. NULL: x is in memory */
    void *owned;            /* one block that holds what was made for these examples; may be NULL */
    size_t owned_size;
};

static inline bp_sparse_row bp_examples_sparse_row(const bp_examples *examples, uint64_t row)
{
    const bp_sparse *sparse = &examples->sparse;
    uint64_t first = sparse->first[row];
    return (bp_sparse_row){sparse->column + first, sparse->value + first, (size_t)(sparse->first[row + 1] - first)};
}

/* BP_INVALID names the first of the rows that the examples do not have; `what` is what to call it. */
bp_status bp_examples_check_rows(const bp_examples *examples, bp_rows rows, const char *what, bp_error *error);

#endif
