/* Split steps: clipping by the norm, and gradients of several minibatches in one update.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "helper_engine.h"
#include "problem.h"

enum { ROWS = 100, BATCH = 12, INPUTS = 37, OUTPUTS = 3, COUNT = INPUTS * 20 + 20 + 20 * OUTPUTS + OUTPUTS };

static problem subject(uint64_t accumulate, double clip_norm)
{
    bp_settings settings = problem_settings((uint32_t[]){20}, 1, BP_TANH, BP_SQUARED_ERROR, BP_SGD);

    settings.momentum = 0.9;
    settings.batch_size = BATCH;
    settings.accumulate = accumulate;
    settings.clip_norm = clip_norm;
    settings.epochs = 2;
    settings.shuffle = BP_SHUFFLE_NONE;
    return problem_create(settings, INPUTS, OUTPUTS, ROWS, 5);
}

static void assert_same(const bp_network *network, const float *wanted, const char *what)
{
    float got[COUNT];

    get_weights(network, got);
    cr_assert_eq(problem_first_difference(got, wanted, COUNT), COUNT, "%s", what);
}

Test(split, a_limit_that_no_gradient_reaches_leaves_the_bits_of_the_fused_step)
{
    problem fused = subject(1, 0), split = subject(1, 1e30);
    float *wanted = problem_fitted(&fused, &fused.settings, fused.examples);
    float *got = problem_fitted(&split, &split.settings, split.examples);

    cr_assert_eq(problem_first_difference(got, wanted, COUNT), COUNT);
    free(got);
    free(wanted);
    problem_free(&fused);
    problem_free(&split);
}

Test(split, accumulated_minibatches_are_one_large_one_but_for_rounding)
{
    problem p = subject(5, 0);
    float *got = problem_fitted(&p, &p.settings, p.examples);

    p.settings.accumulate = 1;
    p.settings.batch_size = 5 * BATCH;
    float *wanted = problem_fitted(&p, &p.settings, p.examples);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert(fabsf(got[i] - wanted[i]) < 1e-6f, "parameter %zu: %g, not %g", i, (double)got[i], (double)wanted[i]);
    cr_assert_neq(problem_first_difference(got, wanted, COUNT), COUNT, "nothing was accumulated");
    free(got);
    free(wanted);
    problem_free(&p);
}

/* An epoch in the caller's own steps; J is the mean over a step's rows. */
static void step_through(const problem *p, bp_trainer *trainer, double J[2])
{
    size_t most = (size_t)p->settings.accumulate * BATCH, step = 0;

    for (size_t row = 0; row < ROWS; row += most, step++)
        cr_assert_eq(bp_trainer_step(trainer, row + most < ROWS ? most : ROWS - row, p->x + row * INPUTS, p->y + row * OUTPUTS,
                                     NULL, step < 2 ? &J[step] : NULL, NULL),
                     BP_OK);
}

Test(split, the_callers_steps_and_turns_have_the_bits_of_a_fit)
{
    problem p = subject(3, 0.1);
    double J[2], mean;
    p.settings.epochs = 1;
    float *wanted = problem_fitted(&p, &p.settings, p.examples);
    bp_network *network = problem_network(&p), *other = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network), *turned = problem_trainer(&p, other);
    bp_turn turn = {.trainer = turned, .x = p.x, .y = p.y, .rows = ROWS};

    step_through(&p, trainer, J);
    assert_same(network, wanted, "steps");
    cr_assert_eq(bp_trainers_step(&turn, 1, 1, NULL), BP_OK);
    assert_same(other, wanted, "turns");
    bp_trainer_free(trainer);
    bp_network_free(network);
    network = problem_network(&p);
    p.settings.accumulate = 1;
    p.settings.batch_size = 3 * BATCH;
    trainer = problem_trainer(&p, network);
    cr_assert_eq(bp_trainer_step(trainer, 3 * BATCH, p.x, p.y, NULL, &mean, NULL), BP_OK);
    cr_assert_float_eq(J[0], mean, 1e-7 * mean);
    bp_trainer_free(trainer);
    bp_trainer_free(turned);
    bp_network_free(network);
    bp_network_free(other);
    free(wanted);
    problem_free(&p);
}

Test(split, separate_calls_clip_with_the_bits_of_the_step)
{
    problem p = subject(1, 0.1);
    bp_network *whole = problem_network(&p), *parts = problem_network(&p);
    bp_trainer *stepped = problem_trainer(&p, whole), *trainer = problem_trainer(&p, parts);
    float wanted[COUNT];

    for (size_t row = 0; row < 4 * BATCH; row += BATCH) {
        cr_assert_eq(bp_trainer_step(stepped, BATCH, p.x + row * INPUTS, p.y + row * OUTPUTS, NULL, NULL, NULL), BP_OK);
        run_backward(trainer, BATCH, p.x + row * INPUTS, p.y + row * OUTPUTS, NULL, NULL);
        cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    }
    get_weights(whole, wanted);
    assert_same(parts, wanted, "parts");
    bp_trainer_free(stepped);
    bp_trainer_free(trainer);
    bp_network_free(whole);
    bp_network_free(parts);
    problem_free(&p);
}

Test(split, an_update_moves_no_farther_than_the_limit_allows)
{
    problem p = subject(1, 0.01);
    float before[COUNT], after[COUNT];
    double square = 0;
    p.settings.momentum = 0;
    p.settings.learning_rate = 0.5;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);

    get_weights(network, before);
    cr_assert_eq(bp_trainer_step(trainer, BATCH, p.x, p.y, NULL, NULL, NULL), BP_OK);
    get_weights(network, after);
    for (size_t i = 0; i < COUNT; i++)
        square += ((double)after[i] - before[i]) * ((double)after[i] - before[i]);
    cr_assert_float_eq(sqrt(square), 0.5 * 0.01, 1e-6);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(split, what_would_have_to_wait_for_other_minibatches_is_refused)
{
    problem p = subject(3, 0);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_error error;

    cr_assert_eq(bp_trainer_forward(trainer, BATCH, p.x, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, "accumulates 3"), "%s", error.text);
    cr_assert_eq(bp_trainer_step(trainer, 3 * BATCH + 1, p.x, p.y, NULL, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, "takes 1 to 36"), "%s", error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(split, the_plan_says_so_and_why)
{
    problem p = subject(3, 0.5);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    char text[4000];

    bp_trainer_plan(trainer, text, sizeof text);
    cr_assert(strstr(text, "step:     split") && strstr(text, "(clip-norm, accumulate)"), "%s", text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(split, a_gradient_that_is_not_finite_leaves_the_weights_alone)
{
    problem p = subject(2, 1);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    float before[COUNT];
    bp_error error;

    p.x[BATCH * INPUTS + 3] = INFINITY;
    get_weights(network, before);
    cr_assert_eq(bp_trainer_step(trainer, 2 * BATCH, p.x, p.y, NULL, NULL, &error), BP_DIVERGED);
    assert_same(network, before, "weights");
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}
