/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include "size.h"

/* Rows of a that pass by one panel of b at a time: 256 rows of 1,152 columns are 1.1 MiB, half of an L2. */
#define ROWS_AT_ONCE 256

/* Chains longer than 1,152 are cut in equal parts at multiples of 32: unsplit, 2,048 ran at 170-175 GF/s instead of 194. */
static size_t depth_at_once(size_t k)
{
    size_t parts = (k + 1151) / 1152;
    return bp_size_round_up((k + parts - 1) / parts, BP_PANEL);
}

void bp_product_of_rows(const bp_kernels *kernels, size_t k, size_t n, const float *a, const float *b, const float *bias, float *c,
                        size_t panel, bp_span rows)
{
    size_t depth = depth_at_once(k);

    for (size_t done = 0; done < k; done += depth) {
        size_t steps = bp_size_min(depth, k - done);
        bp_chain chain = bp_chain_at(done, steps, k);
        for (size_t j = 0; j < n; j += BP_PANEL)
            kernels->product_rows(rows.count, steps, a + done / BP_PANEL * panel + rows.first * BP_PANEL, panel,
                                  b + j * k + done * BP_PANEL, bp_size_min(BP_PANEL, n - j), chain, bias ? bias + j : NULL,
                                  j + BP_PANEL < n ? b + (j + BP_PANEL) * k + done * BP_PANEL : NULL,
                                  c + j / BP_PANEL * panel + rows.first * BP_PANEL);
    }
}

static void forward_layer(const bp_kernels *kernels, const bp_layer *layer, const float *parameters, const float *a, float *z,
                          size_t panel, bp_span rows)
{
    bp_product_of_rows(kernels, layer->k, layer->n, a, parameters + layer->w, parameters + layer->b, z, panel, rows);
    for (size_t j = 0; j < layer->n_panels; j++)
        kernels->activate[layer->activation](rows.count * BP_PANEL, z + j * panel + rows.first * BP_PANEL);
}

void bp_forward(const bp_kernels *kernels, const bp_layout *layout, const float *parameters, const bp_pass *pass, bp_span rows)
{
    for (uint32_t i = 0; i < layout->layers; i++)
        for (size_t done = 0; done < rows.count; done += ROWS_AT_ONCE) {
            bp_span part = {rows.first + done, bp_size_min(ROWS_AT_ONCE, rows.count - done)};
            forward_layer(kernels, &layout->layer[i], parameters, pass->a[i], pass->a[i + 1], bp_pass_panel(pass), part);
        }
}
