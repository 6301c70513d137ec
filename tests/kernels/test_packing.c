/* Packing of blocks of bf16: every table rounds, splits and orders as blocks.h says, to the bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "helper_blocks.h"
#include "numbers.h"

TestSuite(packing, .init = flush_subnormals);

enum { BLOCK = BP_BLOCK_TERM };

static bool is_nan(uint16_t bits)
{
    return (bits & 0x7fffu) > 0x7f80u;
}

/* 2^128 where the exponent is that of infinities: what rounding measures the distance to. */
static double magnitude(uint16_t bits)
{
    return bits == 0x7f80 ? 0x1p128 : (double)bf16_value(bits);
}

/* The contract's rounding, said with doubles. */
static uint16_t nearest(float x)
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

/* Floats at and around every border that rounding has. */
static void fill_borders(float *to, uint64_t seed)
{
    static const uint32_t lows[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x0080, 0x4000};
    static const uint32_t highs[] = {0, 0x007f, 0x0080, 0x0081, 0x3f80, 0x3f81, 0x3fff, 0x7f7f, 0x7f80, 0x7fff, 0x7e80, 0x0c00};

    for (uint64_t i = 0; i < BLOCK; i++) {
        uint64_t choice = (uint64_t)(0x1p20 + 0x1p20 * scattered(seed, i));
        uint32_t bits = highs[choice / 16 % 12] << 16 | lows[choice % 8] | (uint32_t)(choice / 8 % 2) << 31;
        memcpy(to + i, &bits, sizeof bits);
    }
}

static void split(float x, uint16_t term[BP_TERMS_MAX])
{
    for (unsigned t = 0; t < BP_TERMS_MAX; t++) {
        term[t] = nearest(x);
        x = (fabsf(x) < 0x1p-126f ? 0 : x) - bf16_value(term[t]);
    }
}

/* A source, its terms, and what a block of some of it must be. */
typedef struct packed {
    float from[BLOCK];
    uint16_t terms[BLOCK][BP_TERMS_MAX];
    uint16_t wanted[BP_TERMS_MAX * BLOCK];
    fence from_fence, to_fence;
} packed;

static void want(packed *p, bp_packing packing, size_t rows, size_t columns)
{
    memset(p->wanted, 0, sizeof p->wanted);
    for (size_t t = 0; t < BP_TERMS_MAX; t++)
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < columns; j++)
                p->wanted[t * BLOCK + block_place(packing, r, j)] = p->terms[32 * r + j][t];
}

static void assert_wanted(const packed *p, const bp_block_kernels *table, bp_packing packing, const char *way, unsigned terms,
                          size_t rows, size_t columns, const uint16_t *to)
{
    for (size_t i = 0; i < terms * BLOCK; i++)
        if (to[i] != p->wanted[i] && !(is_nan(to[i]) && is_nan(p->wanted[i])))
            cr_assert_fail("%s, packing %d of %s, %u terms, %zu x %zu: [%zu][%zu] is %04x, not %04x", table->name, (int)packing,
                           way, terms, rows, columns, i / BLOCK, i % BLOCK, to[i], p->wanted[i]);
}

static void check_packing(const packed *p, const bp_block_kernels *table, bp_packing packing, unsigned terms, size_t rows,
                          size_t columns)
{
    float *from = fence_floats(&p->from_fence, 32 * rows, false);
    uint16_t *to = fence_at(&p->to_fence, terms * BLOCK * sizeof *to, false);

    memcpy(from, p->from, 32 * rows * sizeof *from);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = columns; j < 32; j++)
            from[32 * r + j] = NAN; /* not a number that counts */
    table->pack[packing](terms, rows, columns, from, to);
    assert_wanted(p, table, packing, "floats", terms, rows, columns, to);
}

/* From what must be there when it is packed left. */
static void check_repacking(packed *p, const bp_block_kernels *table, bp_packing packing, unsigned terms, size_t rows,
                            size_t columns)
{
    uint16_t *left = fence_at(&p->from_fence, terms * BLOCK * sizeof *left, false);
    uint16_t *to = fence_at(&p->to_fence, terms * BLOCK * sizeof *to, false);

    want(p, BP_PACK_LEFT, rows, columns);
    memcpy(left, p->wanted, terms * BLOCK * sizeof *left);
    want(p, packing, rows, columns);
    (packing == BP_PACK_RIGHT ? table->pair : table->turn)(terms, left, to);
    assert_wanted(p, table, packing, "terms", terms, rows, columns, to);
}

static void check_packings(packed *p, size_t rows, size_t columns)
{
    block_table tables[BLOCK_TABLES_MOST];
    size_t count = block_tables_here(tables);

    for (bp_packing packing = 0; packing < BP_PACKINGS; packing++) {
        want(p, packing, rows, columns);
        for (size_t t = 0; t < count; t++)
            for (unsigned terms = 1; terms <= BP_TERMS_MAX; terms++)
                check_packing(p, tables[t].blocks, packing, terms, rows, columns);
    }
    for (size_t t = 0; t < count; t++)
        for (unsigned terms = 1; terms <= BP_TERMS_MAX; terms++) {
            check_repacking(p, tables[t].blocks, BP_PACK_RIGHT, terms, rows, columns);
            check_repacking(p, tables[t].blocks, BP_PACK_LEFT_TURNED, terms, rows, columns);
        }
}

static void source(packed *p, int kind, uint64_t seed)
{
    if (kind < BLOCK_FILLS)
        fill_difficult(p->from, BLOCK, kind, seed);
    else
        fill_borders(p->from, seed);
    for (size_t i = 0; i < BLOCK; i++)
        split(p->from[i], p->terms[i]);
}

static void packed_begin(packed *p)
{
    p->from_fence = fence_make(sizeof p->wanted);
    p->to_fence = fence_make(BP_TERMS_MAX * BLOCK * sizeof(uint16_t));
}

static void packed_end(packed *p)
{
    fence_free(&p->from_fence);
    fence_free(&p->to_fence);
}

Test(packing, puts_zeros_around_every_shape)
{
    static packed p;

    packed_begin(&p);
    source(&p, FILL_ORDINARY, 1);
    for (size_t rows = 1; rows <= 32; rows++)
        for (size_t columns = 1; columns <= 32; columns++)
            check_packings(&p, rows, columns);
    packed_end(&p);
}

Test(packing, rounds_to_nearest_even_whatever_the_number)
{
    static packed p;

    packed_begin(&p);
    for (int kind = 0; kind <= BLOCK_FILLS; kind++)
        for (uint64_t seed = 1; seed <= 8; seed++) {
            source(&p, kind, seed);
            check_packings(&p, 32, 32);
        }
    packed_end(&p);
}
