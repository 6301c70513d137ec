/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include "block_product.h"
#include "product.h"
#include "size.h"

void bp_forward_begin(const bp_weights *weights, const bp_pass *pass, bp_span rows)
{
    if (weights->arithmetic.terms)
        bp_pack_rows(&weights->arithmetic, bp_pass_panel(pass), bp_packed_left(pass, 0), pass->a[0], weights->layout->layer[0].k,
                     rows);
}

static bp_end end_of(const bp_weights *weights, uint32_t number, const bp_pass *pass)
{
    const bp_layer *layer = &weights->layout->layer[number];

    return (bp_end){
        .slopes = pass->slopes[number + 1],
        .bias = weights->parameters + layer->b,
        .activate = weights->arithmetic.kernels->activate[layer->activation],
    };
}

static void product(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels)
{
    const bp_layer *layer = &weights->layout->layer[number];
    bp_product product = {
        .k = layer->k,
        .n = layer->n,
        .panel = bp_pass_panel(pass),
        .a = pass->a[number],
        .b = weights->parameters + layer->w,
        .narrow = layer->narrow,
        .end = end_of(weights, number, pass),
        .mask = bp_mask_forward(pass, number + 1),
        .c = pass->a[number + 1],
    };

    bp_product_compute(weights->arithmetic.kernels, &product, rows, panels);
}

/* z of the last layer is no operand of a product. */
static void block_product(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels,
                          bp_strip strip)
{
    const bp_layer *layer = &weights->layout->layer[number];
    bp_block_product product = {
        .layer = layer,
        .w = weights->parameters + layer->w,
        .left = pass->packed_a[number].across,
        .right = bp_strip_right(weights, strip, number, false),
        .panel = bp_pass_panel(pass),
        .end = end_of(weights, number, pass),
        .mask = bp_mask_forward(pass, number + 1),
        .c = pass->a[number + 1],
        .packed = bp_packed_left(pass, number + 1),
        .drops = bp_pass_drops(weights->layout, number + 1),
    };

    bp_block_product_compute(&weights->arithmetic, &product, rows, panels, strip.room);
}

/* Of the first layer, in f32: panels of W alone that the rows have entries for are read. */
static void sparse_product(const bp_weights *weights, const bp_pass *pass, bp_span rows, bp_range panels)
{
    const bp_kernels *kernels = weights->arithmetic.kernels;
    const bp_layer *layer = &weights->layout->layer[0];
    const float *w = weights->parameters + layer->w;
    bp_mask mask = bp_mask_forward(pass, 1);

    for (size_t j = panels.first; j < panels.end; j++) {
        bp_end end = end_of(weights, 0, pass);
        size_t place = j * bp_pass_panel(pass) + rows.first * BP_PANEL;
        float *c = pass->a[1] + place;
        end.bias += j * BP_PANEL;
        if (end.slopes)
            end.slopes += place;
        if (layer->narrow)
            kernels->sparse_narrow(rows.count, pass->sparse + rows.first, w, layer->n, &end, c);
        else
            kernels->sparse_rows(rows.count, pass->sparse + rows.first, w + j * layer->k * BP_PANEL,
                                 bp_size_min(BP_PANEL, layer->n - j * BP_PANEL), &end, c);
        if (mask.kept)
            bp_mask_apply(kernels, &mask, bp_pass_panel(pass), j, rows, c);
    }
}

void bp_forward_layer(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels,
                      bp_strip strip)
{
    if (!number && pass->sparse)
        sparse_product(weights, pass, rows, panels);
    else if (weights->arithmetic.terms)
        block_product(weights, number, pass, rows, panels, strip);
    else
        product(weights, number, pass, rows, panels);
}

void bp_forward(const bp_weights *weights, const bp_pass *pass, bp_span rows, bp_strip strip)
{
    const bp_layout *layout = weights->layout;

    bp_forward_begin(weights, pass, rows);
    for (uint32_t i = 0; i < layout->layers; i++)
        bp_forward_layer(weights, i, pass, rows, (bp_range){0, layout->layer[i].n_panels}, strip);
}
