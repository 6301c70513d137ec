/* Gathers rows of examples into the panels that a pass reads.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BATCH_H
#define BP_BATCH_H

#include "examples.h"
#include "kernels.h"

/* Label smoothing: y becomes keep y + add, a product and a sum rounded in f32. keep 0: y as it is. */
typedef struct bp_smoothing {
    float keep;
    float add;
} bp_smoothing;

/* Where rows go: element (r, j) of x or y at j / 32 * panel + 32 r + j % 32. */
typedef struct bp_batch {
    float *x;
    float *y;      /* NULL: no targets wanted */
    float *weight; /* [rows], NULL: not wanted */
    size_t panel;
    bp_smoothing smoothing;
    bp_sparse_row *sparse; /* where sparse rows go as they are, [.]; x is then not looked at. NULL: their zeros are written out */
} bp_batch;

/* Example rows[r], or first_row + r where rows is NULL, becomes row `first` + r of the batch, r < count. Bytes are divided
 * and rounded once; a class becomes one-hot; the padding of x and y is 0. */
void bp_batch_gather(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows,
                     uint64_t first_row, size_t first, size_t count);

#endif
