/* A step in parts: the bits of the whole, gradients of the caller's, and calls out of order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "helper_engine.h"
#include "numbers.h"
#include "problem.h"
#include "reference.h"

enum { ROWS = 90, BATCH = 40, STEPS = 5 };

static problem subject(bp_loss loss, bp_optimizer optimizer)
{
    bp_settings settings = problem_settings((uint32_t[]){45, 33}, 2, BP_TANH, loss, optimizer);

    settings.batch_size = BATCH;
    settings.schedule = BP_CONSTANT;
    settings.warmup = 3;
    settings.momentum = optimizer == BP_SGD ? 0.5 : 0;
    settings.weight_decay = 0.01;
    return problem_create(settings, 36, 3, ROWS, 12);
}

static uint64_t rows_of_step(unsigned step)
{
    return step % 2 ? BATCH : BATCH - 7;
}

/* dL/dy^ of the squared error, as the engine computes it. */
static void own_gradient(const problem *p, uint64_t m, const float *y_hat, float *d)
{
    for (size_t i = 0; i < m * p->outputs; i++)
        d[i] = y_hat[i] - p->y[i];
}

static double step_in_parts(bp_trainer *trainer, const problem *p, uint64_t m, const float *weight)
{
    double J;

    cr_assert_eq(bp_trainer_forward(trainer, m, p->x, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_loss(trainer, p->y, weight, &J, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(trainer, NULL, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    return J;
}

static double step_with_own_loss(bp_trainer *trainer, const problem *p, uint64_t m)
{
    float y_hat[BATCH * 3], d[BATCH * 3];

    cr_assert_eq(bp_trainer_forward(trainer, m, p->x, y_hat, NULL), BP_OK);
    own_gradient(p, m, y_hat, d);
    cr_assert_eq(bp_trainer_backward(trainer, d, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    return NAN;
}

static double whole_step(bp_trainer *trainer, const problem *p, uint64_t m, const float *weight)
{
    double J;
    cr_assert_eq(bp_trainer_step(trainer, m, p->x, p->y, weight, &J, NULL), BP_OK);
    return J;
}

static void assert_equal_networks(const bp_network *a, const bp_network *b, const char *what)
{
    float *of_a = problem_parameters(a), *of_b = problem_parameters(b);
    uint64_t count = bp_network_parameters(a);

    cr_assert_eq(problem_first_difference(of_a, of_b, count), count, "%s", what);
    free(of_a);
    free(of_b);
}

Test(parts, give_the_bits_of_the_whole_step)
{
    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++)
        for (bp_optimizer optimizer = BP_SGD; optimizer <= BP_ADAMW; optimizer++)
            for (int way = 0; way < 4; way++) {
                problem p = subject(loss, optimizer);
                const float *weight = way % 2 ? p.weight : NULL;
                bp_network *whole = problem_network(&p), *parts = problem_network(&p);
                bp_trainer *of_whole = problem_trainer(&p, whole);
                p.settings.gradient = way < 2 ? BP_GRADIENT_BUFFERS : BP_GRADIENT_TILES;
                p.settings.threads = (uint32_t)way + 1;
                p.settings.exact_threads = 1;
                bp_trainer *of_parts = problem_trainer(&p, parts);
                for (unsigned step = 0; step < STEPS; step++)
                    cr_assert(whole_step(of_whole, &p, rows_of_step(step), weight) ==
                              step_in_parts(of_parts, &p, rows_of_step(step), weight));
                assert_equal_networks(whole, parts, "parts differ from the whole");
                bp_trainer_free(of_whole);
                bp_trainer_free(of_parts);
                bp_network_free(whole);
                bp_network_free(parts);
                problem_free(&p);
            }
}

Test(parts, with_the_networks_own_loss_gradient_from_the_caller_give_the_same_bits)
{
    problem p = subject(BP_SQUARED_ERROR, BP_ADAM);
    bp_network *whole = problem_network(&p), *parts = problem_network(&p);
    bp_trainer *of_whole = problem_trainer(&p, whole), *of_parts = problem_trainer(&p, parts);

    for (unsigned step = 0; step < STEPS; step++) {
        whole_step(of_whole, &p, rows_of_step(step), NULL);
        step_with_own_loss(of_parts, &p, rows_of_step(step));
    }
    assert_equal_networks(whole, parts, "own loss gradient");
    bp_trainer_free(of_whole);
    bp_trainer_free(of_parts);
    bp_network_free(whole);
    bp_network_free(parts);
    problem_free(&p);
}

/* One trainer of a problem and its gradient, for the tests below. */
typedef struct fixture {
    problem p;
    bp_network *network;
    bp_trainer *trainer;
    uint64_t parameters;
    float *gradient, *other; /* [parameters] */
} fixture;

static fixture set_up(bp_loss loss, bp_optimizer optimizer)
{
    fixture f = {.p = subject(loss, optimizer)};

    f.network = problem_network(&f.p);
    f.trainer = problem_trainer(&f.p, f.network);
    f.parameters = bp_network_parameters(f.network);
    f.gradient = malloc(f.parameters * sizeof *f.gradient);
    f.other = malloc(f.parameters * sizeof *f.other);
    return f;
}

static void tear_down(fixture *f)
{
    free(f->gradient);
    free(f->other);
    bp_trainer_free(f->trainer);
    bp_network_free(f->network);
    problem_free(&f->p);
}

Test(parts, a_second_backward_replaces_the_first)
{
    fixture f = set_up(BP_CROSS_ENTROPY, BP_SGD);
    float d[BATCH * 3];

    run_backward(f.trainer, BATCH, f.p.x, f.p.y, NULL, NULL);
    get_gradient(f.trainer, f.network, f.gradient);
    cr_assert_eq(bp_trainer_backward(f.trainer, NULL, NULL, NULL), BP_OK);
    get_gradient(f.trainer, f.network, f.other);
    cr_assert_eq(problem_first_difference(f.gradient, f.other, f.parameters), f.parameters, "the same again");

    scatter_f32(d, BATCH * 3, 1, 1);
    cr_assert_eq(bp_trainer_backward(f.trainer, d, NULL, NULL), BP_OK);
    get_gradient(f.trainer, f.network, f.gradient);
    cr_assert_neq(problem_first_difference(f.gradient, f.other, f.parameters), f.parameters, "another gradient");
    cr_assert_eq(bp_trainer_forward(f.trainer, BATCH, f.p.x, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(f.trainer, d, NULL, NULL), BP_OK);
    get_gradient(f.trainer, f.network, f.other);
    cr_assert_eq(problem_first_difference(f.gradient, f.other, f.parameters), f.parameters, "nothing of the first is left");
    tear_down(&f);
}

Test(parts, a_gradient_is_read_as_it_was_set_and_used_by_the_update)
{
    fixture f = set_up(BP_SQUARED_ERROR, BP_SGD);
    float *before = problem_parameters(f.network), *after, *at = f.other;

    scatter_f32(f.other, f.parameters, 5, 1);
    run_backward(f.trainer, BATCH, f.p.x, f.p.y, NULL, NULL);
    for (uint32_t l = 0; l < 3; l++) {
        bp_layer_info info;
        cr_assert_eq(bp_network_layer(f.network, l, &info, NULL), BP_OK);
        cr_assert_eq(bp_trainer_gradient_set(f.trainer, l, at, NULL, NULL), BP_OK);
        at += (size_t)info.inputs * info.outputs;
        cr_assert_eq(bp_trainer_gradient_set(f.trainer, l, NULL, at, NULL), BP_OK);
        at += info.outputs;
    }
    get_gradient(f.trainer, f.network, f.gradient);
    cr_assert_eq(problem_first_difference(f.gradient, f.other, f.parameters), f.parameters);

    cr_assert_eq(bp_trainer_update(f.trainer, 0.25, NULL), BP_OK);
    after = problem_parameters(f.network);
    for (uint64_t i = 0; i < 36 * 45; i++) { /* the first layer's weights: w - rate (g + decay w), the first velocity being g */
        float wanted = fmaf(-0.25f, fmaf(0.01f, before[i], f.other[i]), before[i]);
        cr_assert_eq(after[i], wanted, "weight %llu", (unsigned long long)i);
    }
    for (uint64_t i = 36 * 45; i < 36 * 45 + 45; i++)
        cr_assert_eq(after[i], fmaf(-0.25f, f.other[i], before[i]), "bias %llu decays", (unsigned long long)i);
    free(before);
    free(after);
    tear_down(&f);
}

Test(parts, a_rate_of_zero_or_less_is_the_settings_and_their_schedule)
{
    fixture f = set_up(BP_SQUARED_ERROR, BP_SGD);
    bp_network *told = problem_network(&f.p);
    bp_trainer *trainer = problem_trainer(&f.p, told);

    for (unsigned step = 0; step < STEPS; step++) {
        run_backward(f.trainer, BATCH, f.p.x, f.p.y, NULL, NULL);
        cr_assert_eq(bp_trainer_update(f.trainer, step % 2 ? 0 : -1, NULL), BP_OK);
        run_backward(trainer, BATCH, f.p.x, f.p.y, NULL, NULL);
        cr_assert_eq(bp_trainer_update(trainer, step < 3 ? 0.01 * ((step + 1) / 3.0) : 0.01, NULL), BP_OK);
        assert_equal_networks(f.network, told, "warm-up over 3 updates, then 0.01");
    }
    bp_trainer_free(trainer);
    bp_network_free(told);
    tear_down(&f);
}

Test(parts, dL_dx_follows_the_reference_also_after_an_update)
{
    fixture f = set_up(BP_BINARY_CROSS_ENTROPY, BP_ADAM);
    float d_x[BATCH * 36];
    bp_reference *reference;

    for (int round = 0; round < 3; round++) {
        run_backward(f.trainer, BATCH - 3, f.p.x, f.p.y, NULL, d_x);
        cr_assert_eq(bp_reference_of_network(f.network, NULL, &reference, NULL), BP_OK);
        for (size_t row = 0; row < BATCH - 3; row++) {
            bp_reference_take(reference, f.p.x + row * 36, f.p.y + row * 3);
            bp_reference_forward(reference);
            bp_reference_loss(reference);
            bp_reference_backward(reference);
            for (size_t i = 0; i < 36; i++)
                cr_assert_float_eq(d_x[row * 36 + i], reference->dL_dx[i], 1e-6, "round %d, dL/dx[%zu][%zu]", round, row, i);
        }
        bp_reference_free(reference);
        if (round == 0)
            cr_assert_eq(bp_trainer_update(f.trainer, 0.1, NULL), BP_OK);
        else /* weights that the caller has changed are taken up */
            cr_assert_eq(bp_network_set(f.network, 0, f.p.x, NULL, NULL), BP_OK);
        if (round)
            bp_trainer_sync(f.trainer);
    }
    tear_down(&f);
}

static void assert_refused(bp_status status, const bp_error *error, const char *text)
{
    cr_assert_eq(status, BP_INVALID, "%s: status %d", text, status);
    cr_assert(strstr(error->text, text), "\"%s\" does not say \"%s\"", error->text, text);
}

Test(parts, calls_out_of_order_are_refused_by_name)
{
    fixture f = set_up(BP_SQUARED_ERROR, BP_SGD);
    bp_trainer *t = f.trainer;
    bp_error e;

    assert_refused(bp_trainer_loss(t, f.p.y, NULL, NULL, &e), &e, "needs bp_trainer_forward");
    assert_refused(bp_trainer_backward(t, f.p.y, NULL, &e), &e, "needs bp_trainer_forward");
    assert_refused(bp_trainer_update(t, 0, &e), &e, "needs bp_trainer_backward");
    assert_refused(bp_trainer_gradient_get(t, 0, f.gradient, NULL, &e), &e, "needs bp_trainer_backward");
    cr_assert_eq(bp_trainer_forward(t, 5, f.p.x, NULL, NULL), BP_OK);
    assert_refused(bp_trainer_backward(t, NULL, NULL, &e), &e, "bp_trainer_loss");
    assert_refused(bp_trainer_update(t, 0, &e), &e, "needs bp_trainer_backward");
    cr_assert_eq(bp_trainer_backward(t, f.p.y, NULL, NULL), BP_OK);
    assert_refused(bp_trainer_backward(t, NULL, NULL, &e), &e, "bp_trainer_loss");
    cr_assert_eq(bp_trainer_loss(t, f.p.y, NULL, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(t, f.p.y, NULL, NULL), BP_OK);
    assert_refused(bp_trainer_backward(t, NULL, NULL, &e), &e, "bp_trainer_loss"); /* the caller's has taken its place */
    assert_refused(bp_trainer_gradient_set(t, 3, f.gradient, NULL, &e), &e, "layer 3 of a network of 3");
    assert_refused(bp_trainer_update(t, NAN, &e), &e, "rate");
    assert_refused(bp_trainer_update(t, INFINITY, &e), &e, "rate");
    cr_assert_eq(bp_trainer_update(t, 0, NULL), BP_OK);
    assert_refused(bp_trainer_update(t, 0, &e), &e, "needs bp_trainer_backward");
    tear_down(&f);
}

Test(parts, a_whole_step_between_them_ends_what_was_begun)
{
    fixture f = set_up(BP_SQUARED_ERROR, BP_SGD);
    bp_error e;

    run_backward(f.trainer, 5, f.p.x, f.p.y, NULL, NULL);
    whole_step(f.trainer, &f.p, 7, NULL);
    assert_refused(bp_trainer_update(f.trainer, 0, &e), &e, "needs bp_trainer_backward");
    assert_refused(bp_trainer_loss(f.trainer, f.p.y, NULL, NULL, &e), &e, "needs bp_trainer_forward");
    tear_down(&f);
}

Test(parts, a_minibatch_out_of_range_is_refused_and_says_the_range)
{
    static const uint64_t sizes[] = {0, BATCH + 1, UINT64_MAX};
    fixture f = set_up(BP_SQUARED_ERROR, BP_SGD);
    bp_error e;

    for (size_t i = 0; i < 3; i++) {
        assert_refused(bp_trainer_forward(f.trainer, sizes[i], f.p.x, NULL, &e), &e, "1 to 40");
        assert_refused(bp_trainer_step(f.trainer, sizes[i], f.p.x, f.p.y, NULL, NULL, &e), &e, "1 to 40");
    }
    assert_refused(bp_trainer_forward(f.trainer, 1, NULL, NULL, &e), &e, "x");
    assert_refused(bp_trainer_step(f.trainer, 1, f.p.x, NULL, NULL, NULL, &e), &e, "y");
    tear_down(&f);
}
