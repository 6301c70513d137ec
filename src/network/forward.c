/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include "product.h"

void bp_forward_layer(const bp_kernels *kernels, const bp_layout *layout, uint32_t number, const float *parameters,
                      const bp_pass *pass, bp_span rows, bp_range panels)
{
    const bp_layer *layer = &layout->layer[number];
    bp_product product = {
        .k = layer->k,
        .n = layer->n,
        .panel = bp_pass_panel(pass),
        .a = pass->a[number],
        .b = parameters + layer->w,
        .narrow = layer->narrow,
        .end = {.bias = parameters + layer->b, .activate = kernels->activate[layer->activation]},
        .c = pass->a[number + 1],
    };

    bp_product_compute(kernels, &product, rows, panels);
}

void bp_forward(const bp_kernels *kernels, const bp_layout *layout, const float *parameters, const bp_pass *pass, bp_span rows)
{
    for (uint32_t i = 0; i < layout->layers; i++)
        bp_forward_layer(kernels, layout, i, parameters, pass, rows, (bp_range){0, layout->layer[i].n_panels});
}
