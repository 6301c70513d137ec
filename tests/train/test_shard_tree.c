/* The tree over shards: one sum, whoever folds what.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "shard_tree.h"

#include <criterion/criterion.h>
#include <string.h>

#include "numbers.h"

enum { SHARDS_MOST = 300, COUNT = 32, BLOCKS_MOST = 24 };

static float leaves[SHARDS_MOST][COUNT];

/* Numbers of very different sizes, so that another order of additions shows. */
static void grow_leaves(void)
{
    for (size_t s = 0; s < SHARDS_MOST; s++)
        for (size_t i = 0; i < COUNT; i++)
            leaves[s][i] = (float)(scattered(s, i) * (s % 3 ? 1 : 100));
}

TestSuite(shard_tree, .init = grow_leaves);

/* The tree as it is defined: the left part of a node is the largest power of two that leaves something for the right. */
static float total_by_hand(size_t first, size_t count, size_t element)
{
    size_t left = 1;

    if (count == 1)
        return leaves[first][element];
    while (left * 2 < count)
        left *= 2;
    return total_by_hand(first, left, element) + total_by_hand(first + left, count - left, element);
}

/* What one thread has: the fold of shards first ... end - 1, a block for each depth. */
typedef struct worker {
    bp_fold fold;
    float blocks[BLOCKS_MOST][COUNT];
} worker;

static void walk(worker *w, size_t first, size_t end, unsigned room)
{
    w->fold.depth = 0;
    for (size_t s = first; s < end; s++) {
        float *block = w->blocks[w->fold.depth];
        cr_assert_lt(w->fold.depth, room, "shards %zu ... %zu need more than %u blocks", first, s, room);
        memcpy(block, leaves[s], sizeof leaves[s]);
        bp_fold_push(&w->fold, &bp_kernels_scalar, COUNT, (bp_node){s, 0, block});
    }
}

static void push_all(bp_fold *total, const worker *w)
{
    for (unsigned n = 0; n < w->fold.depth; n++)
        bp_fold_push(total, &bp_kernels_scalar, COUNT, w->fold.node[n]);
}

/* Shards cut in three at two places; a part may be empty. */
static void check_cuts(size_t shards, size_t one, size_t two, const float *wanted)
{
    static worker workers[3];
    size_t bounds[] = {0, one, two, shards};
    bp_fold total = {.depth = 0};

    for (int t = 0; t < 3; t++) {
        walk(&workers[t], bounds[t], bounds[t + 1], bp_fold_blocks(shards));
        push_all(&total, &workers[t]);
    }
    const float *sum = bp_fold_total(&total, &bp_kernels_scalar, COUNT);
    if (memcmp(sum, wanted, COUNT * sizeof *sum))
        cr_assert_fail("%zu shards cut at %zu and %zu: another sum", shards, one, two);
}

Test(shard_tree, any_cut_gives_the_bits_of_the_tree)
{
    float wanted[COUNT];

    for (size_t shards = 1; shards <= 34; shards++) {
        for (size_t i = 0; i < COUNT; i++)
            wanted[i] = total_by_hand(0, shards, i);
        for (size_t one = 0; one <= shards; one++)
            for (size_t two = one; two <= shards; two++)
                check_cuts(shards, one, two, wanted);
    }
}

Test(shard_tree, as_many_parts_as_shards_give_the_bits_of_the_tree)
{
    static float copies[SHARDS_MOST][COUNT];

    for (size_t shards = 1; shards <= SHARDS_MOST; shards += 7) {
        bp_fold total = {.depth = 0};
        memcpy(copies, leaves, sizeof copies);
        for (size_t s = 0; s < shards; s++)
            bp_fold_push(&total, &bp_kernels_scalar, COUNT, (bp_node){s, 0, copies[s]});
        const float *sum = bp_fold_total(&total, &bp_kernels_scalar, COUNT);
        cr_assert_eq(sum, copies[0], "the total is in the first node's memory");
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_eq(sum[i], total_by_hand(0, shards, i), "%zu shards", shards);
    }
}

Test(shard_tree, seven_shards_fold_as_the_picture_says)
{
    float n[7];

    for (size_t s = 0; s < 7; s++)
        n[s] = leaves[s][0];
    cr_assert_eq(total_by_hand(0, 7, 0), ((n[0] + n[1]) + (n[2] + n[3])) + ((n[4] + n[5]) + n[6]));
}

Test(shard_tree, no_run_of_shards_needs_more_than_its_blocks)
{
    static const size_t numbers[] = {1,  2,  3,  4,  5,   7,   8,   9,   15,  16,  17,  31, 32,
                                     33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 300};
    static worker w;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (size_t first = 0; first < numbers[i]; first++)
            walk(&w, first, numbers[i], bp_fold_blocks(numbers[i]));
}

Test(shard_tree, a_run_of_shards_needs_as_many_blocks_as_its_depth)
{
    for (size_t first = 0; first < 70; first++)
        for (size_t end = first + 1; end < 140; end++) {
            static float sum[COUNT];
            bp_fold fold = {.depth = 0};
            unsigned most = 0;
            for (size_t s = first; s < end; s++) {
                most = fold.depth + 1 > most ? fold.depth + 1 : most;
                bp_fold_push(&fold, &bp_kernels_scalar, 0, (bp_node){s, 0, sum});
            }
            cr_assert_eq(bp_fold_depth(first, end), most, "shards %zu to %zu: %u blocks", first, end, most);
        }
}

Test(shard_tree, what_a_fold_holds_are_nodes_of_the_tree_in_order)
{
    static worker w;

    for (size_t first = 0; first < 40; first++)
        for (size_t end = first + 1; end < 100; end++) {
            size_t covered = first;
            walk(&w, first, end, BLOCKS_MOST);
            for (unsigned n = 0; n < w.fold.depth; n++) {
                size_t leaves_under = (size_t)1 << w.fold.node[n].level;
                cr_assert(w.fold.node[n].first == covered && covered % leaves_under == 0, "[%zu, %zu), node %u", first, end, n);
                covered += leaves_under;
            }
            cr_assert_eq(covered, end, "[%zu, %zu) covered up to %zu", first, end, covered);
        }
}
