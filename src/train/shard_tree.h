/* How the sums of shards become one gradient.
 *
 * A minibatch of m rows is cut into shards of R rows; the last may be short. Shard sums are the leaves of a binary tree, and
 * every node is left + right:
 *
 *      s0   s1   s2   s3   s4   s5   s6
 *        \  /      \  /      \  /    |
 *         n1        n1        n1     |     level 1: pairs that are complete
 *            \    /              \   /
 *              n2                 r        the leftover nodes fold from the right
 *                  \            /
 *                      total
 *
 * Invariant: a node is a function of its leaves alone. Who computes it, when, and on how many threads changes no bit.
 *
 * A fold takes nodes in ascending order and merges as it goes; what it holds are complete nodes of falling size.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SHARD_TREE_H
#define BP_SHARD_TREE_H

#include <stddef.h>

#include "kernels.h"

/* Consecutive shards leave at most 1 + 2 log2 of their number of nodes; the number is below 2^32. */
#define BP_FOLD_MAX 66

typedef struct bp_node {
    size_t first;   /* its leftmost leaf */
    unsigned level; /* it covers 2^level leaves */
    float *sum;     /* [count] */
} bp_node;

typedef struct bp_fold {
    unsigned depth;
    bp_node node[BP_FOLD_MAX];
} bp_fold;

/* The next node. Siblings merge at once, into the left one's memory: node[i].sum stays what it was when it was pushed i-th,
 * so a caller who keeps one block for each depth may push the block of the depth that the fold has. */
void bp_fold_push(bp_fold *fold, const bp_kernels *kernels, size_t count, bp_node node);

/* The total of one node or more, in the memory of the first. */
float *bp_fold_total(bp_fold *fold, const bp_kernels *kernels, size_t count);

/* Most nodes that are alive while shards first ... end - 1 are folded, the one being made included. */
unsigned bp_fold_depth(size_t first, size_t end);

/* Most nodes that can be alive for any run of consecutive shards out of `shards`, the one being made included. */
unsigned bp_fold_blocks(size_t shards);

#endif
