/* Where each layer's weights and biases lie in the flat block of parameters.
 *
 * A matrix of c columns is kept in panels of 32 columns, X[rows][c] -> [panels][rows][32], the last panel padded with +0.
 * A layer is its W panels [panels of n][k][32], then its bias [panels of n][32]; layers follow each other:
 *
 *      | W0 | b0 | W1 | b1 | ...        every part begins at a multiple of 32 floats
 *
 * A layer with few outputs would be mostly padding, so it has W^T instead, [panels of k][n][32]: products with few columns read it
 * so, its gradient is made so, and backward reads it as the W^T that it is.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_LAYOUT_H
#define BP_LAYOUT_H

#include <stdbool.h>

#include "backprop.h"
#include "kernels.h"

#define BP_PANEL 32                       /* columns of a panel: two AVX-512 vectors, a register tile's width */
#define BP_LAYERS_MAX (BP_HIDDEN_MAX + 1) /* with weights */
#define BP_WIDTH_MAX ((uint32_t)1 << 24)  /* units of a layer: products of two widths stay far below 2^63 */

typedef struct bp_layer {
    uint32_t k; /* inputs */
    uint32_t n; /* outputs */
    bp_activation activation;
    uint32_t k_panels; /* of a matrix with k columns */
    uint32_t n_panels;
    bool narrow; /* few outputs: W is kept as W^T */
    size_t w;    /* first float of W */
    size_t b;    /* first float of b */
} bp_layer;

typedef struct bp_layout {
    uint32_t layers;
    bp_layer layer[BP_LAYERS_MAX];
    size_t floats; /* of the whole block, padding included */
    bool tiny;     /* what bp_kernels.tiny takes: it wants W of the hidden layer as it is, however narrow */
} bp_layout;

/* sizes [layers + 1]. BP_INVALID for no layer or more than BP_LAYERS_MAX, for a width of 0 or above BP_WIDTH_MAX. The bytes
 * of what is left always fit a size. */
bp_status bp_layout_make(uint32_t layers, const uint32_t *sizes, bp_activation hidden, bp_layout *layout, bp_error *error);

/* The same layers, sizes and activations. */
bool bp_layout_equal(const bp_layout *a, const bp_layout *b);

/* Where W's element of row i, column j lies in the flat block. */
static inline size_t bp_layer_place(const bp_layer *layer, size_t i, size_t j)
{
    size_t line = layer->narrow ? i / BP_PANEL * layer->n + j : j / BP_PANEL * layer->k + i;
    return layer->w + line * BP_PANEL + (layer->narrow ? i : j) % BP_PANEL;
}

/* Whether backward reads W as it is, as a narrow product's b: few inputs. */
static inline bool bp_layer_is_narrow_backward(const bp_layer *layer)
{
    return !layer->narrow && layer->k <= BP_NARROW;
}

/* Whether backward needs a copy of W, turned: neither is W kept so, nor is it read as it is. */
static inline bool bp_layer_is_copied(const bp_layer *layer)
{
    return !layer->narrow && !bp_layer_is_narrow_backward(layer);
}

/* Floats of a layer's W and b in the flat block. */
static inline size_t bp_layer_floats(const bp_layer *layer)
{
    return layer->b - layer->w + (size_t)layer->n_panels * BP_PANEL;
}

/* Panels that hold that many columns. */
uint32_t bp_panels(uint32_t columns);

#endif
