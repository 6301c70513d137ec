/* Optimizer kernels: torch.optim's formulas in double, the cut of small moments, gradients that are not finite, and equal bits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "helper_kernels.h"

TestSuite(updates, .init = flush_subnormals);

enum { COUNT = 96 };
typedef enum rule { SGD, MOMENTUM, RMSPROP, RMSPROP_MOMENTUM, ADAM, RULES } rule;

/* Parameters, gradient and state, inside fences or not. */
typedef struct block {
    float *w, *g, *u, *v;
} block;

static bool update_by(const bp_kernels *table, rule r, size_t count, const bp_update *numbers, const block *b)
{
    if (r == SGD)
        return table->sgd(count, numbers, b->w, b->g);
    if (r == MOMENTUM)
        return table->momentum(count, numbers, b->w, b->g, b->u);
    if (r == RMSPROP || r == RMSPROP_MOMENTUM)
        return table->rmsprop(count, numbers, b->w, b->g, b->v, r == RMSPROP ? NULL : b->u);
    return table->adam(count, numbers, b->w, b->g, b->u, b->v);
}

static void fill_block(const block *b, size_t count, fill_kind kind)
{
    fill(b->w, count, kind, 1);
    fill(b->g, count, kind, 2);
    fill(b->u, count, kind, 3);
    fill(b->v, count, kind, 4);
    for (size_t i = 0; i < count; i++)
        b->v[i] = fabsf(b->v[i]);
}

/* Every number at work. */
static bp_update numbers_of(bool nesterov)
{
    return (bp_update){
        .scale = 0.125f,
        .rate = 0.03f,
        .decay = 0.01f,
        .l1 = nesterov ? 0.003f : 0,
        .keep = 0.9997f,
        .momentum = 0.9f,
        .beta1 = 0.9f,
        .beta2 = 0.99f,
        .rest1 = 0.1f,
        .rest2 = 0.01f,
        .root = 1.7f,
        .epsilon = 1e-4f,
        .nesterov = nesterov,
    };
}

/* One parameter in double: w, u and v after the update. */
static void update_in_double(rule r, const bp_update *n, double g, double w[1], double u[1], double v[1])
{
    g = g * (double)n->scale + (double)n->decay * *w + (double)n->l1 * ((*w > 0) - (*w < 0));
    if (r == RMSPROP || r == RMSPROP_MOMENTUM) {
        *v = (double)n->beta2 * *v + (double)n->rest2 * g * g;
        g /= sqrt(*v) + (double)n->epsilon;
        *u = r == RMSPROP ? *u : (double)n->momentum * *u + g;
        *w -= (double)n->rate * (r == RMSPROP ? g : *u);
        return;
    }
    if (r == ADAM) {
        *u = (double)n->beta1 * *u + (double)n->rest1 * g;
        *v = (double)n->beta2 * *v + (double)n->rest2 * g * g;
        *w = *w * (double)n->keep - (double)n->rate * *u / (sqrt(*v) * (double)n->root + (double)n->epsilon);
        return;
    }
    if (r == MOMENTUM) {
        *u = (double)n->momentum * *u + g;
        g = n->nesterov ? g + (double)n->momentum * *u : *u;
    }
    *w -= (double)n->rate * g;
}

/* Values below 2 come out of a few roundings, each of half a place. */
static void assert_close(float got, double exact, const char *table, rule r, const char *what)
{
    cr_assert_float_eq(got, exact, 4 * 0x1p-24 * (1 + fabs(exact)), "%s, rule %d, %s: %a, not %a", table, (int)r, what, (double)got,
                       exact);
}

static void check_formula(const bp_kernels *table, rule r, const bp_update *numbers)
{
    float w[COUNT], g[COUNT], u[COUNT], v[COUNT];
    double dw[COUNT], du[COUNT], dv[COUNT];
    block b = {w, g, u, v};

    fill_block(&b, COUNT, FILL_ORDINARY);
    for (size_t i = 0; i < COUNT; i++) {
        dw[i] = (double)w[i], du[i] = (double)u[i], dv[i] = (double)v[i];
        update_in_double(r, numbers, (double)g[i], dw + i, du + i, dv + i);
    }
    cr_assert_not(update_by(table, r, COUNT, numbers, &b));
    for (size_t i = 0; i < COUNT; i++) {
        assert_close(w[i], dw[i], table->name, r, "w");
        if (r >= MOMENTUM)
            assert_close(u[i], du[i], table->name, r, "u");
        if (r >= RMSPROP)
            assert_close(v[i], dv[i], table->name, r, "v");
    }
}

Test(updates, are_the_formulas_in_double)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);

    for (size_t t = 0; t < count; t++)
        for (rule r = SGD; r < RULES; r++)
            for (int nesterov = 0; nesterov < 2; nesterov++) {
                bp_update numbers = numbers_of(nesterov);
                check_formula(tables[t], r, &numbers);
            }
}

static void compare(const bp_kernels *table, rule r, size_t count, fill_kind kind, const block *inside)
{
    float w[COUNT], g[COUNT], u[COUNT], v[COUNT];
    block plain = {w, g, u, v};
    bp_update numbers = numbers_of(kind % 2);

    fill_block(&plain, count, kind);
    fill_block(inside, count, kind);
    for (int step = 0; step < 3; step++) {
        bool bad = update_by(&bp_kernels_scalar, r, count, &numbers, &plain);
        cr_assert_eq(update_by(table, r, count, &numbers, inside), bad, "%s, rule %d, kind %d: what is finite", table->name, (int)r,
                     (int)kind);
    }
    cr_assert_eq(first_difference(inside->w, w, count), count, "%s, rule %d, kind %d: w", table->name, (int)r, (int)kind);
    cr_assert_eq(first_difference(inside->u, u, count), count, "%s, rule %d, kind %d: u", table->name, (int)r, (int)kind);
    cr_assert_eq(first_difference(inside->v, v, count), count, "%s, rule %d, kind %d: v", table->name, (int)r, (int)kind);
}

Test(updates, every_table_gives_the_scalar_bits_inside_fences)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t table_count = tables_here(tables);
    fence f[4];

    for (int i = 0; i < 4; i++)
        f[i] = fence_make(COUNT * sizeof(float));
    for (size_t t = 0; t < table_count; t++)
        for (rule r = SGD; r < RULES; r++)
            for (fill_kind kind = 0; kind < FILL_KINDS; kind++)
                for (size_t count = 32; count <= COUNT; count += 32) {
                    bool front = count % 64;
                    block b = {fence_floats(&f[0], count, front), fence_floats(&f[1], count, front),
                               fence_floats(&f[2], count, front), fence_floats(&f[3], count, front)};
                    compare(tables[t], r, count, kind, &b);
                }
    for (int i = 0; i < 4; i++)
        fence_free(&f[i]);
}

/* A moment of 2^-101 would shrink to a subnormal and stick there. */
Test(updates, moments_are_cut_below_two_to_the_minus_100)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    bp_update numbers = {.scale = 1, .keep = 1, .momentum = 0.5f, .beta1 = 0.5f, .beta2 = 0.5f, .epsilon = 1, .root = 1};

    for (size_t t = 0; t < count; t++)
        for (rule r = MOMENTUM; r < RULES; r++) {
            float w[32] = {0}, g[32] = {0}, u[32] = {0x1p-99f, 0x1.fffffep-100f, -0x1p-99f, -0x1.fffffep-100f, 0x1p-126f};
            float v[32] = {0x1p-99f, 0x1.fffffep-100f};
            update_by(tables[t], r, 32, &numbers, &(block){w, g, u, v});
            cr_assert(r == RMSPROP || (u[0] == 0x1p-100f && u[1] == 0 && u[2] == -0x1p-100f && u[3] == 0 && u[4] == 0),
                      "%s, rule %d", tables[t]->name, (int)r);
            cr_assert(r < RMSPROP || (v[0] == 0x1p-100f && v[1] == 0), "%s: second moment", tables[t]->name);
        }
}

Test(updates, one_gradient_that_is_not_finite_is_noticed_anywhere)
{
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    float w[64], g[64], u[64], v[64];
    bp_update numbers = numbers_of(false);

    for (size_t t = 0; t < count; t++)
        for (size_t place = 0; place < 64 * 3; place++) {
            block b = {w, g, u, v};
            for (rule r = SGD; r < RULES; r++) {
                fill_block(&b, 64, FILL_ORDINARY);
                cr_assert_not(update_by(tables[t], r, 64, &numbers, &b));
                fill_block(&b, 64, FILL_ORDINARY);
                g[place / 3] = bad[place % 3];
                cr_assert(update_by(tables[t], r, 64, &numbers, &b), "%s, rule %d, [%zu]", tables[t]->name, (int)r, place / 3);
            }
            cr_assert(tables[t]->scale(64, 0.5f, g), "%s, scale, [%zu]", tables[t]->name, place / 3);
        }
}

/* The sum over examples may be finite where the scaled one is, too: the largest float is no divergence. */
Test(updates, scaling_is_a_product_and_says_what_overflows)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);

    for (size_t t = 0; t < count; t++) {
        float g[32] = {0x1.fffffep127f, -3, 0x1p-149f, -0.0f};
        cr_assert_not(tables[t]->scale(32, 0.5f, g));
        cr_assert(g[0] == 0x1.fffffep126f && g[1] == -1.5f && g[2] == 0 && signbit(g[3]));
        cr_assert(tables[t]->scale(32, 4, g), "%s", tables[t]->name);
    }
}

/* 16 lanes, folded 8, 4, 2, 1 apart. */
static double squares_in_lanes(size_t count, const float *g)
{
    double lane[16] = {0};

    for (size_t i = 0; i < count; i++)
        lane[i % 16] += (double)g[i] * (double)g[i];
    for (size_t apart = 8; apart; apart /= 2)
        for (size_t j = 0; j < apart; j++)
            lane[j] += lane[j + apart];
    return lane[0];
}

Test(updates, squares_are_summed_in_lanes_by_every_table)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t all = tables_here(tables);
    float g[COUNT];

    fill(g, COUNT, FILL_ORDINARY, 7);
    g[5] = 3e30f;
    g[50] = 1e-30f;
    for (size_t t = 0; t < all; t++)
        for (size_t count = 32; count <= COUNT; count += 32)
            cr_assert_eq(tables[t]->squares(count, g), squares_in_lanes(count, g), "%s, %zu", tables[t]->name, count);
}

static float rprop_in_float(const bp_update *n, float g, float *w, float *before, float *delta)
{
    float size = *delta > 0 ? *delta : 0.1f, gradient = fmaf(n->decay, *w, g * n->scale), was = *before;
    int turned = (gradient > 0) - (gradient < 0) == -((was > 0) - (was < 0)) && gradient != 0;
    int same = gradient != 0 && was != 0 && !turned;

    *delta = same ? fminf(size * 1.2f, 50) : turned ? fmaxf(size * 0.5f, 1e-6f) : size;
    if (turned)
        *w = n->worse ? (was > 0 ? *w + size : *w - size) : *w;
    else
        *w = gradient > 0 ? *w - *delta : gradient < 0 ? *w + *delta : *w;
    *before = turned ? 0 : gradient;
    return *w;
}

Test(updates, rprop_is_its_formula_in_every_table)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    float g[COUNT], from[COUNT];

    fill(g, COUNT, FILL_ORDINARY, 1);
    fill(from, COUNT, FILL_ORDINARY, 2);
    g[3] = 0;
    for (size_t t = 0; t < count; t++)
        for (int worse = 0; worse < 2; worse++) {
            float w[COUNT], before[COUNT], delta[COUNT] = {0, 60, 45, 0.2f, 1e-6f, 1.5e-6f};
            bp_update n = {.scale = 0.125f, .decay = 0.01f, .worse = worse};
            memcpy(w, from, sizeof w);
            fill(before, COUNT, FILL_ORDINARY, 3);
            before[7] = 0;
            for (size_t i = 0; i < COUNT; i++)
                delta[i] = i > 5 && i % 2 ? 0.05f + before[i] * before[i] : delta[i];
            float wanted_w[COUNT], wanted_before[COUNT], wanted_delta[COUNT];
            memcpy(wanted_w, w, sizeof w);
            memcpy(wanted_before, before, sizeof w);
            memcpy(wanted_delta, delta, sizeof w);
            for (size_t i = 0; i < COUNT; i++)
                rprop_in_float(&n, g[i], &wanted_w[i], &wanted_before[i], &wanted_delta[i]);
            cr_assert_not(tables[t]->rprop(COUNT, &n, w, g, before, delta));
            cr_assert_eq(first_difference(w, wanted_w, COUNT), COUNT, "%s, w %zu", tables[t]->name,
                         first_difference(w, wanted_w, COUNT));
            cr_assert_eq(first_difference(before, wanted_before, COUNT), COUNT, "%s, gradient", tables[t]->name);
            cr_assert_eq(first_difference(delta, wanted_delta, COUNT), COUNT, "%s, size", tables[t]->name);
        }
}
