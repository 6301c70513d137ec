/* The order of examples: every row once, a function of seed and epoch, and each order as likely as any other.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1000, BLOCK = 8192, BLOCKS = 5, MANY = 4 * BLOCK + 77 };

static void order_of(uint64_t count, uint64_t seed, uint64_t epoch, uint64_t *order)
{
    bp_sampler_order(&bp_kernels_scalar, (bp_rows){NULL, count}, BP_SHUFFLE_FULL, seed, epoch, order);
}

Test(sampler, every_row_comes_once)
{
    for (uint64_t count = 0; count <= ROWS; count += count < 40 ? 1 : 137) {
        uint64_t order[ROWS];
        unsigned char seen[ROWS] = {0};
        order_of(count, 1, 2, order);
        for (uint64_t i = 0; i < count; i++) {
            cr_assert(order[i] < count && !seen[order[i]], "%llu rows, place %llu", (unsigned long long)count,
                      (unsigned long long)i);
            seen[order[i]] = 1;
        }
    }
}

Test(sampler, chosen_rows_stay_the_chosen_ones)
{
    uint64_t index[ROWS], order[ROWS], places[ROWS];

    for (uint64_t i = 0; i < ROWS; i++)
        index[i] = 7 * i + 3;
    order_of(ROWS, 5, 6, places);
    bp_sampler_order(&bp_kernels_scalar, (bp_rows){index, ROWS}, BP_SHUFFLE_FULL, 5, 6, order);
    for (uint64_t i = 0; i < ROWS; i++)
        cr_assert_eq(order[i], 7 * places[i] + 3);
}

Test(sampler, without_shuffling_rows_stand_as_they_were_given)
{
    uint64_t index[] = {9, 2, 5}, order[3];

    bp_sampler_order(&bp_kernels_scalar, (bp_rows){index, 3}, BP_SHUFFLE_NONE, 1, 1, order);
    cr_assert_eq(memcmp(order, index, sizeof index), 0);
    bp_sampler_order(&bp_kernels_scalar, (bp_rows){NULL, 3}, BP_SHUFFLE_NONE, 1, 1, order);
    cr_assert(order[0] == 0 && order[1] == 1 && order[2] == 2);
}

Test(sampler, an_order_depends_on_seed_and_epoch_alone)
{
    uint64_t first[ROWS], again[ROWS], epoch[ROWS], seed[ROWS];

    order_of(ROWS, 1, 3, first);
    order_of(ROWS, 1, 4, epoch);
    order_of(ROWS, 2, 3, seed);
    memset(again, 0xff, sizeof again);
    order_of(ROWS, 1, 3, again);
    cr_assert_eq(memcmp(first, again, sizeof first), 0);
    cr_assert_neq(memcmp(first, epoch, sizeof first), 0);
    cr_assert_neq(memcmp(first, seed, sizeof first), 0);
}

/* 120 orders of 5 rows in 24,000 epochs: each 200 times, with a deviation of 14; six of those are no accident. */
Test(sampler, every_order_is_as_likely_as_another)
{
    enum { ORDERS = 120, EPOCHS = 200 * ORDERS };
    unsigned seen[5 * 5 * 5 * 5 * 5] = {0};
    unsigned orders = 0;

    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        uint64_t order[5];
        size_t number = 0;
        order_of(5, 77, epoch, order);
        for (size_t i = 0; i < 5; i++)
            number = 5 * number + order[i];
        seen[number]++;
    }
    for (size_t number = 0; number < sizeof seen / sizeof *seen; number++) {
        orders += seen[number] > 0;
        cr_assert(seen[number] == 0 || (seen[number] > 116 && seen[number] < 284), "order %zu came %u times", number, seen[number]);
    }
    cr_assert_eq(orders, ORDERS);
}

/* ---------------------------------------------------------------------------------------------------------------- blocks */

static uint64_t turns[BLOCKS], ends[BLOCKS];

static uint64_t *blocks_of(bp_rows rows, bp_shuffle shuffle, uint64_t seed, uint64_t epoch)
{
    uint64_t *order = malloc(MANY * sizeof *order);
    bp_block_order blocks = {BLOCKS, turns, ends};

    cr_assert(order);
    bp_sampler_blocks(&bp_kernels_scalar, rows, shuffle, seed, epoch, &blocks, order);
    return order;
}

/* Every third row. */
static bp_rows some_rows(void)
{
    static uint64_t index[MANY / 3];

    for (uint64_t i = 0; i < MANY / 3; i++)
        index[i] = 3 * i + 1;
    return (bp_rows){index, MANY / 3};
}

static void expect_blocks(bp_rows rows, const uint64_t *order)
{
    static unsigned char seen[MANY];
    uint64_t begin = 0;

    memset(seen, 0, sizeof seen);
    for (uint64_t turn = 0; turn < BLOCKS; turn++) {
        for (uint64_t i = begin; i < ends[turns[turn]]; i++) {
            cr_assert_eq(order[i] / BLOCK, turns[turn], "place %llu", (unsigned long long)i);
            cr_assert(!seen[order[i]]++);
        }
        begin = ends[turns[turn]];
    }
    cr_assert_eq(begin, rows.count);
    for (uint64_t i = 0; i < rows.count; i++)
        cr_assert(seen[rows.index ? rows.index[i] : i]);
}

Test(sampler, blocks_hold_their_own_rows_once)
{
    bp_rows all = {NULL, MANY}, some = some_rows();
    uint64_t *of_all = blocks_of(all, BP_SHUFFLE_BLOCKS, 1, 2), *of_some;

    expect_blocks(all, of_all);
    of_some = blocks_of(some, BP_SHUFFLE_BLOCKS, 1, 2);
    expect_blocks(some, of_some);
    free(of_all);
    free(of_some);
}

Test(sampler, turns_do_not_depend_on_the_chosen_rows)
{
    uint64_t first[BLOCKS];

    free(blocks_of((bp_rows){NULL, MANY}, BP_SHUFFLE_BLOCKS, 1, 2));
    memcpy(first, turns, sizeof first);
    free(blocks_of(some_rows(), BP_SHUFFLE_BLOCKS, 1, 2));
    cr_assert_eq(memcmp(first, turns, sizeof first), 0);
}

Test(sampler, blocks_and_their_rows_come_anew_by_seed_and_epoch)
{
    bp_rows all = {NULL, MANY};
    uint64_t *first = blocks_of(all, BP_SHUFFLE_BLOCKS, 1, 2), *again = blocks_of(all, BP_SHUFFLE_BLOCKS, 1, 2),
             *epoch = blocks_of(all, BP_SHUFFLE_BLOCKS, 1, 3), *seed = blocks_of(all, BP_SHUFFLE_BLOCKS, 2, 2);
    unsigned moved = 0;

    cr_assert_eq(memcmp(first, again, MANY * sizeof *first), 0);
    cr_assert_neq(memcmp(first, epoch, MANY * sizeof *first), 0);
    cr_assert_neq(memcmp(first, seed, MANY * sizeof *first), 0);
    for (uint64_t i = 1; i < BLOCK; i++)
        moved += first[i] != first[i - 1] + 1;
    cr_assert_gt(moved, BLOCK - 10, "rows of a block are in no order");
    free(first);
    free(again);
    free(epoch);
    free(seed);
}

Test(sampler, blocks_without_shuffling_stand_as_they_are)
{
    bp_rows some = some_rows();
    uint64_t *order = blocks_of(some, BP_SHUFFLE_NONE, 1, 2);

    expect_blocks(some, order);
    cr_assert_eq(memcmp(order, some.index, some.count * sizeof *order), 0);
    free(order);
}

/* 10,000 epochs: each block stands in each of five places 2000 times, with a deviation of 40; six of those are no accident. */
Test(sampler, every_place_of_a_block_is_as_likely_as_another)
{
    unsigned seen[BLOCKS][BLOCKS] = {{0}};
    uint64_t index[BLOCKS] = {0, BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK};

    for (uint64_t epoch = 0; epoch < 10000; epoch++) {
        free(blocks_of((bp_rows){index, BLOCKS}, BP_SHUFFLE_BLOCKS, 9, epoch));
        for (size_t turn = 0; turn < BLOCKS; turn++)
            seen[turn][turns[turn]]++;
    }
    for (size_t turn = 0; turn < BLOCKS; turn++)
        for (size_t block = 0; block < BLOCKS; block++)
            cr_assert(seen[turn][block] > 1760 && seen[turn][block] < 2240, "block %zu, turn %zu: %u", block, turn,
                      seen[turn][block]);
}

Test(sampler, blocks_give_the_order_that_was_written_down)
{
    uint64_t *order = blocks_of(some_rows(), BP_SHUFFLE_BLOCKS, 3, 4), sum = 0;

    for (size_t i = 0; i < MANY / 3; i++)
        sum = sum * 31 + order[i];
    cr_assert_eq(sum, UINT64_C(10680455560212290036), "%llu", (unsigned long long)sum);
    free(order);
}
