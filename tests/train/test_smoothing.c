/* Label smoothing: a step's targets are (1 - e) y + e / n, whoever makes the step, and nothing else knows of it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

enum { ROWS = 90, INPUTS = 7 };

static const double e = 0.2;

/* Of the loss's targets; one hidden layer and one output make it tiny. */
static problem smooth_problem(bp_loss loss, uint32_t outputs)
{
    problem p = problem_create(problem_settings((uint32_t[]){19}, 1, BP_TANH, loss, BP_SGD), INPUTS, outputs, ROWS, 3);
    p.settings.label_smoothing = e;
    p.settings.batch_size = 40;
    p.settings.epochs = 2;
    p.settings.shuffle = BP_SHUFFLE_NONE;
    return p;
}

/* The same rows with targets that the caller has smoothed. */
static float *fitted_by_hand(const problem *p)
{
    size_t count = ROWS * (size_t)p->outputs;
    float *y = malloc(count * sizeof *y), keep = (float)(1 - e);
    float add = (float)(e / (p->settings.loss == BP_CROSS_ENTROPY ? p->outputs : 2.0));
    bp_array x = problem_x(p), targets = problem_y(p);
    bp_settings plain = p->settings;
    bp_examples *examples = NULL;

    for (size_t i = 0; i < count; i++)
        y[i] = keep * p->y[i] + add;
    targets.data = y;
    plain.label_smoothing = 0;
    cr_assert_eq(bp_examples_borrow(&x, &targets, NULL, NULL, &examples, NULL), BP_OK);
    float *parameters = problem_fitted(p, &plain, examples);
    bp_examples_free(examples);
    free(y);
    return parameters;
}

static void step(bp_trainer *trainer, const float *x, const float *y, uint64_t m, int way)
{
    bp_turn turn = {.trainer = trainer, .x = x, .y = y, .rows = m};

    if (way == 0) {
        cr_assert_eq(bp_trainer_step(trainer, m, x, y, NULL, NULL, NULL), BP_OK);
    } else if (way == 1) {
        cr_assert_eq(bp_trainers_step(&turn, 1, 1, NULL), BP_OK);
    } else {
        cr_assert_eq(bp_trainer_forward(trainer, m, x, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_loss(trainer, y, NULL, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_backward(trainer, NULL, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    }
}

/* 0: bp_trainer_step, 1: bp_trainers_step, 2: in parts. */
static float *stepped(const problem *p, int way)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);

    for (uint64_t epoch = 0; epoch < p->settings.epochs; epoch++)
        for (uint64_t row = 0; row < ROWS; row += p->settings.batch_size) {
            uint64_t m = ROWS - row < p->settings.batch_size ? ROWS - row : p->settings.batch_size;
            step(trainer, p->x + row * INPUTS, p->y + row * p->outputs, m, way);
        }
    float *parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return parameters;
}

static void assert_same(const problem *p, float *got, const float *wanted, const char *what)
{
    bp_network *network = problem_network(p);
    uint64_t count = bp_network_parameters(network), at = problem_first_difference(got, wanted, count);

    cr_assert_eq(at, count, "%s, loss %d, %u outputs: parameter %llu is %a, not %a", what, p->settings.loss, p->outputs,
                 (unsigned long long)at, (double)got[at], (double)wanted[at]);
    bp_network_free(network);
    free(got);
}

static const struct {
    bp_loss loss;
    uint32_t outputs;
} kinds[] = {{BP_CROSS_ENTROPY, 2}, {BP_CROSS_ENTROPY, 35}, {BP_BINARY_CROSS_ENTROPY, 1}, {BP_BINARY_CROSS_ENTROPY, 4}};

Test(smoothing, every_way_to_step_takes_the_smoothed_targets)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        problem p = smooth_problem(kinds[i].loss, kinds[i].outputs);
        float *wanted = fitted_by_hand(&p);

        assert_same(&p, problem_fitted(&p, &p.settings, p.examples), wanted, "fit");
        assert_same(&p, stepped(&p, 0), wanted, "step");
        assert_same(&p, stepped(&p, 1), wanted, "turn");
        assert_same(&p, stepped(&p, 2), wanted, "parts");
        free(wanted);
        problem_free(&p);
    }
}

/* Of caller's own dL/dy^ nothing is changed. */
Test(smoothing, leaves_a_gradient_of_the_callers_alone)
{
    problem p = smooth_problem(BP_CROSS_ENTROPY, 3);
    bp_network *network = problem_network(&p);
    float d_x[2][INPUTS], d_y[] = {0.5f, -1.0f, 0.25f};

    for (int i = 0; i < 2; i++) {
        p.settings.label_smoothing = i ? e : 0;
        bp_trainer *trainer = problem_trainer(&p, network);
        cr_assert_eq(bp_trainer_forward(trainer, 1, p.x, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_backward(trainer, d_y, d_x[i], NULL), BP_OK);
        bp_trainer_free(trainer);
    }
    cr_assert_arr_eq(d_x[0], d_x[1], sizeof d_x[0]);
    bp_network_free(network);
    problem_free(&p);
}

Test(smoothing, is_in_the_training_loss_and_not_in_the_validation_loss)
{
    problem p = smooth_problem(BP_CROSS_ENTROPY, 3);
    bp_network *network = problem_network(&p);
    bp_workspace *workspace = NULL;
    bp_progress progress;
    bp_metrics metrics;

    p.settings.learning_rate = 1e-30; /* the weights stay: both losses are of the same network */
    bp_trainer *trainer = problem_trainer(&p, network);
    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, p.examples, (bp_rows){0}, &metrics, NULL), BP_OK);
    cr_assert_eq(bp_trainer_fit(trainer, NULL, p.examples, (bp_rows){0}, p.examples, (bp_rows){0}, NULL, &progress, NULL), BP_OK);
    cr_assert_eq(progress.validation.loss, metrics.loss);
    cr_assert_neq(progress.train_loss, metrics.loss);
    bp_workspace_free(workspace);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(smoothing, is_refused_where_the_network_has_another_loss)
{
    problem p = problem_create(problem_settings((uint32_t[]){4}, 1, BP_TANH, BP_SQUARED_ERROR, BP_SGD), INPUTS, 1, ROWS, 3);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = NULL;
    bp_error error;

    p.settings.label_smoothing = e;
    cr_assert_eq(bp_trainer_create(network, &p.settings, NULL, 0, NULL, &trainer, &error), BP_INVALID);
    cr_assert(strstr(error.text, "label-smoothing"), "%s", error.text);
    p.settings.label_smoothing = 1;
    cr_assert_eq(bp_trainer_create(network, &p.settings, NULL, 0, NULL, &trainer, &error), BP_INVALID);
    bp_network_free(network);
    problem_free(&p);
}
