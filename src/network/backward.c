/* SPDX-License-Identifier: Apache-2.0 */
#include "backward.h"

#include "block_product.h"
#include "product.h"

void bp_backward_begin(const bp_weights *weights, const bp_pass *pass, bp_span rows)
{
    uint32_t last = weights->layout->layers;

    if (weights->arithmetic.terms)
        bp_pack_rows(&weights->arithmetic, bp_pass_panel(pass), bp_packed_right(pass, last), pass->d[last],
                     weights->layout->layer[last - 1].n, rows);
}

/* x has no activation; a slope may have to wait for dropout's mask. */
static bp_end end_of(const bp_weights *weights, uint32_t number, const bp_pass *pass)
{
    if (!number || bp_mask_backward(weights->arithmetic.kernels, weights->layout, pass, number).slope)
        return (bp_end){0};
    return (bp_end){
        .slope = weights->arithmetic.kernels->slope[weights->layout->layer[number - 1].activation],
        .a = pass->slopes[number] ? pass->slopes[number] : pass->a[number],
    };
}

static void product(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels)
{
    const bp_layer *layer = &weights->layout->layer[number];
    bp_product product = {
        .k = layer->n,
        .n = layer->k,
        .panel = bp_pass_panel(pass),
        .a = pass->d[number + 1],
        .b = weights->transposed[number] ? weights->transposed[number] : weights->parameters + layer->w,
        .narrow = bp_layer_is_narrow_backward(layer),
        .end = end_of(weights, number, pass),
        .mask = bp_mask_backward(weights->arithmetic.kernels, weights->layout, pass, number),
        .c = pass->d[number],
    };

    bp_product_compute(weights->arithmetic.kernels, &product, rows, panels);
}

static void block_product(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels,
                          bp_strip strip)
{
    const bp_layer *layer = &weights->layout->layer[number];
    bp_block_product product = {
        .layer = layer,
        .turned = true,
        .w = weights->parameters + layer->w,
        .left = pass->packed_d[number + 1].across,
        .right = bp_strip_right(weights, strip, number, true),
        .panel = bp_pass_panel(pass),
        .end = end_of(weights, number, pass),
        .mask = bp_mask_backward(weights->arithmetic.kernels, weights->layout, pass, number),
        .c = pass->d[number],
        .signs = pass->packed_a[number].across,
        .packed = bp_packed_right(pass, number),
    };

    bp_block_product_compute(&weights->arithmetic, &product, rows, panels, strip.room);
}

void bp_backward_layer(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels,
                       bp_strip strip)
{
    if (weights->arithmetic.terms)
        block_product(weights, number, pass, rows, panels, strip);
    else
        product(weights, number, pass, rows, panels);
}

void bp_backward(const bp_weights *weights, const bp_pass *pass, bp_span rows, bool with_input, bp_strip strip)
{
    const bp_layout *layout = weights->layout;

    bp_backward_begin(weights, pass, rows);
    for (uint32_t i = layout->layers; i-- > (with_input ? 0 : 1);)
        bp_backward_layer(weights, i, pass, rows, (bp_range){0, layout->layer[i].k_panels}, strip);
}
