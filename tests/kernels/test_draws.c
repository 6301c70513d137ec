/* Random numbers made many at a time are those that are made one at a time, in every table.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "helper_kernels.h"
#include "random.h"

TestSuite(draws, .init = flush_subnormals);

static void check(const bp_kernels *table, uint64_t seed, uint64_t epoch, uint32_t index, uint64_t first, size_t count)
{
    uint64_t got[40];

    got[count] = 4711;
    table->random_bits(seed, bp_random_use(BP_STREAM_ORDER, epoch), index, first, count, got);
    for (size_t i = 0; i < count; i++) {
        philox4x32_ctr_t one = bp_random(seed, BP_STREAM_ORDER, epoch, index, first + i);
        cr_assert_eq(got[i], (uint64_t)one.v[1] << 32 | one.v[0], "%s: seed %llx, epoch %llu, element %llx", table->name,
                     (unsigned long long)seed, (unsigned long long)epoch, (unsigned long long)(first + i));
    }
    cr_assert_eq(got[count], 4711, "%s wrote behind the last of %zu", table->name, count);
}

Test(draws, are_the_same_in_vectors_as_alone)
{
    static const uint64_t firsts[] = {0, 1, 255, 0xfffffffa, 0xffffffffff, 0xfffffffffffffffd};
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);

    for (size_t t = 0; t < count; t++)
        for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
            for (size_t n = 0; n < 40; n++)
                check(tables[t], n * 0x9e3779b97f4a7c15u, n * n, (uint32_t)n << 28, firsts[f], n);
}

Test(draws, kept_bits_are_words_of_the_numbers_not_below_the_threshold)
{
    static const uint32_t thresholds[] = {0, 1, 0x40000000, 0xf0000000};
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    uint32_t kept[5];

    for (size_t t = 0; t < count; t++)
        for (size_t k = 0; k < 4; k++) {
            tables[t]->draw_kept(77, bp_random_use(BP_STREAM_DROPOUT, 3), 6, 1000, 24, 5, thresholds[k], kept);
            for (size_t i = 0; i < 5 * 32; i++) {
                philox4x32_ctr_t bits = bp_random(77, BP_STREAM_DROPOUT, 3, 6, 1000 + i / 32 * 24 + i % 32 / 4);
                cr_assert_eq(kept[i / 32] >> i % 32 & 1, bits.v[i % 4] >= thresholds[k], "%s, %zu", tables[t]->name, i);
            }
        }
}

Test(draws, dropping_is_a_product_with_the_scale_or_with_zero)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    uint32_t kept[3] = {0x80000001, 0, 0xffff0f0f};
    float from[3 * 32], a[3 * 32];

    fill(from, 3 * 32, FILL_ORDINARY, 5);
    for (size_t t = 0; t < count; t++) {
        memcpy(a, from, sizeof a);
        tables[t]->drop(3, 1.25f, kept, a);
        for (size_t i = 0; i < 3 * 32; i++)
            cr_assert_eq(a[i], kept[i / 32] >> i % 32 & 1 ? from[i] * 1.25f : 0.0f, "%s, %zu", tables[t]->name, i);
    }
}
