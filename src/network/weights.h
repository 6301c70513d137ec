/* How products are computed, and the weights of a network in the forms that they read.
 *
 *      f32     W as it lies in the parameters, and for dL/dz W^T, where the layout says so, a copy W^T [k panels][n][32], as large
 *              as W, which follows it tile by tile, 32 x 32, made by whoever has updated the tile. The first layer's is made when
 *              somebody asks for dL/dx.
 *      mixed   W as it lies in the parameters: its tiles are packed just before they are used (block_product.h)
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_WEIGHTS_H
#define BP_WEIGHTS_H

#include "blocks.h"
#include "layout.h"
#include "memory.h"

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
    float *transposed[BP_LAYERS_MAX]; /* f32: of layers that have a copy, where it has been carved */
} bp_weights;

/* Elements of one packed block. */
static inline size_t bp_block_elements(const bp_arithmetic *arithmetic)
{
    return (size_t)arithmetic->terms * BP_BLOCK_TERM;
}

/* Takes the copies of all layers but the first one; that of the first. */
void bp_weights_carve(bp_weights *weights, bp_arena *arena);
void bp_weights_carve_first(bp_weights *weights, bp_arena *arena);

/* Makes the copy of tile (i, j) of a layer, but for the first one's; that of the first. */
void bp_weights_refresh(const bp_weights *weights, uint32_t layer, size_t i, size_t j);
void bp_weights_refresh_first(const bp_weights *weights, size_t i, size_t j);

/* The same into memory that was never written: padding, which products read, becomes 0. */
void bp_weights_begin(const bp_weights *weights, uint32_t layer, size_t i, size_t j);

/* What bp_weights_refresh will write of a tile; no lines where that is nothing. */
bp_stream bp_weights_stream(const bp_weights *weights, uint32_t layer, size_t i, size_t j);

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
