/* Blocks of bf16: packing and products of every table are what blocks.h says, to the bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "helper_blocks.h"
#include "numbers.h"

TestSuite(blocks, .init = flush_subnormals);

enum { BLOCK = BP_BLOCK_TERM, COUNT_MOST = 65, OPERAND = COUNT_MOST * BP_TERMS_MAX * BLOCK };

/* Beside the kinds of `fill`: products of many exponents that over- and underflow, and bf16 of few bits around 2^-63 and below. */
enum { FILL_WIDE = FILL_KINDS, FILL_FEW_BITS, BLOCK_FILLS };

static float wide_number(uint64_t seed, uint64_t i)
{
    return ldexpf((float)scattered(seed, i), (int)(70 * scattered(seed + 1, i)));
}

static float number_of_few_bits(uint64_t seed, uint64_t i)
{
    return ldexpf((float)(int)(4 * scattered(seed, i)), -63 + (int)(3 * scattered(seed + 1, i)));
}

static void fill_difficult(float *to, size_t count, int kind, uint64_t seed)
{
    if (kind < FILL_KINDS)
        fill(to, count, (fill_kind)kind, seed);
    else
        for (size_t i = 0; i < count; i++)
            to[i] = kind == FILL_WIDE ? wide_number(seed, i) : number_of_few_bits(seed, i);
}

/* ------------------------------------------------------------------------------------------------------------- packing */

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
        term[t] = bf16_nearest(x);
        x = (fabsf(x) < 0x1p-126f ? 0 : x) - bf16_value(term[t]);
    }
}

/* Where element (r, j) goes in a term. */
static size_t place(bp_packing packing, size_t r, size_t j)
{
    bool turned = packing == BP_PACK_LEFT_TURNED || packing == BP_PACK_RIGHT_TURNED;
    size_t first = turned ? j : r, second = turned ? r : j;

    if (packing == BP_PACK_LEFT || packing == BP_PACK_LEFT_TURNED)
        return 32 * first + second;
    return second / 16 * 512 + first / 2 * 32 + second % 16 * 2 + first % 2;
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
                p->wanted[t * BLOCK + place(packing, r, j)] = p->terms[32 * r + j][t];
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
    for (size_t i = 0; i < terms * BLOCK; i++)
        if (to[i] != p->wanted[i] && !(bf16_is_nan(to[i]) && bf16_is_nan(p->wanted[i])))
            cr_assert_fail("%s, packing %d, %u terms, %zu x %zu: [%zu][%zu] is %04x, not %04x", table->name, (int)packing, terms,
                           rows, columns, i / BLOCK, i % BLOCK, to[i], p->wanted[i]);
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
    p->from_fence = fence_make(BLOCK * sizeof(float));
    p->to_fence = fence_make(BP_TERMS_MAX * BLOCK * sizeof(uint16_t));
}

static void packed_end(packed *p)
{
    fence_free(&p->from_fence);
    fence_free(&p->to_fence);
}

Test(blocks, are_packed_with_zeros_around_every_shape)
{
    static packed p;

    packed_begin(&p);
    source(&p, FILL_ORDINARY, 1);
    for (size_t rows = 1; rows <= 32; rows++)
        for (size_t columns = 1; columns <= 32; columns++)
            check_packings(&p, rows, columns);
    packed_end(&p);
}

Test(blocks, round_to_nearest_even_whatever_the_number)
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

/* ------------------------------------------------------------------------------------------------------------ products */

/* A product of `count` blocks of `terms`, and its sums by the contract, without what follows a chain. */
typedef struct subject {
    block_table tables[BLOCK_TABLES_MOST];
    size_t table_count;
    unsigned terms;
    size_t count;
    fence left_fence, right_fence, c_fence;
    uint16_t *left, *right;
    float sums[BLOCK];
} subject;

static void begin(subject *s)
{
    s->table_count = block_tables_here(s->tables);
    s->left_fence = fence_make(OPERAND * sizeof(uint16_t));
    s->right_fence = fence_make(OPERAND * sizeof(uint16_t));
    s->c_fence = fence_make(BLOCK * sizeof(float));
}

static void end(const subject *s)
{
    fence_free(&s->left_fence);
    fence_free(&s->right_fence);
    fence_free(&s->c_fence);
}

static float of(const uint16_t *block, bp_packing packing, size_t r, size_t j)
{
    float value = bf16_value(block[place(packing, r, j)]);
    return fabsf(value) < 0x1p-126f ? 0 : value;
}

/* c += even + odd of one term of each operand. */
static void reference_step(const uint16_t *left, const uint16_t *right, float *c)
{
    for (size_t i = 0; i < 32; i++)
        for (size_t j = 0; j < 32; j++) {
            float chain[2] = {0, 0};
            for (size_t p = 0; p < 32; p++)
                chain[p % 2] = fmaf(of(left, BP_PACK_LEFT, i, p), of(right, BP_PACK_RIGHT, p, j), chain[p % 2]);
            c[32 * i + j] += chain[0] + chain[1];
        }
}

static void reference(subject *s)
{
    static const char *const orders[] = {"00", "100100", "201011010200"};
    const char *order = orders[s->terms - 1];

    memset(s->sums, 0, sizeof s->sums);
    for (size_t block = 0; block < s->count; block++)
        for (size_t p = 0; order[p]; p += 2) {
            size_t left = block * s->terms + (size_t)(order[p] - '0'), right = block * s->terms + (size_t)(order[p + 1] - '0');
            reference_step(s->left + left * BLOCK, s->right + right * BLOCK, s->sums);
        }
}

static uint16_t *operand(const fence *f, bp_packing packing, unsigned terms, size_t count, int kind, uint64_t seed)
{
    static float from[BLOCK];
    uint16_t *to = fence_at(f, count * terms * BLOCK * sizeof *to, false);

    for (size_t i = 0; i < count; i++) {
        fill_difficult(from, BLOCK, kind, seed + 10 * i);
        bp_blocks_scalar.pack[packing](terms, 32, 32, from, to + i * terms * BLOCK);
    }
    return to;
}

/* Some bf16 that no packing makes: subnormal ones, which products must take for 0. */
static void add_subnormals(uint16_t *operand, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        if (scattered(seed, i) > 0.9)
            operand[i] = (uint16_t)(1 + i % 127 + i % 2 * 0x8000);
}

static void make_subject(subject *s, unsigned terms, size_t count, int kind)
{
    s->terms = terms;
    s->count = count;
    s->left = operand(&s->left_fence, BP_PACK_LEFT, terms, count, kind, 1);
    s->right = operand(&s->right_fence, BP_PACK_RIGHT, terms, count, kind, 7);
    if (kind == FILL_TINY) {
        add_subnormals(s->left, count * terms * BLOCK, 3);
        add_subnormals(s->right, count * terms * BLOCK, 4);
    }
    reference(s);
}

static float *fresh_c(const subject *s, size_t rows)
{
    float *c = fence_floats(&s->c_fence, 32 * rows, false);

    for (size_t i = 0; i < 32 * rows; i++)
        c[i] = NAN;
    return c;
}

static void assert_rows(const subject *s, const block_table *table, const float *c, const float *wanted, size_t rows,
                        const char *what)
{
    size_t i = first_difference(c, wanted, 32 * rows);

    if (i < 32 * rows)
        cr_assert_fail("%s, %s, %u terms, %zu blocks, %zu rows: c[%zu][%zu] is %a, not %a", table->blocks->name, what, s->terms,
                       s->count, rows, i / 32, i % 32, (double)c[i], (double)wanted[i]);
}

static void check_rows(const subject *s, size_t rows)
{
    float finished[BLOCK];

    for (size_t i = 0; i < BLOCK; i++)
        finished[i] = s->sums[i] + 0.0f;
    for (size_t t = 0; t < s->table_count; t++) {
        float *c = fresh_c(s, rows);
        block_product(&s->tables[t], rows, s->terms, s->count, s->left, s->right, BP_CHAIN_FIRST, NULL, c);
        assert_rows(s, &s->tables[t], c, s->sums, rows, "sums");
        block_product(&s->tables[t], rows, s->terms, s->count, s->left, s->right, BP_CHAIN_WHOLE, NULL, fresh_c(s, rows));
        assert_rows(s, &s->tables[t], c, finished, rows, "whole");
    }
}

/* Every count by every kind and number of terms; calls `check` for each. */
static void for_subjects(size_t most, void (*check)(const subject *))
{
    static const size_t counts[] = {1, 2, 3, 33, COUNT_MOST};
    static subject s;

    begin(&s);
    for (size_t n = 0; n < sizeof counts / sizeof *counts && counts[n] <= most; n++)
        for (unsigned terms = 1; terms <= BP_TERMS_MAX; terms++)
            for (int kind = 0; kind < BLOCK_FILLS; kind++) {
                make_subject(&s, terms, counts[n], kind);
                check(&s);
            }
    end(&s);
}

static void check_every_height(const subject *s)
{
    for (size_t rows = 1; rows <= 32; rows++)
        check_rows(s, rows);
}

static void check_whole_blocks(const subject *s)
{
    check_rows(s, 32);
}

Test(blocks, products_of_every_height_follow_the_contract)
{
    for_subjects(2, check_every_height);
}

Test(blocks, long_products_follow_the_contract)
{
    for_subjects(COUNT_MOST, check_whole_blocks);
}

/* Sums rest in c at every multiple of `step` blocks, and lines of both operands are asked for ahead. */
static void check_cut(const subject *s, const block_table *table, size_t rows, size_t step)
{
    const bp_stream ahead[] = {{(const float *)s->left, 4}, {(const float *)s->right, 20}, {NULL, 0}};
    size_t block = s->terms * BLOCK;
    float *c = fresh_c(s, rows);

    table->blocks->enter();
    for (size_t done = 0; done < s->count; done += step) {
        size_t count = s->count - done < step ? s->count - done : step;
        table->blocks->product(rows, s->terms, count, s->left + done * block, s->right + done * block,
                               bp_chain_at(done, count, s->count), NULL, ahead, c);
    }
    table->blocks->leave();
    for (size_t i = 0; i < 32 * rows; i++)
        c[i] -= 0.0f; /* keeps -0 */
    assert_rows(s, table, c, s->sums, rows, "cut");
}

static void check_cuts(const subject *s)
{
    float finished[BLOCK];
    subject zeroed = *s;

    for (size_t i = 0; i < BLOCK; i++)
        finished[i] = s->sums[i] + 0.0f;
    memcpy(zeroed.sums, finished, sizeof finished);
    for (size_t t = 0; t < s->table_count; t++)
        for (size_t step = 1; step <= 2; step++) {
            check_cut(&zeroed, &s->tables[t], 32, step);
            check_cut(&zeroed, &s->tables[t], 13, step);
        }
}

Test(blocks, cut_products_have_the_bits_of_whole_ones)
{
    for_subjects(3, check_cuts);
}

/* ---------------------------------------------------------------------------------------------------- what follows a chain */

/* The activation and the slope of these functions, or none where -1. */
static void check_end(const subject *s, int activation, int slope, const float *bias, const float *a)
{
    for (size_t t = 0; t < s->table_count; t++)
        for (size_t rows = 1; rows <= 32; rows += rows == 1 ? 16 : 15) {
            const bp_kernels *kernels = s->tables[t].kernels;
            bp_end end = {.bias = bias, .a = a};
            float wanted[BLOCK], *c = fresh_c(s, rows);

            if (activation >= 0)
                end.activate = kernels->activate[activation];
            if (slope >= 0)
                end.slope = kernels->slope[slope];
            for (size_t i = 0; i < BLOCK; i++)
                wanted[i] = bias ? (s->sums[i] + 0.0f) + bias[i % 32] : s->sums[i] + 0.0f;
            if (activation >= 0)
                bp_kernels_scalar.activate[activation](BLOCK, wanted);
            if (slope >= 0)
                bp_kernels_scalar.slope[slope](BLOCK, a, wanted);
            block_product(&s->tables[t], rows, s->terms, s->count, s->left, s->right, BP_CHAIN_WHOLE, &end, c);
            assert_rows(s, &s->tables[t], c, wanted, rows, "end");
        }
}

static void check_ends(const subject *s)
{
    static float bias[32], a[BLOCK];

    fill(bias, 32, FILL_ORDINARY, 11);
    fill(a, BLOCK, FILL_ZEROS, 12);
    for (int function = -1; function <= BP_TANH; function++) {
        check_end(s, function, -1, function % 2 ? bias : NULL, NULL);
        check_end(s, function, -1, bias, NULL);
        check_end(s, -1, function, NULL, a);
    }
}

Test(blocks, bias_and_functions_follow_the_chains)
{
    for_subjects(1, check_ends);
}

/* ------------------------------------------------------------------------------------------------------------- accuracy */

/* The largest |error| over sum |a||b| of k = 2,048. */
static double relative_error(const block_table *table, unsigned terms)
{
    enum { BLOCKS = 64 };
    static float a[BLOCKS][BLOCK], b[BLOCKS][BLOCK], c[BLOCK];
    static uint16_t left[BLOCKS * BP_TERMS_MAX * BLOCK] __attribute__((aligned(64)));
    static uint16_t right[BLOCKS * BP_TERMS_MAX * BLOCK] __attribute__((aligned(64)));
    double worst = 0;

    for (size_t i = 0; i < BLOCKS; i++) {
        scatter_f32(a[i], BLOCK, 2 * i, 1);
        scatter_f32(b[i], BLOCK, 2 * i + 1, 1);
        table->blocks->pack[BP_PACK_LEFT](terms, 32, 32, a[i], left + i * terms * BLOCK);
        table->blocks->pack[BP_PACK_RIGHT](terms, 32, 32, b[i], right + i * terms * BLOCK);
    }
    block_product(table, 32, terms, BLOCKS, left, right, BP_CHAIN_WHOLE, NULL, c);
    for (size_t i = 0; i < BLOCK; i++) {
        double exact = 0, sizes = 0;
        for (size_t p = 0; p < BLOCKS * 32; p++) {
            double product = (double)a[p / 32][i / 32 * 32 + p % 32] * (double)b[p / 32][p % 32 * 32 + i % 32];
            exact += product;
            sizes += fabs(product);
        }
        worst = fmax(worst, fabs((double)c[i] - exact) / sizes);
    }
    return worst;
}

Test(blocks, more_terms_come_as_near_as_they_promise)
{
    static const double most[] = {8e-3, 1e-6, 2e-7};
    block_table tables[BLOCK_TABLES_MOST];
    size_t count = block_tables_here(tables);

    for (size_t t = 0; t < count; t++)
        for (unsigned terms = 1; terms <= BP_TERMS_MAX; terms++) {
            double error = relative_error(&tables[t], terms);
            cr_assert_leq(error, most[terms - 1], "%s, %u terms: %g", tables[t].blocks->name, terms, error);
            cr_assert_geq(error, most[terms - 1] / 100, "%s, %u terms: %g, so good that the test measures something else",
                          tables[t].blocks->name, terms, error);
        }
}
