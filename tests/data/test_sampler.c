/* The order of examples: every row once, a function of seed and epoch, and each order as likely as any other.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ROWS = 1000 };

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
