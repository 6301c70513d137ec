/* Optimizers over many updates: torch.optim's recurrences in double, and what an update is given.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "optimizer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "numbers.h"

enum { COUNT = 32, UPDATES = 200 };

static bp_settings with(bp_optimizer optimizer, double momentum, int32_t nesterov, double decay)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.optimizer = (int32_t)optimizer;
    settings.momentum = momentum;
    settings.nesterov = nesterov;
    settings.weight_decay = decay;
    settings.beta1 = 0.8;
    settings.beta2 = 0.95;
    settings.epsilon = 1e-3;
    return settings;
}

/* One parameter as torch.optim has it, from the gradient of J. */
typedef struct parameter {
    double w, u, v;
} parameter;

static void sgd_by_hand(const bp_settings *s, parameter *p, double g, double rate)
{
    g += s->weight_decay * p->w;
    p->u = s->momentum * p->u + g;
    p->w -= rate * (s->nesterov ? g + s->momentum * p->u : p->u);
}

static void adam_by_hand(const bp_settings *s, parameter *p, double g, double rate, int t)
{
    if (s->optimizer == BP_ADAMW)
        p->w -= rate * s->weight_decay * p->w;
    else
        g += s->weight_decay * p->w;
    p->u = s->beta1 * p->u + (1 - s->beta1) * g;
    p->v = s->beta2 * p->v + (1 - s->beta2) * g * g;
    double mean = p->u / (1 - pow(s->beta1, t)), square = p->v / (1 - pow(s->beta2, t));
    p->w -= rate * mean / (sqrt(square) + s->epsilon);
}

/* A gradient that pulls towards 1 and is noisy: the sum over eight examples. */
static double gradient_sum(double w, int t, size_t i)
{
    return 8 * (w - 1 + 0.3 * scattered((uint64_t)t, i));
}

static void check_run(bp_settings s)
{
    float w[COUNT], g[COUNT], u[2 * COUNT] = {0}, v[2 * COUNT] = {0};
    unsigned moments = bp_optimizer_moments(&s);
    bp_moments state = {moments > 0 ? u : NULL, moments > 1 ? v : NULL};
    parameter exact[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        exact[i] = (parameter){.w = (double)(w[i] = (float)scattered(1, i))};
    for (int t = 1; t <= UPDATES; t++) {
        double rate = 0.01 + 0.01 * (t % 3);
        bp_update numbers = bp_optimizer_numbers(&s, (uint64_t)t, rate, 0.125f);
        for (size_t i = 0; i < COUNT; i++) {
            double sum = gradient_sum(exact[i].w, t, i);
            g[i] = (float)gradient_sum((double)w[i], t, i);
            if (s.optimizer == BP_SGD)
                sgd_by_hand(&s, &exact[i], sum / 8, rate);
            else
                adam_by_hand(&s, &exact[i], sum / 8, rate, t);
        }
        cr_assert_not(bp_optimizer_update(&bp_kernels_scalar, (bp_optimizer)s.optimizer, &state, &numbers, COUNT, COUNT, w, g));
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_float_eq(w[i], exact[i].w, 5e-6, "optimizer %d, update %d, [%zu]: %g, not %g", s.optimizer, t, i,
                               (double)w[i], exact[i].w);
    }
    for (size_t i = 0; i < COUNT; i++)
        cr_assert(u[i] == 0 && v[i] == 0, "state of other parameters");
}

Test(optimizer, sgd_follows_torch)
{
    check_run(with(BP_SGD, 0, 0, 0));
    check_run(with(BP_SGD, 0, 0, 0.1));
}

Test(optimizer, momentum_follows_torch)
{
    check_run(with(BP_SGD, 0.9, 0, 0));
    check_run(with(BP_SGD, 0.9, 1, 0));
    check_run(with(BP_SGD, 0.5, 1, 0.1));
}

Test(optimizer, adam_follows_torch)
{
    check_run(with(BP_ADAM, 0, 0, 0));
    check_run(with(BP_ADAM, 0, 0, 0.1));
}

Test(optimizer, adamw_follows_torch)
{
    check_run(with(BP_ADAMW, 0, 0, 0));
    check_run(with(BP_ADAMW, 0, 0, 0.1));
}

Test(optimizer, biases_do_not_decay_and_nothing_else_differs)
{
    for (bp_optimizer optimizer = BP_SGD; optimizer <= BP_ADAMW; optimizer++) {
        bp_settings decaying = with(optimizer, 0, 0, 0.1), plain = with(optimizer, 0, 0, 0);
        bp_update wanted = bp_optimizer_numbers(&plain, 7, 0.02, 0.5f), numbers = bp_optimizer_numbers(&decaying, 7, 0.02, 0.5f);
        bp_update biases = bp_optimizer_for_biases(&numbers);
        cr_assert(biases.decay == wanted.decay && biases.keep == wanted.keep && biases.rate == wanted.rate &&
                      biases.root == wanted.root,
                  "optimizer %d", (int)optimizer);
        cr_assert(numbers.decay != 0 || numbers.keep != 1);
    }
}

Test(optimizer, moments_are_as_many_as_it_needs)
{
    bp_settings sgd = with(BP_SGD, 0, 0, 0), momentum = with(BP_SGD, 0.1, 0, 0), adam = with(BP_ADAM, 0, 0, 0),
                adamw = with(BP_ADAMW, 0, 0, 0);

    cr_assert_eq(bp_optimizer_moments(&sgd), 0);
    cr_assert_eq(bp_optimizer_moments(&momentum), 1);
    cr_assert_eq(bp_optimizer_moments(&adam), 2);
    cr_assert_eq(bp_optimizer_moments(&adamw), 2);
}

Test(optimizer, corrections_of_adam_are_gone_after_many_updates)
{
    bp_settings s = with(BP_ADAM, 0, 0, 0);
    bp_update numbers = bp_optimizer_numbers(&s, (uint64_t)1 << 40, 0.25, 1);

    cr_assert(numbers.rate == 0.25f && numbers.root == 1);
}

Test(optimizer, a_gradient_that_is_not_finite_is_told)
{
    for (bp_optimizer optimizer = BP_SGD; optimizer <= BP_ADAMW; optimizer++) {
        float w[COUNT] = {0}, g[COUNT] = {0}, u[COUNT] = {0}, v[COUNT] = {0};
        bp_settings s = with(optimizer, 0.9, 0, 0);
        bp_update numbers = bp_optimizer_numbers(&s, 1, 0.1, 1);
        g[31] = NAN;
        cr_assert(bp_optimizer_update(&bp_kernels_scalar, optimizer, &(bp_moments){u, v}, &numbers, 0, COUNT, w, g), "optimizer %d",
                  (int)optimizer);
    }
}
