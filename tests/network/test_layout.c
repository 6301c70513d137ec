/* Where parameters lie in the flat block.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include <criterion/criterion.h>
#include <string.h>

Test(layout, panels_hold_all_columns_and_no_more_than_they_must)
{
    for (uint32_t columns = 1; columns <= 200; columns++)
        cr_assert(bp_panels(columns) * BP_PANEL >= columns && (bp_panels(columns) - 1) * BP_PANEL < columns, "%u", columns);
    cr_assert_eq(bp_panels(BP_WIDTH_MAX), BP_WIDTH_MAX / BP_PANEL);
}

Test(layout, parts_follow_each_other_at_multiples_of_a_panel)
{
    static const uint32_t sizes[] = {1, 31, 32, 8, 784, 10};
    bp_layout layout;
    size_t at = 0;

    cr_assert_eq(bp_layout_make(5, sizes, BP_TANH, &layout, NULL), BP_OK);
    cr_assert_eq(layout.layers, 5);
    for (size_t l = 0; l < 5; l++) {
        const bp_layer *layer = &layout.layer[l];
        cr_assert(layer->k == sizes[l] && layer->n == sizes[l + 1], "layer %zu", l);
        cr_assert(layer->k_panels == bp_panels(layer->k) && layer->n_panels == bp_panels(layer->n), "layer %zu", l);
        cr_assert(layer->w == at && at % BP_PANEL == 0, "layer %zu begins at %zu", l, layer->w);
        cr_assert_eq(layer->narrow, l == 2);
        at += l == 2 ? 8 * BP_PANEL : (size_t)layer->n_panels * BP_PANEL * layer->k;
        cr_assert_eq(layer->b, at, "biases of layer %zu", l);
        at += (size_t)layer->n_panels * BP_PANEL;
    }
    cr_assert_eq(layout.floats, at);
}

Test(layout, every_element_has_a_place_of_its_own)
{
    static const uint32_t widths[] = {1, 2, 8, 9, 31, 32, 33, 100};
    enum { WIDTHS = sizeof widths / sizeof *widths };
    static unsigned char seen[128 * 128];
    bp_layout layout;

    for (size_t w = 0; w < WIDTHS * WIDTHS; w++) {
        cr_assert_eq(bp_layout_make(1, (uint32_t[]){widths[w / WIDTHS], widths[w % WIDTHS]}, BP_RELU, &layout, NULL), BP_OK);
        const bp_layer *layer = layout.layer;
        memset(seen, 0, sizeof seen);
        for (size_t i = 0; i < layer->k; i++)
            for (size_t j = 0; j < layer->n; j++) {
                size_t place = bp_layer_place(layer, i, j);
                cr_assert(place >= layer->w && place < layer->b, "%u x %u: [%zu][%zu] at %zu", layer->k, layer->n, i, j, place);
                cr_assert_eq(seen[place]++, 0, "%u x %u: [%zu][%zu]", layer->k, layer->n, i, j);
            }
    }
}

Test(layout, a_tiny_network_has_its_hidden_layer_plain)
{
    bp_layout layout;

    cr_assert_eq(bp_layout_make(2, (uint32_t[]){BP_TINY_WIDTH, 3, 1}, BP_TANH, &layout, NULL), BP_OK);
    cr_assert(layout.tiny && !layout.layer[0].narrow && layout.layer[1].narrow);
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){BP_TINY_WIDTH, 3, 2}, BP_TANH, &layout, NULL), BP_OK);
    cr_assert(!layout.tiny && layout.layer[0].narrow);
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){BP_TINY_WIDTH + 1, 3, 1}, BP_TANH, &layout, NULL), BP_OK);
    cr_assert(!layout.tiny && layout.layer[0].narrow);
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){2, BP_TINY_WIDTH + 1, 1}, BP_TANH, &layout, NULL), BP_OK);
    cr_assert_not(layout.tiny);
}

Test(layout, the_last_layer_has_no_activation)
{
    bp_layout layout;

    cr_assert_eq(bp_layout_make(3, (uint32_t[]){2, 3, 4, 5}, BP_SIGMOID, &layout, NULL), BP_OK);
    cr_assert(layout.layer[0].activation == BP_SIGMOID && layout.layer[1].activation == BP_SIGMOID);
    cr_assert_eq(layout.layer[2].activation, BP_IDENTITY);
    cr_assert_eq(bp_layout_make(1, (uint32_t[]){2, 3}, BP_SIGMOID, &layout, NULL), BP_OK);
    cr_assert_eq(layout.layer[0].activation, BP_IDENTITY);
}

Test(layout, sizes_that_make_no_network_are_refused)
{
    uint32_t many[BP_LAYERS_MAX + 2];
    bp_layout layout;
    bp_error error;

    for (size_t i = 0; i < BP_LAYERS_MAX + 2; i++)
        many[i] = 1;
    cr_assert_eq(bp_layout_make(BP_LAYERS_MAX, many, BP_RELU, &layout, &error), BP_OK);
    cr_assert_eq(bp_layout_make(BP_LAYERS_MAX + 1, many, BP_RELU, &layout, &error), BP_INVALID);
    cr_assert_eq(bp_layout_make(0, many, BP_RELU, &layout, &error), BP_INVALID);
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){1, 0, 1}, BP_RELU, &layout, &error), BP_INVALID);
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){1, 2, BP_WIDTH_MAX + 1}, BP_RELU, &layout, &error), BP_INVALID);
    cr_assert_eq(bp_layout_make(1, (uint32_t[]){UINT32_MAX, 1}, BP_RELU, &layout, &error), BP_INVALID);
}

/* Only counted here, not allocated: 2^48 floats a layer. */
Test(layout, the_largest_network_overflows_nothing)
{
    uint32_t widest[BP_LAYERS_MAX + 1];
    bp_layout layout;

    for (size_t i = 0; i <= BP_LAYERS_MAX; i++)
        widest[i] = BP_WIDTH_MAX;
    cr_assert_eq(bp_layout_make(BP_LAYERS_MAX, widest, BP_RELU, &layout, NULL), BP_OK);
    cr_assert_eq(layout.floats, BP_LAYERS_MAX * (((size_t)1 << 48) + ((size_t)1 << 24)));
}

Test(layout, layouts_are_equal_where_layers_are)
{
    bp_layout one, other;

    memset(&one, 0, sizeof one);
    memset(&other, 0xff, sizeof other); /* what lies behind the last layer counts for nothing */
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){2, 3, 4}, BP_RELU, &one, NULL), BP_OK);
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){2, 3, 4}, BP_RELU, &other, NULL), BP_OK);
    cr_assert(bp_layout_equal(&one, &other));
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){2, 3, 4}, BP_TANH, &other, NULL), BP_OK);
    cr_assert_not(bp_layout_equal(&one, &other));
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){2, 3, 5}, BP_RELU, &other, NULL), BP_OK);
    cr_assert_not(bp_layout_equal(&one, &other));
    cr_assert_eq(bp_layout_make(2, (uint32_t[]){1, 3, 4}, BP_RELU, &other, NULL), BP_OK);
    cr_assert_not(bp_layout_equal(&one, &other));
    cr_assert_eq(bp_layout_make(1, (uint32_t[]){2, 3}, BP_IDENTITY, &other, NULL), BP_OK);
    cr_assert_not(bp_layout_equal(&one, &other));
}
