/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "helper_blocks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA), of a processor with AMX-BF16 */
static bool amx_is_permitted(void)
{
    unsigned a, b, c, d;

    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1))
        return false;
    if (syscall(SYS_arch_prctl, 0x1023, 18) == 0)
        return true;
    fputs("AMX is refused: its blocks are not tested\n", stderr);
    return false;
}

size_t block_tables_here(block_table tables[BLOCK_TABLES_MOST])
{
    size_t count = 0;

    tables[count++] = (block_table){&bp_blocks_scalar, &bp_kernels_scalar};
    if (bp_cpu_has(BP_ISA_AVX2))
        tables[count++] = (block_table){&bp_blocks_avx2, &bp_kernels_avx2};
    if (bp_cpu_has(BP_ISA_AVX512))
        tables[count++] = (block_table){&bp_blocks_avx512, &bp_kernels_avx512};
    if (bp_cpu_has(BP_ISA_AVX512) && amx_is_permitted())
        tables[count++] = (block_table){&bp_blocks_amx, &bp_kernels_avx512};
    return count;
}
#elif defined(__aarch64__)
size_t block_tables_here(block_table tables[BLOCK_TABLES_MOST])
{
    tables[0] = (block_table){&bp_blocks_scalar, &bp_kernels_scalar};
    tables[1] = (block_table){&bp_blocks_neon, &bp_kernels_neon};
    return 2;
}
#else
size_t block_tables_here(block_table tables[BLOCK_TABLES_MOST])
{
    tables[0] = (block_table){&bp_blocks_scalar, &bp_kernels_scalar};
    return 1;
}
#endif

void block_product(const block_table *table, size_t rows, unsigned terms, size_t count, const uint16_t *left, const uint16_t *right,
                   bp_chain chain, const bp_end *end, float *c)
{
    table->blocks->enter();
    table->blocks->product(rows, terms, count, left, right, chain, end, NULL, c);
    table->blocks->leave();
}

float bf16_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;

    memcpy(&value, &wide, sizeof value);
    return value;
}

bool bf16_is_nan(uint16_t bits)
{
    return (bits & 0x7fffu) > 0x7f80u;
}

/* 2^128 where the exponent is that of infinities: what rounding measures the distance to. */
static double magnitude(uint16_t bits)
{
    return bits == 0x7f80 ? 0x1p128 : (double)bf16_value(bits);
}

uint16_t bf16_nearest(float x)
{
    uint32_t bits;
    uint16_t sign, low;

    memcpy(&bits, &x, sizeof bits);
    sign = (uint16_t)(bits >> 16 & 0x8000u);
    low = (uint16_t)(bits >> 16 & 0x7fffu); /* towards 0 */
    if (isnan(x))
        return 0x7fc0;
    if (low < 0x80)
        return sign;
    if (isinf(x))
        return sign | low;
    double below = fabs((double)x) - magnitude(low), above = magnitude((uint16_t)(low + 1)) - fabs((double)x);
    if (below > above || (below == above && low % 2))
        low++;
    return sign | low;
}
