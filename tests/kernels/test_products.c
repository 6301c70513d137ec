/* Matrix products: each element is one chain of fused multiply-adds in ascending order, whatever shape, table and cuts.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "backprop.h"
#include "helper_kernels.h"

TestSuite(products, .init = flush_subnormals);

static const size_t depths[] = {1, 2, 3, 13, 14, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
static const size_t heights[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                                 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 63, 64, 65, 100};
static const size_t widths[] = {1, 2, 3, 7, 8, 9, 13, 15, 16, 17, 23, 24, 25, 31, 32};

enum {
    DEPTHS = sizeof depths / sizeof *depths,
    HEIGHTS = sizeof heights / sizeof *heights,
    WIDTHS = sizeof widths / sizeof *widths
};
enum { MOST = 100, PANELS = 4, ROOM = PANELS * 32 * (MOST + 5) };

/* One product c [m][32] = a [m, k] b [k][32] + bias, and what it must be. */
typedef struct subject {
    const bp_kernels *tables[TABLES_MOST];
    size_t table_count;
    fence a_fence, b_fence, c_fence, bias_fence, total_fence;
    size_t m, k, a_panel;
    float *a, *b, *bias;
    float plain[32 * MOST]; /* without a bias */
    float biased[32 * MOST];
} subject;

static void begin(subject *s)
{
    s->table_count = tables_here(s->tables);
    s->a_fence = fence_make(ROOM * sizeof(float));
    s->b_fence = fence_make(32 * MOST * sizeof(float));
    s->c_fence = fence_make(32 * MOST * sizeof(float));
    s->bias_fence = fence_make(32 * sizeof(float));
    s->total_fence = fence_make(32 * sizeof(float));
}

static void end(const subject *s)
{
    fence_free(&s->a_fence);
    fence_free(&s->b_fence);
    fence_free(&s->c_fence);
    fence_free(&s->bias_fence);
    fence_free(&s->total_fence);
}

static float a_by_rows(const subject *s, size_t i, size_t p)
{
    return s->a[p / 32 * s->a_panel + 32 * i + p % 32];
}

static float a_by_columns(const subject *s, size_t i, size_t p)
{
    return s->a[32 * p + i];
}

/* The naive chain, which starts at +0 and ends with + (+0). */
static void multiply(subject *s, float (*a)(const subject *, size_t, size_t))
{
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < 32; j++) {
            float sum = 0.0f;
            for (size_t p = 0; p < s->k; p++)
                sum = fmaf(a(s, i, p), s->b[32 * p + j], sum);
            s->plain[32 * i + j] = sum + 0.0f;
            s->biased[32 * i + j] = (sum + 0.0f) + s->bias[j];
        }
}

/* a in panels that have some rows more than the product takes: its last panel ends at the fence. */
static void place(subject *s, size_t m, size_t k, size_t a_floats, fill_kind kind)
{
    bool front = (m + k) % 2;

    s->m = m;
    s->k = k;
    s->a = fence_floats(&s->a_fence, a_floats, front);
    s->b = fence_floats(&s->b_fence, 32 * k, front);
    s->bias = fence_floats(&s->bias_fence, 32, front);
    fill(s->a, a_floats, kind, m);
    fill(s->b, 32 * k, kind, k + 200);
    fill(s->bias, 32, kind, k + 300);
}

static void place_rows(subject *s, size_t m, size_t k, fill_kind kind)
{
    s->a_panel = 32 * (m + k % 5);
    place(s, m, k, (k - 1) / 32 * s->a_panel + 32 * m, kind);
    multiply(s, a_by_rows);
}

static void place_columns(subject *s, size_t h, size_t m, fill_kind kind)
{
    place(s, h, m, 32 * m, kind);
    multiply(s, a_by_columns);
}

/* c at the fence, full of what must not be read. */
static float *fresh_c(const subject *s)
{
    float *c = fence_floats(&s->c_fence, 32 * s->m, s->m % 2);

    for (size_t i = 0; i < 32 * s->m; i++)
        c[i] = NAN;
    return c;
}

static void assert_columns(const subject *s, const bp_kernels *table, const float *c, const float *wanted, size_t columns,
                           const char *what)
{
    for (size_t i = 0; i < s->m; i++) {
        size_t j = first_difference(c + 32 * i, wanted + 32 * i, columns);
        if (j < columns)
            cr_assert_fail("%s, %s, m %zu, k %zu, columns %zu: c[%zu][%zu] is %a, not %a", table->name, what, s->m, s->k, columns,
                           i, j, (double)c[32 * i + j], (double)wanted[32 * i + j]);
    }
}

static void check_rows(const subject *s, size_t columns)
{
    for (size_t t = 0; t < s->table_count; t++) {
        const bp_kernels *table = s->tables[t];
        float *c = fresh_c(s);
        table->product_rows(s->m, s->k, s->a, s->a_panel, s->b, columns, BP_CHAIN_WHOLE, NULL, NULL, c);
        assert_columns(s, table, c, s->plain, columns, "rows");
        table->product_rows(s->m, s->k, s->a, s->a_panel, s->b, columns, BP_CHAIN_WHOLE, &(bp_end){.bias = s->bias}, s->b,
                            fresh_c(s));
        assert_columns(s, table, c, s->biased, columns, "rows with bias");
    }
}

static void check_columns(const subject *s, size_t columns)
{
    for (size_t t = 0; t < s->table_count; t++) {
        const bp_kernels *table = s->tables[t];
        float *c = fresh_c(s);
        table->product_columns(s->m, s->k, s->a, s->b, columns, BP_CHAIN_WHOLE, NULL, c, NULL);
        assert_columns(s, table, c, s->plain, columns, "columns");
        for (size_t lines = 4; lines <= 256; lines *= 4) { /* fewer and more than there are steps for */
            const bp_stream ahead[] = {{s->a, lines / 16 * 4}, {s->b, lines}, {s->a, 4}, {NULL, 0}};
            c = fresh_c(s);
            table->product_columns(s->m, s->k, s->a, s->b, columns, BP_CHAIN_WHOLE, ahead + (lines < 16), c, NULL);
            assert_columns(s, table, c, s->plain, columns, "columns with streams");
        }
    }
}

Test(products, of_rows_are_naive_chains_on_every_shape)
{
    static subject s;

    begin(&s);
    for (size_t i = 0; i < HEIGHTS; i++)
        for (size_t p = 0; p < DEPTHS; p++) {
            place_rows(&s, heights[i], depths[p], FILL_ORDINARY);
            for (size_t w = 0; w < WIDTHS; w++)
                check_rows(&s, widths[w]);
        }
    end(&s);
}

Test(products, of_columns_are_naive_chains_on_every_shape)
{
    static subject s;

    begin(&s);
    for (size_t h = 1; h <= 32; h++)
        for (size_t p = 0; p < DEPTHS; p++) {
            place_columns(&s, h, depths[p], FILL_ORDINARY);
            for (size_t w = 0; w < WIDTHS; w++)
                check_columns(&s, widths[w]);
        }
    end(&s);
}

Test(products, of_difficult_numbers_are_the_same_chains)
{
    static subject s;

    begin(&s);
    for (fill_kind kind = FILL_ZEROS; kind < FILL_KINDS; kind++)
        for (size_t i = 0; i < 17; i++)
            for (size_t p = 0; p < DEPTHS; p++) {
                place_rows(&s, heights[i], depths[p], kind);
                check_rows(&s, 32);
                check_rows(&s, 19);
                place_columns(&s, heights[i], depths[p], kind);
                check_columns(&s, 32);
                check_columns(&s, 19);
            }
    end(&s);
}

Test(products, of_zeros_never_come_out_negative)
{
    static subject s;

    begin(&s);
    place_rows(&s, 3, 33, FILL_ORDINARY);
    for (size_t i = 0; i < 32 * 33; i++)
        s.b[i] = -0.0f;
    for (size_t j = 0; j < 32; j++)
        s.bias[j] = -0.0f;
    multiply(&s, a_by_rows);
    check_rows(&s, 32);
    for (size_t i = 0; i < 32 * s.m; i++)
        cr_assert(s.plain[i] == 0 && !signbit(s.plain[i]) && !signbit(s.biased[i]), "the test itself");
    end(&s);
}

static bp_chain chain_of(size_t first, size_t end, size_t whole)
{
    return (bp_chain)((first == 0 ? BP_CHAIN_FIRST : 0) | (end == whole ? BP_CHAIN_LAST : 0));
}

/* Partial sums rest in c at every multiple of `block`. */
static void check_rows_in_blocks(const subject *s, size_t block)
{
    for (size_t t = 0; t < s->table_count; t++) {
        float *c = fresh_c(s);
        for (size_t done = 0; done < s->k; done += block) {
            size_t until = done + block < s->k ? done + block : s->k;
            s->tables[t]->product_rows(s->m, until - done, s->a + done / 32 * s->a_panel, s->a_panel, s->b + 32 * done, 32,
                                       chain_of(done, until, s->k), &(bp_end){.bias = s->bias}, NULL, c);
        }
        assert_columns(s, s->tables[t], c, s->biased, 32, "rows in blocks");
    }
}

static void check_columns_in_blocks(const subject *s, size_t block)
{
    for (size_t t = 0; t < s->table_count; t++) {
        float *c = fresh_c(s);
        for (size_t done = 0; done < s->k; done += block) {
            size_t until = done + block < s->k ? done + block : s->k;
            s->tables[t]->product_columns(s->m, until - done, s->a + 32 * done, s->b + 32 * done, 32, chain_of(done, until, s->k),
                                          (bp_stream[]){{s->b, 4}, {s->a, 8}, {NULL, 0}}, c, NULL);
        }
        assert_columns(s, s->tables[t], c, s->plain, 32, "columns in blocks");
    }
}

Test(products, cut_into_blocks_have_the_bits_of_the_whole)
{
    static subject s;

    begin(&s);
    for (fill_kind kind = 0; kind < FILL_KINDS; kind++)
        for (size_t p = 0; p < DEPTHS; p++)
            for (size_t m = 1; m <= 31; m += 6) {
                place_rows(&s, m, depths[p], kind);
                for (size_t block = 32; block < s.k; block += 32)
                    check_rows_in_blocks(&s, block);
                place_columns(&s, m, depths[p], kind);
                for (size_t block = 1; block < s.k; block += 7)
                    check_columns_in_blocks(&s, block);
            }
    end(&s);
}

/* ------------------------------------------------------------------------------------------------------ few columns */

/* b in panels of its turned form, with NaN behind the last step. */
static void turn(const subject *s, size_t columns, float *turned)
{
    for (size_t p = 0; p < (s->k + 31) / 32 * 32; p++)
        for (size_t j = 0; j < columns; j++)
            turned[p / 32 * 32 * columns + 32 * j + p % 32] = p < s->k ? s->b[32 * p + j] : NAN;
}

/* Sums rest in c at every multiple of `block`. */
static void narrow_in_blocks(const subject *s, const bp_kernels *table, const float *turned, size_t columns, size_t block,
                             const bp_end *end, float *c)
{
    for (size_t done = 0; done < s->k; done += block) {
        size_t steps = done + block < s->k ? block : s->k - done;
        table->product_narrow(s->m, steps, s->a + done / 32 * s->a_panel, s->a_panel, turned + done * columns, columns,
                              bp_chain_at(done, steps, s->k), end, c);
    }
}

/* Bias, activation and slope as the table's functions make them of whole rows. */
static void finish(const subject *s, const bp_end *end, float *wanted, float *wanted_slopes)
{
    memcpy(wanted, end->bias ? s->biased : s->plain, 32 * s->m * sizeof *wanted);
    if (end->activate)
        end->activate(32 * s->m, wanted, end->slopes ? wanted_slopes : NULL);
    if (end->slope)
        end->slope(32 * s->m, end->a, wanted);
}

static void check_narrow(const subject *s, size_t columns)
{
    static float turned[BP_NARROW * (MOST + 32)], wanted[32 * MOST], slopes[32 * MOST];
    static float kept[32 * MOST], wanted_kept[32 * MOST];

    turn(s, columns, turned);
    fill(slopes, 32 * s->m, FILL_ORDINARY, s->m);
    for (size_t t = 0; t < s->table_count; t++) {
        const bp_kernels *table = s->tables[t];
        const bp_end ends[] = {{.bias = NULL},
                               {.bias = s->bias, .activate = table->activate[BP_RELU]},
                               {.bias = s->bias, .activate = table->activate[BP_TANH]},
                               {.bias = s->bias, .activate = table->activate[BP_GELU], .slopes = kept},
                               {.slope = table->slope[BP_SIGMOID], .a = slopes}};
        for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
            float *c = fresh_c(s);
            finish(s, &ends[e], wanted, wanted_kept);
            narrow_in_blocks(s, table, turned, columns, e % 2 ? s->k : 32, e ? &ends[e] : NULL, c);
            assert_columns(s, table, c, wanted, columns, "narrow");
            if (ends[e].slopes)
                assert_columns(s, table, kept, wanted_kept, columns, "narrow, slopes");
            for (size_t i = 0; i < s->m; i++)
                for (size_t j = columns; j < 32; j++)
                    cr_assert(isnan(c[32 * i + j]), "%s: column %zu of %zu was written", table->name, j, columns);
        }
    }
}

Test(products, with_few_columns_are_naive_chains_on_every_shape)
{
    static subject s;

    begin(&s);
    for (fill_kind kind = 0; kind < FILL_KINDS; kind++)
        for (size_t i = 0; i < HEIGHTS; i++)
            for (size_t p = 0; p < DEPTHS; p++) {
                place_rows(&s, heights[i], depths[p], kind);
                check_narrow(&s, 1 + (i + p + kind) % BP_NARROW);
            }
    end(&s);
}

/* ------------------------------------------------------------------------------------------------------- sums of rows */

/* The products' last row is that of the sums: total's floats end at the fence. */
static void check_totals(const subject *s, size_t columns, const float *totals)
{
    const bp_stream ahead[] = {{s->b, 8}, {NULL, 0}};
    size_t half = s->k / 2;

    for (size_t t = 0; t < s->table_count; t++) {
        const bp_kernels *table = s->tables[t];
        float *c = fresh_c(s), *total = fence_floats(&s->total_fence, 32, t % 2);
        table->product_columns(s->m, s->k, s->a, s->b, columns, BP_CHAIN_WHOLE, NULL, c, total);
        assert_columns(s, table, c, s->plain, columns, "columns beside sums");
        cr_assert_eq(first_difference(total, totals, 32), 32, "%s: sums beside %zu x %zu", table->name, s->m, columns);
        for (size_t j = 0; j < 32; j++)
            total[j] = NAN;
        c = fresh_c(s);
        table->product_columns(s->m, half, s->a, s->b, columns, BP_CHAIN_FIRST, ahead, c, total);
        table->product_columns(s->m, s->k - half, s->a + 32 * half, s->b + 32 * half, columns, BP_CHAIN_LAST, ahead, c, total);
        assert_columns(s, table, c, s->plain, columns, "columns beside sums, in halves");
        cr_assert_eq(first_difference(total, totals, 32), 32, "%s: halves beside %zu x %zu", table->name, s->m, columns);
    }
}

static void check_all_totals(const subject *s)
{
    for (size_t columns = 1; columns <= 32; columns++) {
        float totals[32];
        for (size_t j = 0; j < 32; j++) {
            float sum = 0.0f;
            for (size_t r = 0; r < s->k; r++)
                sum += s->b[32 * r + j];
            totals[j] = j < columns ? sum + 0.0f : 0.0f;
        }
        check_totals(s, columns, totals);
    }
}

Test(products, sums_of_rows_beside_them_are_chains_with_zeros_behind_them)
{
    static subject s;

    begin(&s);
    for (fill_kind kind = 0; kind < FILL_KINDS; kind++)
        for (size_t p = 0; p < DEPTHS; p++) {
            place_columns(&s, 1 + (5 * p + kind) % 32, depths[p], kind);
            check_all_totals(&s);
        }
    for (size_t h = 0; h <= 32; h++) {
        place_columns(&s, h, 17, FILL_ORDINARY);
        check_all_totals(&s);
    }
    end(&s);
}

Test(products, adding_adds_to_the_left)
{
    static subject s;
    float wanted[96];

    begin(&s);
    for (fill_kind kind = 0; kind < FILL_KINDS; kind++)
        for (size_t count = 32; count <= 96; count += 32)
            for (size_t t = 0; t < s.table_count; t++) {
                float *left = fence_floats(&s.a_fence, count, t % 2), *right = fence_floats(&s.b_fence, count, t % 2);
                fill(left, count, kind, 1);
                fill(right, count, kind, 2);
                for (size_t i = 0; i < count; i++)
                    wanted[i] = left[i] + right[i];
                s.tables[t]->add(count, left, right);
                cr_assert_eq(first_difference(left, wanted, count), count, "%s", s.tables[t]->name);
            }
    end(&s);
}
