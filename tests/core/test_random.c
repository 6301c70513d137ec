/* Tests of random.h: the published answers of Philox-4x32-10, and what is made of its bits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "random.h"

/* kat_vectors of Random123: nist philox 4x32 10. */
Test(random, philox_gives_its_published_answers)
{
    static const uint32_t vectors[][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
    };

    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const uint32_t *v = vectors[i];
        philox4x32_ctr_t counter = {{v[0], v[1], v[2], v[3]}};
        philox4x32_key_t key = {{v[4], v[5]}};
        philox4x32_ctr_t bits = philox4x32(counter, key);
        for (int j = 0; j < 4; j++)
            cr_assert_eq(bits.v[j], v[6 + j], "vector %zu, word %d", i, j);
    }
}

/* The third vector again, through the names that models depend on. */
Test(random, arguments_stand_where_they_always_stood)
{
    philox4x32_ctr_t bits = bp_random(0x299f31d0a4093822, (bp_random_stream)3, 0x707344, 0x13198a2e, 0x85a308d3243f6a88);

    cr_assert_eq(bits.v[0], 0xd16cfe09);
    cr_assert_eq(bits.v[3], 0x24126ea1);
}

Test(random, every_argument_matters_and_epochs_wrap)
{
    uint32_t base = bp_random(1, BP_STREAM_ORDER, 2, 3, 4).v[0];

    cr_assert_neq(base, bp_random(2, BP_STREAM_ORDER, 2, 3, 4).v[0]);
    cr_assert_neq(base, bp_random(1, BP_STREAM_SPLIT, 2, 3, 4).v[0]);
    cr_assert_neq(base, bp_random(1, BP_STREAM_ORDER, 3, 3, 4).v[0]);
    cr_assert_neq(base, bp_random(1, BP_STREAM_ORDER, 2, 4, 4).v[0]);
    cr_assert_neq(base, bp_random(1, BP_STREAM_ORDER, 2, 3, 5).v[0]);
    cr_assert_neq(base, bp_random(1, BP_STREAM_ORDER, 2, 3, 4 + ((uint64_t)1 << 32)).v[0]);
    cr_assert_eq(base, bp_random(1, BP_STREAM_ORDER, 2 + (1 << 24), 3, 4).v[0]);
}

Test(random, units_lie_in_the_half_open_interval_and_spread)
{
    philox4x32_ctr_t zeros = {{0}}, ones = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    double sum = 0;

    cr_assert_eq(bp_random_unit(zeros), 0);
    cr_assert_eq(bp_random_unit(ones), 1 - 0x1p-53);
    for (uint64_t i = 0; i < 4096; i++)
        sum += bp_random_unit(bp_random(7, BP_STREAM_BENCH, 0, 0, i));
    cr_assert_float_eq(sum / 4096, 0.5, 0.02); /* 4 deviations of 1 / sqrt(12 * 4096) */
}

Test(random, numbers_below_a_bound_reach_each_and_no_other)
{
    philox4x32_ctr_t zeros = {{0}}, ones = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    int seen[7] = {0};

    cr_assert_eq(bp_random_below(zeros, UINT64_MAX), 0);
    cr_assert_eq(bp_random_below(ones, UINT64_MAX), UINT64_MAX - 1);
    cr_assert_eq(bp_random_below(ones, 1), 0);
    for (uint64_t i = 0; i < 7000; i++)
        seen[bp_random_below(bp_random(7, BP_STREAM_ORDER, 0, 0, i), 7)]++;
    for (int i = 0; i < 7; i++)
        cr_assert(seen[i] > 850 && seen[i] < 1150, "%d came %d times of 7000", i, seen[i]);
}
