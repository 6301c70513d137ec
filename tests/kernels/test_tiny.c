/* A tiny network's shard in one call: gradient and losses have the bits of the formulas, chain by chain, from every table, for
 * every size that the kernel takes, inside fences.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "backprop.h"
#include "elementary.h"
#include "helper_kernels.h"

TestSuite(tiny, .init = flush_subnormals);

enum { WIDTH = BP_TINY_WIDTH, ROWS_MOST = 2 * BP_TINY_ROWS + 3, DATA_ROWS = 200, FLOATS_MOST = (WIDTH + 3) * 32 };

typedef struct subject {
    const bp_kernels *tables[TABLES_MOST];
    size_t table_count;
    fence x_fence, scratch_fence, gradient_fence, loss_fence;
    size_t m, k, n;
    bp_activation activation;
    bool logistic, weighted;
    float w1[WIDTH * 32], b1[32], w2[32], b2[32];
    float *x, y[2 * DATA_ROWS], weight[DATA_ROWS];
    uint64_t rows[ROWS_MOST];
    bool by_index;
    float wanted[FLOATS_MOST];
    double wanted_loss[ROWS_MOST];
} subject;

static void begin(subject *s)
{
    s->table_count = tables_here(s->tables);
    s->x_fence = fence_make(DATA_ROWS * WIDTH * sizeof(float));
    s->scratch_fence = fence_make(BP_TINY_SCRATCH * sizeof(float));
    s->gradient_fence = fence_make(FLOATS_MOST * sizeof(float));
    s->loss_fence = fence_make(ROWS_MOST * sizeof(double));
}

static void end(const subject *s)
{
    fence_free(&s->x_fence);
    fence_free(&s->scratch_fence);
    fence_free(&s->gradient_fence);
    fence_free(&s->loss_fence);
}

/* Columns behind the last are 0 in parameters. */
static void fill_parameters(subject *s)
{
    memset(s->w1, 0, sizeof s->w1);
    memset(s->b1, 0, sizeof s->b1);
    memset(s->w2, 0, sizeof s->w2);
    for (size_t i = 0; i < s->k; i++)
        fill(s->w1 + 32 * i, s->n, FILL_ORDINARY, i + 1);
    fill(s->b1, s->n, FILL_ZEROS, 77);
    fill(s->w2, s->n, FILL_ORDINARY, 78);
    fill(s->b2, 1, FILL_ORDINARY, 79);
}

static void place(subject *s, size_t m, size_t k, size_t n, fill_kind kind)
{
    s->m = m;
    s->k = k;
    s->n = n;
    s->x = fence_floats(&s->x_fence, DATA_ROWS * k, k % 2);
    fill_parameters(s);
    fill(s->x, DATA_ROWS * k, kind, k);
    fill(s->y, 2 * DATA_ROWS, FILL_ORDINARY, 81);
    fill(s->weight, DATA_ROWS, FILL_ORDINARY, 82);
    for (size_t r = 0; r < m; r++)
        s->rows[r] = s->by_index ? (r * 37 + 5) % DATA_ROWS : r + 3;
}

/* One example through the network: a, then dL/dz of the hidden layer. */
static void one_example(subject *s, size_t r, float a[32], float d[32], float *d_output)
{
    const float *x = s->x + s->rows[r] * s->k;
    float z = 0, y = s->y[2 * s->rows[r]], w = s->weighted ? s->weight[s->rows[r]] : 1.0f, p[32] = {0}, kept[32];
    bool keeps = s->activation == BP_GELU || s->activation == BP_SILU;

    for (size_t j = 0; j < 32; j++) {
        a[j] = 0;
        for (size_t i = 0; i < s->k; i++)
            a[j] = fmaf(x[i], s->w1[32 * i + j], a[j]);
        a[j] = a[j] + 0.0f + s->b1[j];
    }
    bp_kernels_scalar.activate[s->activation](32, a, kept);
    for (size_t j = 0; j < s->n; j++)
        z = fmaf(a[j], s->w2[j], z);
    z = z + 0.0f + s->b2[0];
    p[0] = z;
    if (s->logistic)
        bp_kernels_scalar.activate[BP_SIGMOID](32, p, NULL);
    double v = (double)z, e = (double)(z - y);
    double loss = s->logistic ? (v > 0 ? v : 0) - v * (double)y + bp_log1p((double)kernel_exp(-fabsf(z))) : 0.5 * (e * e);
    s->wanted_loss[r] = (double)w * loss;
    *d_output = (p[0] - y) * w;
    for (size_t j = 0; j < 32; j++)
        d[j] = fmaf(*d_output, s->w2[j], 0.0f) + 0.0f;
    bp_kernels_scalar.slope[s->activation](32, keeps ? kept : a, d);
}

static void by_hand(subject *s)
{
    size_t k = s->k, count = (k + 3) * 32;
    float a[32], d[32], output;

    memset(s->wanted, 0, sizeof s->wanted);
    for (size_t r = 0; r < s->m; r++) {
        one_example(s, r, a, d, &output);
        for (size_t j = 0; j < s->n; j++) {
            for (size_t i = 0; i < k; i++)
                s->wanted[32 * i + j] = fmaf(s->x[s->rows[r] * k + i], d[j], s->wanted[32 * i + j]);
            s->wanted[32 * k + j] += d[j];
            s->wanted[32 * (k + 1) + j] = fmaf(a[j], output, s->wanted[32 * (k + 1) + j]);
        }
        s->wanted[32 * (k + 2)] += output;
    }
    for (size_t i = 0; i < count; i++)
        s->wanted[i] += 0.0f;
}

static void assert_row(const subject *s, const float *gradient, size_t row, size_t columns, const char *table)
{
    size_t at = first_difference(gradient + 32 * row, s->wanted + 32 * row, columns);
    cr_assert_eq(at, columns, "%s, %zu-%zu-1, m %zu, activation %d%s: gradient [%zu][%zu] is %a, not %a", table, s->k, s->n, s->m,
                 (int)s->activation, s->logistic ? ", logistic" : "", row, at, (double)gradient[32 * row + at],
                 (double)s->wanted[32 * row + at]);
}

/* Leaves NaN where the next call will have its own variables. */
static __attribute__((noinline)) void dirty_stack(void)
{
    volatile unsigned char below[8192];

    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0xff;
}

static void check_table(const subject *s, const bp_kernels *table)
{
    float *gradient = fence_floats(&s->gradient_fence, (s->k + 3) * 32, false);
    double *losses = (double *)(void *)fence_floats(&s->loss_fence, 2 * s->m, false);
    bool finite = true;
    bp_tiny network = {s->k,
                       s->n,
                       table->activate[s->activation],
                       s->logistic ? 2 : 0,
                       s->w1,
                       s->b1,
                       s->w2,
                       s->b2,
                       fence_floats(&s->scratch_fence, BP_TINY_SCRATCH, false),
                       0};
    bp_tiny_rows rows = {s->x, s->y, s->weighted ? s->weight : NULL, s->k, 2, s->by_index ? s->rows : NULL, 3};

    memset(network.scratch, 0xff, BP_TINY_SCRATCH * sizeof(float)); /* NaN: nothing is read before it is written */
    dirty_stack();
    bool told = table->tiny(&network, &rows, s->m, gradient, losses);
    for (size_t r = 0; r < s->m; r++) {
        finite = finite && isfinite(s->wanted_loss[r]);
        cr_assert(memcmp(&losses[r], &s->wanted_loss[r], sizeof *losses) == 0 || (isnan(losses[r]) && isnan(s->wanted_loss[r])),
                  "%s, %zu-%zu-1, m %zu: the loss of row %zu is %a, not %a", table->name, s->k, s->n, s->m, r, losses[r],
                  s->wanted_loss[r]);
    }
    cr_assert_eq(told, finite, "%s, %zu-%zu-1, m %zu", table->name, s->k, s->n, s->m);
    for (size_t i = 0; i < s->k + 2; i++)
        assert_row(s, gradient, i, s->n, table->name);
    assert_row(s, gradient, s->k + 2, 1, table->name);
}

static void check(subject *s)
{
    by_hand(s);
    for (size_t t = 0; t < s->table_count; t++)
        check_table(s, s->tables[t]);
}

static void vary(subject *s, size_t turn)
{
    s->activation = (bp_activation)(turn % BP_ACTIVATIONS);
    s->logistic = turn / 5 % 2;
    s->weighted = turn / 10 % 2;
    s->by_index = turn / 20 % 2;
}

Test(tiny, every_width_has_the_bits_of_the_formulas)
{
    static subject s;
    size_t turn = 0;

    begin(&s);
    for (size_t k = 1; k <= WIDTH; k++)
        for (size_t n = 1; n <= WIDTH; n += k % 4 ? 5 : 1) {
            vary(&s, turn++);
            place(&s, 1 + turn % 40, k, n, FILL_ORDINARY);
            check(&s);
        }
    end(&s);
}

Test(tiny, every_number_of_rows_has_the_bits_of_the_formulas)
{
    static subject s;

    begin(&s);
    for (size_t m = 1; m <= ROWS_MOST; m++) {
        vary(&s, 3 * m);
        place(&s, m, 8, 16, FILL_ORDINARY);
        check(&s);
        place(&s, m, 9, 21, FILL_ORDINARY);
        check(&s);
    }
    end(&s);
}

Test(tiny, every_function_has_the_bits_of_the_formulas_on_difficult_inputs)
{
    static subject s;

    begin(&s);
    for (size_t turn = 0; turn < 40; turn++)
        for (fill_kind kind = FILL_ZEROS; kind < FILL_INFINITE; kind++) {
            vary(&s, turn);
            place(&s, 70, 5, 19, kind);
            check(&s);
        }
    end(&s);
}

Test(tiny, a_loss_that_is_not_finite_is_told)
{
    static subject s;

    begin(&s);
    for (size_t bad = 0; bad < 70; bad++) {
        vary(&s, bad % 40);
        place(&s, 70, 4, 16, FILL_ORDINARY);
        s.y[2 * s.rows[bad]] = bad % 2 ? NAN : INFINITY;
        by_hand(&s);
        for (size_t t = 0; t < s.table_count; t++) {
            double losses[70];
            float gradient[7 * 32], *scratch = fence_floats(&s.scratch_fence, BP_TINY_SCRATCH, false);
            bp_tiny network = {4, 16, s.tables[t]->activate[s.activation], s.logistic ? 2 : 0, s.w1, s.b1, s.w2, s.b2, scratch, 0};
            bp_tiny_rows rows = {s.x, s.y, NULL, 4, 2, s.by_index ? s.rows : NULL, 3};
            cr_assert(!s.tables[t]->tiny(&network, &rows, 70, gradient, losses), "%s, row %zu", s.tables[t]->name, bad);
            cr_assert(!isfinite(losses[bad]), "%s, row %zu", s.tables[t]->name, bad);
        }
    }
    end(&s);
}
