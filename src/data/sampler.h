/* The order of examples: which rows make up each minibatch.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SAMPLER_H
#define BP_SAMPLER_H

#include "backprop.h"
#include "kernels.h"

/* order [rows.count] gets the rows in the order of one epoch: as they stand, or shuffled by (seed, epoch). Every epoch's
 * order is made from the rows themselves, not from the last one's, so that an epoch can be resumed. */
void bp_sampler_order(const bp_kernels *kernels, bp_rows rows, bp_shuffle shuffle, uint64_t seed, uint64_t epoch, uint64_t *order);

/* Blocks of a data set, BP_BPD_ROWS rows each by their numbers, in the order in which an epoch takes them. */
typedef struct bp_block_order {
    uint64_t count;
    uint64_t *turns; /* [count], numbers of the blocks */
    uint64_t
        *ends; /* [count], by a block's number: where its rows end in the order; they begin where those of the turn before end */
} bp_block_order;

/* The same, block after block: blocks in random turns and rows in random places within them (BP_SHUFFLE_BLOCKS), or all as
 * they stand (BP_SHUFFLE_NONE; rows ascend then). Turns do not depend on which rows were chosen. blocks->count is that of the
 * data set. */
void bp_sampler_blocks(const bp_kernels *kernels, bp_rows rows, bp_shuffle shuffle, uint64_t seed, uint64_t epoch,
                       bp_block_order *blocks, uint64_t *order);

#endif
