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

/* ------------------------------------------------------------------------------------------------------------ memory */

static size_t blocks_of(const bp_layer *layer)
{
    return (size_t)layer->k_panels * layer->n_panels;
}

static uint16_t *take_blocks(const bp_weights *weights, const bp_layer *layer, bp_arena *arena)
{
    return bp_arena_take(arena, blocks_of(layer), bp_block_elements(&weights->arithmetic) * sizeof(uint16_t));
}

static void carve_backward(bp_weights *weights, uint32_t i, bp_arena *arena)
{
    const bp_layer *layer = &weights->layout->layer[i];

    if (weights->arithmetic.terms)
        weights->packed[i].across = take_blocks(weights, layer, arena);
    else
        weights->transposed[i] = bp_arena_take(arena, (size_t)layer->k_panels * layer->n, BP_PANEL * sizeof(float));
}

void bp_weights_carve_forward(bp_weights *weights, bp_arena *arena)
{
    for (uint32_t i = 0; weights->arithmetic.terms && i < weights->layout->layers; i++)
        weights->packed[i].down = take_blocks(weights, &weights->layout->layer[i], arena);
}

void bp_weights_carve(bp_weights *weights, bp_arena *arena)
{
    bp_weights_carve_forward(weights, arena);
    for (uint32_t i = 1; i < weights->layout->layers; i++)
        carve_backward(weights, i, arena);
}

void bp_weights_carve_first(bp_weights *weights, bp_arena *arena)
{
    carve_backward(weights, 0, arena);
}

/* ------------------------------------------------------------------------------------------------------------- tiles */

/* A tile of W, and its place in the copies. */
typedef struct place {
    size_t rows, columns;
    const float *from; /* [rows][32] */
    size_t across;     /* floats or elements into the copy */
    size_t down;
} place;

static place place_of(const bp_weights *weights, const bp_layer *layer, size_t i, size_t j)
{
    size_t block = bp_block_elements(&weights->arithmetic);

    return (place){
        .rows = bp_size_min(BP_PANEL, layer->k - i * BP_PANEL),
        .columns = bp_size_min(BP_PANEL, layer->n - j * BP_PANEL),
        .from = weights->parameters + layer->w + (j * layer->k + i * BP_PANEL) * BP_PANEL,
        .across = weights->arithmetic.terms ? (i * layer->n_panels + j) * block : (i * layer->n + j * BP_PANEL) * BP_PANEL,
        .down = (j * layer->k_panels + i) * block,
    };
}

/* For dL/dz W^T. */
static void refresh_backward(const bp_weights *weights, uint32_t layer, const place *tile)
{
    const bp_arithmetic *a = &weights->arithmetic;

    if (a->terms)
        a->blocks->pack[BP_PACK_RIGHT_TURNED](a->terms, tile->rows, tile->columns, tile->from,
                                              weights->packed[layer].across + tile->across);
    else
        a->kernels->transpose(tile->rows, tile->columns, tile->from, weights->transposed[layer] + tile->across);
}

void bp_weights_refresh(const bp_weights *weights, uint32_t layer, size_t i, size_t j)
{
    const bp_arithmetic *a = &weights->arithmetic;
    place tile = place_of(weights, &weights->layout->layer[layer], i, j);
    uint16_t *down = weights->packed[layer].down;

    if (down)
        a->blocks->pack[BP_PACK_RIGHT](a->terms, tile.rows, tile.columns, tile.from, down + tile.down);
    if (layer && (weights->transposed[layer] || weights->packed[layer].across))
        refresh_backward(weights, layer, &tile);
}

/* Blocks are padded as they are packed. */
static void clear_padding(const bp_weights *weights, uint32_t layer, const place *tile)
{
    if (weights->transposed[layer] && tile->rows < BP_PANEL)
        memset(weights->transposed[layer] + tile->across, 0, tile->columns * BP_PANEL * sizeof(float));
}

void bp_weights_refresh_first(const bp_weights *weights, size_t i, size_t j)
{
    place tile = place_of(weights, &weights->layout->layer[0], i, j);

    clear_padding(weights, 0, &tile);
    refresh_backward(weights, 0, &tile);
}

void bp_weights_begin(const bp_weights *weights, uint32_t layer, size_t i, size_t j)
{
    place tile = place_of(weights, &weights->layout->layer[layer], i, j);

    if (layer)
        clear_padding(weights, layer, &tile);
    bp_weights_refresh(weights, layer, i, j);
}

static bp_stream lines_at(const void *first, size_t bytes)
{
    return (bp_stream){first, bytes / 256 * 4};
}

bp_stream *bp_weights_streams(const bp_weights *weights, uint32_t layer, size_t i, size_t j, bp_stream *next)
{
    place tile = place_of(weights, &weights->layout->layer[layer], i, j);
    size_t block = bp_block_elements(&weights->arithmetic) * sizeof(uint16_t);

    if (weights->packed[layer].down)
        *next++ = lines_at(weights->packed[layer].down + tile.down, block);
    if (layer && weights->packed[layer].across)
        *next++ = lines_at(weights->packed[layer].across + tile.across, block);
    if (layer && weights->transposed[layer])
        *next++ = lines_at(weights->transposed[layer] + tile.across, tile.rows * BP_PANEL * sizeof(float));
    return next;
}
