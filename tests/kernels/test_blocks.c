/* Blocks of bf16: products of every table are what blocks.h says, to the bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "helper_blocks.h"
#include "numbers.h"

TestSuite(blocks, .init = flush_subnormals);

enum { BLOCK = BP_BLOCK_TERM, COUNT_MOST = 65, OPERAND = COUNT_MOST * BP_TERMS_MAX * BLOCK };

/* A product of `count` blocks of `terms`, and by the contract its sums, and what they are when their chains have ended. */
typedef struct subject {
    block_table tables[BLOCK_TABLES_MOST];
    size_t table_count;
    unsigned terms;
    size_t count;
    fence left_fence, right_fence, c_fence;
    uint16_t *left, *right;
    float sums[BLOCK], ended[BLOCK];
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

/* A term [32][32] of an operand, row by row of the matrix it comes from, as products take it. */
static void values(const uint16_t *term, bp_packing packing, float *to)
{
    for (size_t i = 0; i < BLOCK; i++) {
        float value = bf16_value(term[block_place(packing, i / 32, i % 32)]);
        to[i] = fabsf(value) < 0x1p-126f ? 0 : value;
    }
}

/* c += even + odd of one term of each operand. */
static void reference_step(const uint16_t *left, const uint16_t *right, float *c)
{
    float a[BLOCK], b[BLOCK];

    values(left, BP_PACK_LEFT, a);
    values(right, BP_PACK_RIGHT, b);
    for (size_t i = 0; i < BLOCK; i++) {
        float chain[2] = {0, 0};
        for (size_t p = 0; p < 32; p++)
            chain[p % 2] = fmaf(a[i / 32 * 32 + p], b[32 * p + i % 32], chain[p % 2]);
        c[i] += chain[0] + chain[1];
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
    for (size_t i = 0; i < BLOCK; i++)
        s->ended[i] = s->sums[i] + 0.0f;
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

/* A product between enter and leave. */
static void multiply(const subject *s, const block_table *table, size_t rows, bp_chain chain, const bp_end *end, float *c)
{
    table->blocks->enter();
    table->blocks->product(rows, s->terms, s->count, s->left, s->right, chain, end, NULL, c);
    table->blocks->leave();
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
    for (size_t t = 0; t < s->table_count; t++) {
        float *c = fresh_c(s, rows);
        multiply(s, &s->tables[t], rows, BP_CHAIN_FIRST, NULL, c);
        assert_rows(s, &s->tables[t], c, s->sums, rows, "sums");
        multiply(s, &s->tables[t], rows, BP_CHAIN_WHOLE, NULL, fresh_c(s, rows));
        assert_rows(s, &s->tables[t], c, s->ended, rows, "whole");
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
    assert_rows(s, table, c, s->ended, rows, "cut");
}

static void check_cuts(const subject *s)
{
    for (size_t t = 0; t < s->table_count; t++)
        for (size_t step = 1; step <= 2; step++) {
            check_cut(s, &s->tables[t], 32, step);
            check_cut(s, &s->tables[t], 13, step);
        }
}

Test(blocks, cut_products_have_the_bits_of_whole_ones)
{
    for_subjects(3, check_cuts);
}

/* ---------------------------------------------------------------------------------------------------- what follows a chain */

/* The activation and the slope of these functions, or none where -1. */
static void check_end(const subject *s, int activation, int slope, const float *bias, const float *a, const uint16_t *signs)
{
    for (size_t t = 0; t < s->table_count; t++)
        for (size_t rows = 1; rows <= 32; rows += rows == 1 ? 16 : 15) {
            const bp_kernels *kernels = s->tables[t].kernels;
            float wanted[BLOCK], wanted_kept[BLOCK] = {0}, kept[BLOCK] = {0}, *c = fresh_c(s, rows);
            bp_end end = {.bias = bias, .a = slope == BP_RELU ? NULL : a, .signs = signs, .slopes = kept};

            if (activation >= 0)
                end.activate = kernels->activate[activation];
            if (slope >= 0)
                end.slope = kernels->slope[slope];
            for (size_t i = 0; i < BLOCK; i++)
                wanted[i] = bias ? s->ended[i] + bias[i % 32] : s->ended[i];
            if (activation >= 0)
                bp_kernels_scalar.activate[activation](BLOCK, wanted, wanted_kept);
            if (slope >= 0)
                bp_kernels_scalar.slope[slope](BLOCK, a, wanted);
            multiply(s, &s->tables[t], rows, BP_CHAIN_WHOLE, &end, c);
            assert_rows(s, &s->tables[t], c, wanted, rows, "end");
            cr_assert_eq(first_difference(kept, wanted_kept, 32 * rows), 32 * rows, "slopes of activation %d", activation);
        }
}

static void check_ends(const subject *s)
{
    static float bias[32], a[BLOCK];
    static uint16_t signs[BLOCK] __attribute__((aligned(64)));

    fill(bias, 32, FILL_ORDINARY, 11);
    fill(a, BLOCK, FILL_ZEROS, 12);
    a[1] = 0x1p-126f; /* the least that is not flushed */
    a[2] = -0x1p-126f;
    a[3] = -0.0f;
    bp_blocks_scalar.pack[BP_PACK_LEFT](1, 32, 32, a, signs);
    for (int function = -1; function <= BP_SOFTPLUS; function++) {
        check_end(s, function, -1, function % 2 ? bias : NULL, NULL, NULL);
        check_end(s, function, -1, bias, NULL, NULL);
        check_end(s, -1, function, NULL, a, signs);
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
    multiply(&(subject){.terms = terms, .count = BLOCKS, .left = left, .right = right}, table, 32, BP_CHAIN_WHOLE, NULL, c);
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
