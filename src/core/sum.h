/* Sums in double whose bits depend on the values and their order alone: chains over blocks of 64 values, and a binary tree
 * over the blocks, node = left + right, as in train/shard_tree.h; a ragged right end folds from the right.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SUM_H
#define BP_SUM_H

#include <stddef.h>
#include <stdint.h>

#define BP_SUM_BLOCK 64

typedef struct bp_sum {
    double block;     /* the chain of the block that is not full yet */
    uint64_t count;   /* values so far */
    double level[58]; /* level l: a complete node of 2^l blocks, where bit l of count / 64 is set */
} bp_sum;

static inline void bp_sum_start(bp_sum *sum)
{
    sum->block = 0.0;
    sum->count = 0;
}

/* The block is full: it and the complete nodes to its left become one. */
static inline void bp_sum_carry(bp_sum *sum)
{
    uint64_t blocks = sum->count / BP_SUM_BLOCK - 1; /* complete before this one */
    double node = sum->block;
    unsigned level = 0;

    for (; blocks >> level & 1; level++)
        node = sum->level[level] + node;
    sum->level[level] = node;
    sum->block = 0.0;
}

static inline void bp_sum_add(bp_sum *sum, double value)
{
    sum->block += value;
    if (++sum->count % BP_SUM_BLOCK == 0)
        bp_sum_carry(sum);
}

/* The chain of a whole block, made elsewhere, where one begins. */
static inline void bp_sum_add_block(bp_sum *sum, double block)
{
    sum->block = block;
    sum->count += BP_SUM_BLOCK;
    bp_sum_carry(sum);
}

/* A complete node of 2^level blocks, made elsewhere, where one may begin: at a multiple of its length. */
static inline void bp_sum_add_node(bp_sum *sum, unsigned level, double node)
{
    uint64_t nodes = sum->count / BP_SUM_BLOCK >> level; /* complete before this one */

    sum->count += (uint64_t)BP_SUM_BLOCK << level;
    for (; nodes & 1; nodes >>= 1, level++)
        node = sum->level[level] + node;
    sum->level[level] = node;
}

/* Zeros up to `count` values. */
static inline void bp_sum_skip(bp_sum *sum, uint64_t count)
{
    while (sum->count < count) {
        uint64_t end = (sum->count / BP_SUM_BLOCK + 1) * BP_SUM_BLOCK;
        sum->count = end < count ? end : count;
        if (sum->count % BP_SUM_BLOCK == 0)
            bp_sum_carry(sum);
    }
}

static inline double bp_sum_total(const bp_sum *sum)
{
    uint64_t blocks = sum->count / BP_SUM_BLOCK;
    double total = sum->block;
    for (unsigned level = 0; blocks >> level; level++)
        if (blocks >> level & 1)
            total = sum->level[level] + total;
    return total;
}

#endif
