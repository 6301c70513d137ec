/* The gradient of a minibatch: dW = a^T dL/dz and db = sum dL/dz of each layer, summed over shards by the tree.
 *
 * buffers   While a thread walks its rows it computes each shard's gradient into a buffer of its own and folds what is
 *           complete; a tile of the total is folded from all threads' nodes when its owner asks for it.
 * tiles     A tile of the total is computed when its owner asks for it, shard by shard, in the owner's scratch.
 *           Where it is one long chain, the rows are walked in parts, and the sums so far rest in a block of their own.
 *
 *      buffers of a thread   | depth 0: W0 b0 W1 b1 ... | depth 1: ... | ...      as in the layout, one for each depth
 *      scratch of a thread   | depth 0: dW [32][32], db [32] | depth 1: ... | ...
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_GRADIENT_H
#define BP_GRADIENT_H

#include "pass.h"
#include "plan.h"
#include "shard_tree.h"
#include "sparse.h"

#define BP_TILE_FLOATS (BP_PANEL * BP_PANEL + BP_PANEL) /* dW, then db */

typedef struct bp_gradient_thread {
    float *buffers; /* [plan.blocks][layout.floats] */
    float *scratch; /* [plan.levels][BP_TILE_FLOATS] */
    bp_fold *fold;  /* [layers]: nodes of the shards walked so far */
} bp_gradient_thread;

typedef struct bp_gradients {
    const bp_layout *layout;
    const bp_plan *plan;
    float *resting;                /* [layout.floats]: sums of long chains between their parts */
    bp_gradient_thread *thread;    /* [plan.threads] */
    const bp_sparse_batch *sparse; /* of a layer in tiles whose x is sparse: its entries, listed by the whole team; else NULL */
} bp_gradients;

/* `resting`: borrowed, see bp_gradients. */
void bp_gradients_carve(bp_gradients *gradients, const bp_layout *layout, const bp_plan *plan, float *resting, bp_arena *arena);

/* The member begins a minibatch. */
void bp_gradients_begin(bp_gradients *gradients, bp_member member);

/* Buffered layers: adds some rows of the pass, which are rows `row` ... of a minibatch of m, and folds the shards that end with
 * them. A member's rows come in ascending order, each once, and begin with a shard. */
void bp_gradients_walk(bp_gradients *gradients, bp_member member, const bp_pass *pass, bp_span rows, size_t row, size_t m);

/* For those who make the gradient of a shard, `count` floats of all layers, in their own way: where the member's next one goes;
 * that it is there; and the total of all members, after the barrier. */
float *bp_gradients_next(const bp_gradients *gradients, bp_member member);
void bp_gradients_push(bp_gradients *gradients, bp_member member, size_t shard, size_t count);
float *bp_gradients_total(bp_gradients *gradients, bp_member member, size_t count);

/* Whether a layer's tiles are made from sparse x. */
static inline bool bp_gradients_are_sparse(const bp_gradients *gradients, uint32_t layer)
{
    return !layer && gradients->sparse;
}

/* Rows of a tile's dW that may not be 0, bit by bit: those that sparse x has entries for. */
uint32_t bp_gradients_rows(const bp_gradients *gradients, bp_member member, const bp_tile *tile);

/* Rows of a part in which a layer's tiles are walked, for a minibatch of m: m itself, but for long chains of dense x; by the plan:
 * as if x were dense. */
size_t bp_gradients_part(const bp_gradients *gradients, uint32_t layer, size_t m);
size_t bp_plan_part(const bp_plan *plan, uint32_t layer, size_t m);

/* Panel j of a layer's dL/dz for those rows, as tiles read it, and its bytes, which are those of a's panels too. */
const void *bp_gradients_panel(const bp_plan *plan, const bp_pass *pass, uint32_t layer, size_t j, bp_span rows);
size_t bp_gradients_panel_bytes(const bp_plan *plan, bp_span rows);

/* dW and db of a tile, after the barrier: with the part `rows` added to what came before, all of m rows with the last part. They
 * live until the member's next tile. Parts in ascending order, each tile once in a part. `ahead`: see product_columns. */
void bp_gradients_tile(bp_gradients *gradients, bp_member member, const bp_pass *pass, bp_span rows, size_t m,
                       const bp_stream *ahead, bp_tile *tile);

#endif
