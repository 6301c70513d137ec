/* SPDX-License-Identifier: Apache-2.0 */
#include "backward.h"

#include "product.h"

void bp_backward_layer(const bp_kernels *kernels, const bp_layout *layout, uint32_t number, const float *parameters,
                       const float *transposed, const bp_pass *pass, bp_span rows, bp_range panels)
{
    const bp_layer *layer = &layout->layer[number];
    bp_product product = {
        .k = layer->n,
        .n = layer->k,
        .panel = bp_pass_panel(pass),
        .a = pass->d[number + 1],
        .b = bp_layer_is_copied(layer) ? transposed : parameters + layer->w,
        .narrow = !layer->narrow && layer->k <= BP_NARROW,
        .c = pass->d[number],
    };

    if (number) { /* x has no activation */
        product.end.slope = kernels->slope[layout->layer[number - 1].activation];
        product.end.a = pass->a[number];
    }
    bp_product_compute(kernels, &product, rows, panels);
}

void bp_backward(const bp_kernels *kernels, const bp_layout *layout, const float *parameters,
                 const float *const transposed[BP_LAYERS_MAX], const bp_pass *pass, bp_span rows, bool with_input)
{
    for (uint32_t i = layout->layers; i-- > (with_input ? 0 : 1);)
        bp_backward_layer(kernels, layout, i, parameters, transposed[i], pass, rows, (bp_range){0, layout->layer[i].k_panels});
}
