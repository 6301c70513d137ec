/* SPDX-License-Identifier: Apache-2.0 */
#include "shard_tree.h"

#include <assert.h>
#include <stdbool.h>

/* Neighbours of one level are siblings only where the left one begins at a multiple of the parent's size: otherwise it is
 * somebody's right half. */
static bool are_siblings(const bp_node *left, const bp_node *right)
{
    return left->level == right->level && left->first % ((size_t)2 << left->level) == 0;
}

void bp_fold_push(bp_fold *fold, const bp_kernels *kernels, size_t count, bp_node node)
{
    assert(fold->depth < BP_FOLD_MAX);
    fold->node[fold->depth++] = node;
    while (fold->depth > 1 && are_siblings(&fold->node[fold->depth - 2], &fold->node[fold->depth - 1])) {
        bp_node *left = &fold->node[fold->depth - 2];
        kernels->add(count, left->sum, left[1].sum);
        left->level++;
        fold->depth--;
    }
}

float *bp_fold_total(bp_fold *fold, const bp_kernels *kernels, size_t count)
{
    for (; fold->depth > 1; fold->depth--)
        kernels->add(count, fold->node[fold->depth - 2].sum, fold->node[fold->depth - 1].sum);
    return fold->node[0].sum;
}

/* Behind shard i - 1 the nodes of first ... i - 1 are those of the largest sizes that fit, from the left. */
static unsigned nodes_of(size_t first, size_t end)
{
    unsigned nodes = 0;

    for (; first < end; nodes++) {
        size_t size = first ? first & -first : (size_t)1 << 62;
        while (size > end - first)
            size /= 2;
        first += size;
    }
    return nodes;
}

unsigned bp_fold_depth(size_t first, size_t end)
{
    unsigned most = 0;

    for (size_t i = first; i < end; i++) {
        unsigned nodes = nodes_of(first, i) + 1;
        most = nodes > most ? nodes : most;
    }
    return most;
}

unsigned bp_fold_blocks(size_t shards)
{
    unsigned levels = 0;

    while (shards >> levels > 1)
        levels++;
    return 2 * levels + 2;
}
