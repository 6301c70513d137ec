/* SPDX-License-Identifier: Apache-2.0 */
#include "sparse_sums.h"

#include <string.h>

#include "size.h"

static size_t columns_of(const bp_layer *layer, size_t j)
{
    return bp_size_min(BP_PANEL, layer->n - j * BP_PANEL);
}

static const float *panel_of_d(const bp_pass *pass, size_t j)
{
    return pass->d[1] + j * bp_pass_panel(pass);
}

void bp_sparse_tile(const bp_kernels *kernels, const bp_sparse_batch *batch, unsigned members, const bp_layer *layer,
                    const bp_pass *pass, bp_span rows, size_t i, size_t j, float *dW)
{
    memset(dW, 0, bp_tile_rows(layer, i) * BP_PANEL * sizeof *dW);
    for (unsigned t = 0; t < members; t++) {
        bp_sparse_group group = bp_sparse_batch_group(batch, t, i, rows);
        (layer->narrow ? kernels->scatter_narrow : kernels->scatter_rows)(group.count, group.place, group.value, group.row,
                                                                          panel_of_d(pass, j), columns_of(layer, j), dW);
    }
}

void bp_sparse_panel(const bp_kernels *kernels, const bp_layer *layer, const bp_pass *pass, bp_span rows, bp_chain chain, size_t j,
                     float *buffer)
{
    size_t lines = layer->narrow ? (size_t)layer->k_panels * layer->n : layer->k;
    float *dW = buffer + layer->w + j * lines * BP_PANEL;

    if (chain & BP_CHAIN_FIRST)
        memset(dW, 0, lines * BP_PANEL * sizeof *dW);
    for (size_t r = rows.first; r < rows.first + rows.count; r++) {
        const bp_sparse_row *row = &pass->sparse[r];
        (layer->narrow ? kernels->scatter_narrow : kernels->scatter_rows)(
            row->count, row->column, row->value, NULL, panel_of_d(pass, j) + r * BP_PANEL, columns_of(layer, j), dW);
    }
}
