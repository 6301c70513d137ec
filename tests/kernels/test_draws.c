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
