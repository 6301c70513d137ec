/* dW of the first layer from sparse rows: what product_columns has, from the entries alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SPARSE_SUMS_H
#define BP_SPARSE_SUMS_H

#include "sparse.h"

/* dW, or dW^T of a narrow layer, of tile (i, j) over whole chains of rows of the minibatch, from the lists of all members. */
void bp_sparse_tile(const bp_kernels *kernels, const bp_sparse_batch *batch, unsigned members, const bp_layer *layer,
                    const bp_pass *pass, bp_span rows, size_t i, size_t j, float *dW);

/* The same of all tiles of panel j over rows of the pass, a part of their chains, into a buffer laid out as the parameters are. */
void bp_sparse_panel(const bp_kernels *kernels, const bp_layer *layer, const bp_pass *pass, bp_span rows, bp_chain chain, size_t j,
                     float *buffer);

#endif
