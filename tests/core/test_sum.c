/* Tests of sum.h.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "numbers.h"
#include "sum.h"

enum { MOST = 700 };

/* Nodes cover as many blocks as the largest power of two below their count, from the left. */
static double tree(const double *values, size_t count)
{
    size_t left = BP_SUM_BLOCK;
    double chain = 0.0;

    for (size_t i = 0; i < count && count <= BP_SUM_BLOCK; i++)
        chain += values[i];
    if (count <= BP_SUM_BLOCK)
        return chain;
    while (2 * left < count)
        left *= 2;
    return tree(values, left) + tree(values + left, count - left);
}

static double added(const double *values, size_t count)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t i = 0; i < count; i++)
        bp_sum_add(&sum, values[i]);
    return bp_sum_total(&sum);
}

/* Zeros are skipped, and those behind the last value are left out. */
static double skipped(const double *values, size_t count)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0.0) {
            bp_sum_skip(&sum, i);
            bp_sum_add(&sum, values[i]);
        }
    return bp_sum_total(&sum);
}

static void assert_same(double got, double wanted, size_t count, size_t apart)
{
    cr_assert(memcmp(&got, &wanted, sizeof got) == 0, "%zu values, %zu apart: %a, not %a", count, apart, got, wanted);
}

Test(sum, is_the_tree_over_chains_of_blocks)
{
    double values[MOST];

    for (size_t i = 0; i < MOST; i++)
        values[i] = scattered(1, i);
    for (size_t count = 0; count <= MOST; count++)
        assert_same(added(values, count), tree(values, count), count, 1);
}

Test(sum, without_its_zeros_is_the_same)
{
    double values[MOST];

    for (size_t apart = 1; apart < 400; apart += 3) {
        for (size_t i = 0; i < MOST; i++)
            values[i] = (i + 7) % apart ? 0.0 : scattered(2, i);
        for (size_t count = 0; count <= MOST; count += 5)
            assert_same(skipped(values, count), tree(values, count), count, apart);
    }
}
