/* The weights of a network in the forms that its products read: the parameters themselves, and copies that follow them.
 *
 *      f32     W as it lies in the parameters; W^T [k panels][n][32] for dL/dz W^T
 *      mixed   blocks of bf16 terms, [terms][32][32] each (blocks.h), summed `down` its rows for a W, `across` its columns for
 *              dL/dz W^T: block (i, j) has rows 32 i ... and columns 32 j ... of W
 *
 * Copies are as large as what they are made from, and are made tile by tile, 32 x 32, by whoever has updated the tile. Those of the
 * first layer that dL/dz W^T would read are made when somebody asks for dL/dx.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_WEIGHTS_H
#define BP_WEIGHTS_H

#include "blocks.h"
#include "layout.h"
#include "memory.h"

/* A matrix of r x c blocks as an operand, by the index that is summed. */
typedef struct bp_packed {
    uint16_t *across; /* its columns: [r][c] blocks */
    uint16_t *down;   /* its rows:    [c][r] blocks */
} bp_packed;

/* How products are computed. */
typedef struct bp_arithmetic {
    const bp_kernels *kernels;
    const bp_block_kernels *blocks;
    unsigned terms; /* bf16 terms of an operand; 0: f32, without blocks */
} bp_arithmetic;

/* BP_INVALID where the isa, a limit as for bp_cpu_kernels, does not run here. */
bp_status bp_arithmetic_choose(bp_precision precision, bp_isa isa, bp_arithmetic *arithmetic, bp_error *error);

typedef struct bp_weights {
    bp_arithmetic arithmetic;
    const bp_layout *layout;
    const float *parameters;
    float *transposed[BP_LAYERS_MAX]; /* f32 */
    bp_packed packed[BP_LAYERS_MAX];  /* mixed */
} bp_weights;

/* Elements of one packed block. */
static inline size_t bp_block_elements(const bp_arithmetic *arithmetic)
{
    return (size_t)arithmetic->terms * BP_BLOCK_TERM;
}

/* Takes what both directions read of all layers, but for the first one's backward copy; that; or what forward alone reads. */
void bp_weights_carve(bp_weights *weights, bp_arena *arena);
void bp_weights_carve_first(bp_weights *weights, bp_arena *arena);
void bp_weights_carve_forward(bp_weights *weights, bp_arena *arena);

/* Makes the copies of tile (i, j) of a layer, where they have been carved; the first one's backward copy apart. */
void bp_weights_refresh(const bp_weights *weights, uint32_t layer, size_t i, size_t j);
void bp_weights_refresh_first(const bp_weights *weights, size_t i, size_t j);

/* The same into memory that was never written: padding, which products read, becomes 0. */
void bp_weights_begin(const bp_weights *weights, uint32_t layer, size_t i, size_t j);

/* What bp_weights_refresh will write of a tile, as up to two streams from `next` on; returns what is behind them. */
bp_stream *bp_weights_streams(const bp_weights *weights, uint32_t layer, size_t i, size_t j, bp_stream *next);

/* Before and behind the products of a thread. */
static inline void bp_arithmetic_enter(const bp_arithmetic *arithmetic)
{
    if (arithmetic->terms)
        arithmetic->blocks->enter();
}

static inline void bp_arithmetic_leave(const bp_arithmetic *arithmetic)
{
    if (arithmetic->terms)
        arithmetic->blocks->leave();
}

#endif
