/* The product c = a b of a layer in mixed precision, rows and panels of it: block by block, 32 rows of a panel, each packed as the
 * operand of later products while it is in L1.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BLOCK_PRODUCT_H
#define BP_BLOCK_PRODUCT_H

#include "dropout.h"
#include "pass.h"
#include "team.h"

/* Where the blocks of a matrix in a pass go, and how: `across` is a left operand; `down`, by rows, is a right one of dL/dz, and
 * a left one of a, turned. Both may be NULL, or `down` alone. */
typedef struct bp_packed_rows {
    bp_packed to;
    bool turned;
    size_t row_blocks;
} bp_packed_rows;

/* Of a[number], and of d[number]. */
bp_packed_rows bp_packed_left(const bp_pass *pass, uint32_t number);
bp_packed_rows bp_packed_right(const bp_pass *pass, uint32_t number);

/* Packs rows of `from` [panels][ld][32], which has n columns; rows begin at a multiple of 32. */
void bp_pack_rows(const bp_arithmetic *arithmetic, size_t panel, bp_packed_rows packed, const float *from, size_t n, bp_span rows);

/* c = a W, or c = a W^T. Tiles of W are packed just before they are used: copies of all of W would be written by each update and
 * read by the next step, two bytes an element and term each way, out of L3 (784-512-10 in bf16x3 on two threads: 774 us, so
 * 660). */
typedef struct bp_block_product {
    const bp_layer *layer;
    bool turned;           /* W^T */
    const float *w;        /* the layer's W as in the layout */
    const uint16_t *left;  /* a: [row blocks][panels of the summed index] blocks */
    const uint16_t *right; /* W or W^T: [panels of c][panels of the summed index] blocks; NULL: packed in parts */
    size_t panel;          /* floats from one panel of c to the next */
    bp_mask mask;          /* what follows the end */
    bp_end end;            /* bias [panels][32] or NULL, a and slopes of c's shape or NULL; signs by block */
    const uint16_t *signs; /* a, of c's shape, as a left operand, where there is a slope */
    float *c;              /* [panels][ld][32] */
    bool drops;            /* only c's packed operand is wanted: in c no more than sums of chains rest */
    bp_packed_rows packed; /* of c */
} bp_block_product;

/* Blocks of a row of a. */
static inline size_t bp_block_product_count(const bp_block_product *product)
{
    return product->turned ? product->layer->n_panels : product->layer->k_panels;
}

/* The rows of c's panels `panels`; rows begin at a multiple of 32. `room` is a strip's. */
void bp_block_product_compute(const bp_arithmetic *arithmetic, const bp_block_product *product, bp_span rows, bp_range panels,
                              uint16_t *room);

/* What a thread packs W into: a strip of it at a time, or all layers at once, where it takes many rows through a small network, a
 * few at a time. */
typedef struct bp_strip {
    uint16_t *room; /* [bp_strip_bytes]; NULL in f32 */
    bool whole;
} bp_strip;

size_t bp_strip_bytes(const bp_layout *layout, const bp_arithmetic *arithmetic, bool whole);

/* Packs all layers into a whole one. */
void bp_strip_fill(const bp_weights *weights, bp_strip strip);

/* A layer's W or W^T in a whole one; NULL where it is not. */
const uint16_t *bp_strip_right(const bp_weights *weights, bp_strip strip, uint32_t layer, bool turned);

#endif
