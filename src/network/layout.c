/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include "error.h"
#include "size.h"

uint32_t bp_panels(uint32_t columns)
{
    return (columns + BP_PANEL - 1) / BP_PANEL;
}

static bp_status check_sizes(uint32_t layers, const uint32_t *sizes, bp_error *error)
{
    if (layers < 1 || layers > BP_LAYERS_MAX)
        return bp_fail(error, BP_INVALID, "a network of %u layers: 1 to %d are possible", layers, BP_LAYERS_MAX);
    for (uint32_t i = 0; i <= layers; i++)
        if (sizes[i] < 1 || sizes[i] > BP_WIDTH_MAX)
            return bp_fail(error, BP_INVALID, "a layer of %u units: 1 to %u are possible", sizes[i], BP_WIDTH_MAX);
    return BP_OK;
}

static bool is_tiny(uint32_t layers, const uint32_t *sizes)
{
    return layers == 2 && sizes[0] <= BP_TINY_WIDTH && sizes[1] <= BP_TINY_WIDTH && sizes[2] == 1;
}

/* Panels have lines of 32 floats: n panels of k, or of W^T k panels of n. */
static size_t weight_lines(const bp_layer *layer)
{
    return layer->narrow ? (size_t)layer->k_panels * layer->n : (size_t)layer->n_panels * layer->k;
}

bp_status bp_layout_make(uint32_t layers, const uint32_t *sizes, bp_activation hidden, bp_layout *layout, bp_error *error)
{
    size_t floats = 0;

    BP_TRY(check_sizes(layers, sizes, error));
    layout->layers = layers;
    layout->tiny = is_tiny(layers, sizes);
    for (uint32_t i = 0; i < layers; i++) {
        bp_layer *layer = &layout->layer[i];
        *layer = (bp_layer){
            .k = sizes[i],
            .n = sizes[i + 1],
            .activation = i + 1 < layers ? hidden : BP_IDENTITY,
            .k_panels = bp_panels(sizes[i]),
            .n_panels = bp_panels(sizes[i + 1]),
            .narrow = sizes[i + 1] <= BP_NARROW && (i || !layout->tiny),
            .w = floats,
        };
        layer->b = layer->w + weight_lines(layer) * BP_PANEL; /* below 2^19 * 2^24 * 2^5 = 2^48 */
        floats = layer->b + (size_t)layer->n_panels * BP_PANEL;
    }
    layout->floats = floats;
    return BP_OK;
}

bool bp_layout_equal(const bp_layout *a, const bp_layout *b)
{
    if (a->layers != b->layers)
        return false;
    for (uint32_t i = 0; i < a->layers; i++)
        if (a->layer[i].k != b->layer[i].k || a->layer[i].n != b->layer[i].n || a->layer[i].activation != b->layer[i].activation)
            return false;
    return true;
}
