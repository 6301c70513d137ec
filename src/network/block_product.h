/* The product c = a b of a layer in mixed precision, rows and panels of it: block by block, 32 rows of a panel, each packed as the
 * operand of later products while it is in L1.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BLOCK_PRODUCT_H
#define BP_BLOCK_PRODUCT_H

#include "pass.h"
#include "team.h"

/* Where the blocks of a matrix in a pass go, and how: `across` is a left operand; `down`, by rows, is a right one of dL/dz, and
 * a left one of a. Either may be NULL. */
typedef struct bp_packed_rows {
    bp_packed to;
    bp_packing down;
    size_t row_blocks;
} bp_packed_rows;

/* Of a[number], and of d[number]. */
bp_packed_rows bp_packed_left(const bp_pass *pass, uint32_t number);
bp_packed_rows bp_packed_right(const bp_pass *pass, uint32_t number);

/* Packs rows of `from` [panels][ld][32], which has n columns; rows begin at a multiple of 32. */
void bp_pack_rows(const bp_arithmetic *arithmetic, size_t panel, bp_packed_rows packed, const float *from, size_t n, bp_span rows);

/* c = a W, or c = a W^T. The tiles of W are packed just before they are used: copies of all of W would be written by each update
 * and be read by the next step, 4 bytes an element and term, out of L3 (784-1024-1024-1024-10 in bf16x3). */
typedef struct bp_block_product {
    const bp_layer *layer;
    bool turned;           /* W^T */
    const float *w;        /* the layer's W: [n panels][k][32] */
    const uint16_t *left;  /* a: [row blocks][panels of the summed index] blocks */
    size_t panel;          /* floats from one panel of c to the next */
    bp_end end;            /* bias [panels][32] or NULL, a of c's shape or NULL */
    float *c;              /* [panels][ld][32] */
    bp_packed_rows packed; /* of c */
} bp_block_product;

/* Blocks of a row of a. */
static inline size_t bp_block_product_count(const bp_block_product *product)
{
    return product->turned ? product->layer->n_panels : product->layer->k_panels;
}

/* What a thread packs tiles of W into. */
#define BP_STRIP_BYTES ((size_t)128 << 10)

/* The rows of c's panels `panels`; rows begin at a multiple of 32. strip [BP_STRIP_BYTES] is the thread's own. */
void bp_block_product_compute(const bp_arithmetic *arithmetic, const bp_block_product *product, bp_span rows, bp_range panels,
                              uint16_t *strip);

#endif
