/* SPDX-License-Identifier: Apache-2.0 */
#include "backward.h"

#include "forward.h"

size_t bp_transposed_layout(const bp_layout *layout, size_t offset[BP_LAYERS_MAX])
{
    size_t floats = 0;

    for (uint32_t i = 0; i < layout->layers; i++) {
        offset[i] = floats;
        floats += (size_t)layout->layer[i].k_panels * layout->layer[i].n * BP_PANEL;
    }
    return floats;
}

void bp_backward(const bp_kernels *kernels, const bp_layout *layout, const float *const transposed[BP_LAYERS_MAX],
                 const bp_pass *pass, bp_span rows, bool with_input)
{
    size_t panel = bp_pass_panel(pass);

    for (uint32_t i = layout->layers; i-- > (with_input ? 0 : 1);) {
        const bp_layer *layer = &layout->layer[i];
        bp_product_of_rows(kernels, layer->n, layer->k, pass->d[i + 1], transposed[i], NULL, pass->d[i], panel, rows);
        if (i == 0)
            break; /* x has no activation */
        for (size_t j = 0; j < layer->k_panels; j++) {
            size_t at = j * panel + rows.first * BP_PANEL;
            kernels->slope[layout->layer[i - 1].activation](rows.count * BP_PANEL, pass->a[i] + at, pass->d[i] + at);
        }
    }
}
