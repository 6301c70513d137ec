/* A pass: what forward and backward leave in memory for some rows of a minibatch.
 *
 *      a[0] = x    a[1]    ...   a[K] = z of the last layer       [panels][ld][32], panel stride ld * 32 floats
 *                  d[1]    ...   d[K]                             dL/dz of layer i, of the same shape as a[i]
 *      d[0]                                                       dL/dx, NULL but where it may be asked for
 *
 * d[K] holds y until the loss has made dL/dz of it. Rows are independent: threads work on rows of their own in one pass.
 *
 * In mixed precision a[0] ... a[K - 1] and d[1] ... d[K] are there as packed operands too, made block by block, 32 rows of a panel,
 * as soon as a block is there: summed `across` their columns for the next layer, `down` their rows for the gradient. Where backward
 * does not need the f32 of a[i] (bp_pass_drops), a block of it lives in L1 alone: a[i] then is d[i]'s memory, and only sums of
 * chains rest there. Writing it, and reading it again, was a third of the traffic with L3 (784-1024-1024-1024-10 in bf16).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PASS_H
#define BP_PASS_H

#include "kernels.h"
#include "layout.h"
#include "memory.h"
#include "weights.h"

/* A matrix of r x c blocks as an operand, by the index that is summed. */
typedef struct bp_packed {
    uint16_t *across; /* its columns: [r][c] blocks */
    uint16_t *down;   /* its rows:    [c][r] blocks */
} bp_packed;

typedef struct bp_pass {
    size_t ld; /* rows that there is room for */
    float *a[BP_LAYERS_MAX + 1];
    float *d[BP_LAYERS_MAX + 1];       /* NULL in a pass that only predicts */
    float *slopes[BP_LAYERS_MAX + 1];  /* g'(z) of layer i, of the same shape, where a[i] does not tell it; else NULL */
    uint32_t *kept[BP_LAYERS_MAX + 1]; /* with dropout, of hidden layers: [panels][ld] rows of bits, see dropout.h; else NULL */
    float scale, undo;                 /* of dropout: 1 / (1 - p), 1 - p */
    size_t row_blocks;                 /* of 32 rows, that there is room for */
    bp_sparse_row *sparse;             /* [ld]: x where it is sparse, and a[0] is not looked at; NULL: it is dense */
    bp_packed packed_a[BP_LAYERS_MAX + 1];
    bp_packed packed_d[BP_LAYERS_MAX + 1];
} bp_pass;

/* Rows [first, first + count) of a pass. */
typedef struct bp_span {
    size_t first;
    size_t count;
} bp_span;

/* Blocks of 32 that hold that many rows. */
static inline size_t bp_row_blocks(size_t rows)
{
    return (rows + BP_PANEL - 1) / BP_PANEL;
}

/* Whether backward needs the slopes of a[i] beside it: it is a hidden layer of an activation that rises and falls. */
bool bp_pass_keeps_slopes(const bp_layout *layout, uint32_t i);

/* Whether in mixed precision the f32 of a[i] is dropped: it is a hidden layer, whose slope is kept, or told by its packed
 * operand. */
bool bp_pass_drops(const bp_layout *layout, uint32_t i);

/* The same for what dropout keeps: a share p above 0 is left out. Behind bp_pass_carve. */
void bp_pass_carve_kept(bp_pass *pass, const bp_layout *layout, double share, bp_arena *arena);

/* Bytes that one row takes up in all blocks of a pass with d, with operands of that many bf16 terms. */
size_t bp_pass_row_bytes(const bp_layout *layout, unsigned terms);

/* Takes the pass's blocks, for up to `rows` rows; `backward`: those of d too, but for d[0], which few ask for. */
void bp_pass_carve(bp_pass *pass, const bp_layout *layout, unsigned terms, size_t rows, bool backward, bp_arena *arena);

/* Rows of one block of the pass, a[i] or d[i], which has n columns, as a plain matrix [rows.count, n]. */
void bp_pass_unpack(const bp_pass *pass, const float *block, bp_span rows, size_t n, float *matrix);

/* Floats from one panel of a[i] or d[i] to the next: element (row, j) is at j / 32 * that + 32 * row + j % 32. */
static inline size_t bp_pass_panel(const bp_pass *pass)
{
    return pass->ld * BP_PANEL;
}

#endif
