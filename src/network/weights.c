/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include <string.h>

#include "cpu.h"
#include "error.h"
#include "size.h"

bp_status bp_arithmetic_choose(bp_precision precision, bp_isa isa, bp_arithmetic *arithmetic, bp_error *error)
{
    static const unsigned terms[] = {[BP_F32] = 0, [BP_BF16] = 1, [BP_BF16X2] = 2, [BP_BF16X3] = 3};
    bp_arithmetic chosen = {.terms = terms[precision]};

    BP_TRY(bp_cpu_kernels(isa, &chosen.kernels, error));
    if (chosen.terms)
        BP_TRY(bp_cpu_blocks(isa, &chosen.blocks, error));
    *arithmetic = chosen;
    return BP_OK;
}

static void carve_layer(bp_weights *weights, uint32_t i, bp_arena *arena)
{
    const bp_layer *layer = &weights->layout->layer[i];

    if (!weights->arithmetic.terms && bp_layer_is_copied(layer))
        weights->transposed[i] = bp_arena_take(arena, (size_t)layer->k_panels * layer->n, BP_PANEL * sizeof(float));
}

void bp_weights_carve(bp_weights *weights, bp_arena *arena)
{
    for (uint32_t i = 1; i < weights->layout->layers; i++)
        carve_layer(weights, i, arena);
}

void bp_weights_carve_first(bp_weights *weights, bp_arena *arena)
{
    carve_layer(weights, 0, arena);
}

/* A tile of W, and of W^T. */
typedef struct weights_tile {
    size_t rows, columns;
    const float *from; /* [rows][32] */
    float *to;         /* [columns][32], NULL where there is none */
} weights_tile;

static weights_tile tile_at(const bp_weights *weights, uint32_t number, size_t i, size_t j)
{
    const bp_layer *layer = &weights->layout->layer[number];
    float *copy = weights->transposed[number]; /* never of a narrow layer */

    return (weights_tile){
        .rows = bp_size_min(BP_PANEL, layer->k - i * BP_PANEL),
        .columns = bp_size_min(BP_PANEL, layer->n - j * BP_PANEL),
        .from = weights->parameters + layer->w + (j * layer->k + i * BP_PANEL) * BP_PANEL,
        .to = copy ? copy + (i * layer->n + j * BP_PANEL) * BP_PANEL : NULL,
    };
}

static void refresh(const bp_weights *weights, const weights_tile *tile)
{
    if (tile->to)
        weights->arithmetic.kernels->transpose(tile->rows, tile->columns, tile->from, tile->to);
}

static void begin(const bp_weights *weights, const weights_tile *tile)
{
    if (tile->to && tile->rows < BP_PANEL)
        memset(tile->to, 0, tile->columns * BP_PANEL * sizeof(float));
    refresh(weights, tile);
}

void bp_weights_refresh(const bp_weights *weights, uint32_t layer, size_t i, size_t j)
{
    weights_tile tile = tile_at(weights, layer, i, j);
    if (layer)
        refresh(weights, &tile);
}

void bp_weights_refresh_first(const bp_weights *weights, size_t i, size_t j)
{
    weights_tile tile = tile_at(weights, 0, i, j);
    begin(weights, &tile);
}

void bp_weights_begin(const bp_weights *weights, uint32_t layer, size_t i, size_t j)
{
    weights_tile tile = tile_at(weights, layer, i, j);
    if (layer)
        begin(weights, &tile);
}

bp_stream bp_weights_stream(const bp_weights *weights, uint32_t layer, size_t i, size_t j)
{
    weights_tile tile = tile_at(weights, layer, i, j);
    return bp_stream_of(tile.to, layer && tile.to ? tile.rows * BP_PANEL * sizeof(float) : 0);
}
