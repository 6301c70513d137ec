/* What is not finite stops training, is said with step and layer, and does not stay in the network.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "scratch.h"

enum { ROWS = 40, BATCH = 8, MOST = 60 };

static problem subject(double rate, uint32_t threads)
{
    bp_settings settings = problem_settings((uint32_t[]){33, 7}, 2, BP_IDENTITY, BP_SQUARED_ERROR, BP_SGD);

    settings.batch_size = BATCH;
    settings.epochs = MOST;
    settings.learning_rate = rate;
    settings.threads = threads;
    settings.exact_threads = 1;
    return problem_create(settings, 5, 2, ROWS, 31);
}

typedef struct history {
    const bp_network *network;
    float *parameters[MOST + 1]; /* of each epoch's end; [0] the first weights */
    uint64_t epochs;
} history;

static int note_epoch(void *context, const bp_progress *progress)
{
    history *h = context;
    h->parameters[++h->epochs] = problem_parameters(h->network);
    cr_assert_eq(h->epochs, progress->epoch);
    return 0;
}

static bool holds(const bp_network *network, const float *parameters)
{
    float *now = problem_parameters(network);
    uint64_t count = bp_network_parameters(network);
    bool equal = problem_first_difference(now, parameters, count) == count;
    free(now);
    return equal;
}

static bp_status fit(const problem *p, bp_trainer *trainer, history *h, bp_progress *progress, bp_error *error)
{
    bp_callbacks callbacks = {.context = h, .epoch = note_epoch};
    return bp_trainer_fit(trainer, NULL, p->examples, (bp_rows){0}, NULL, (bp_rows){0}, &callbacks, progress, error);
}

/* Returns the epochs that went well. */
static uint64_t check_rate(double rate, uint32_t threads)
{
    problem p = subject(rate, threads);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    history h = {.network = network, .parameters = {problem_parameters(network)}};
    bp_progress progress;
    bp_error error;

    cr_assert_eq(fit(&p, trainer, &h, &progress, &error), BP_DIVERGED, "rate %g, %u threads", rate, threads);
    cr_assert(error.status == BP_DIVERGED && error.step > h.epochs * 5 && error.step <= (h.epochs + 1) * 5 && error.layer <= 3,
              "step %llu after %llu epochs, layer %d", (unsigned long long)error.step, (unsigned long long)h.epochs, error.layer);
    cr_assert(strstr(error.text, error.layer ? "gradient of layer" : "the loss"), "%s", error.text);
    cr_assert(holds(network, h.parameters[h.epochs]), "the network is not that of epoch %llu's end", (unsigned long long)h.epochs);
    cr_assert_eq(progress.epoch, h.epochs);

    cr_assert_eq(fit(&p, trainer, &h, NULL, &error), BP_DIVERGED, "it must not go on with moments that are not finite");
    scratch_begin();
    cr_assert_eq(bp_trainer_checkpoint(trainer, "c", &error), BP_DIVERGED);
    cr_assert_eq(scratch_count(), 0);
    scratch_end();
    for (uint64_t i = 0; i <= h.epochs; i++)
        free(h.parameters[i]);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
    return h.epochs;
}

Test(divergence, of_a_rate_that_is_too_high_leaves_the_last_epochs_end)
{
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        cr_assert_eq(check_rate(1e6, threads), 0, "before the first epoch's end");
        cr_assert_gt(check_rate(0.5, threads), 0, "after some epochs");
    }
}

Test(divergence, is_the_same_step_and_layer_for_every_team)
{
    bp_error first = {.step = 0}, error;

    for (uint32_t threads = 1; threads <= 3; threads++) {
        problem p = subject(1e4, threads);
        bp_network *network = problem_network(&p);
        bp_trainer *trainer = problem_trainer(&p, network);
        history h = {.network = network};
        cr_assert_eq(fit(&p, trainer, &h, NULL, &error), BP_DIVERGED);
        if (threads == 1)
            first = error;
        cr_assert(error.step == first.step && error.layer == first.layer, "%s; alone: %s", error.text, first.text);
        bp_trainer_free(trainer);
        bp_network_free(network);
        problem_free(&p);
    }
}

/* One number of the minibatch is spoiled. */
static void check_loss(uint32_t threads, float value)
{
    problem p = subject(0.01, threads);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    float *spoiled = p.x + 6 * p.inputs, kept = *spoiled; /* a row that is not the first thread's */
    double J = 5;
    bp_error error;

    cr_assert_eq(bp_trainer_step(trainer, BATCH, p.x, p.y, NULL, NULL, NULL), BP_OK);
    float *before = problem_parameters(network);
    *spoiled = value;
    cr_assert_eq(bp_trainer_step(trainer, BATCH, p.x, p.y, NULL, &J, &error), BP_DIVERGED);
    cr_assert(error.step == 2 && error.layer == 0 && J == 5, "%s", error.text);
    cr_assert(holds(network, before), "an update was made from a loss that is not finite");
    *spoiled = kept;
    cr_assert_eq(bp_trainer_step(trainer, BATCH, p.x, p.y, NULL, &J, &error), BP_OK, "good rows after bad ones");
    free(before);
    before = problem_parameters(network);
    *spoiled = value;
    cr_assert_eq(bp_trainer_forward(trainer, BATCH, p.x, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_loss(trainer, p.y, NULL, &J, &error), BP_DIVERGED);
    cr_assert(error.step == 3 && error.layer == 0, "%s", error.text);
    cr_assert_eq(bp_trainer_backward(trainer, NULL, NULL, NULL), BP_INVALID);
    cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_INVALID);
    cr_assert(holds(network, before));
    free(before);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(divergence, of_the_loss_comes_before_any_update)
{
    for (uint32_t threads = 1; threads <= 3; threads++) {
        check_loss(threads, NAN);
        check_loss(threads, INFINITY);
    }
}

/* A gradient of the caller's that is not finite in one layer. */
static void check_gradient(uint32_t layer, size_t at, float value)
{
    static float dW[33 * 7];
    problem p = subject(0.01, 2);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_error error;

    cr_assert_eq(bp_trainer_forward(trainer, BATCH, p.x, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(trainer, p.y, NULL, NULL), BP_OK);
    memset(dW, 0, sizeof dW);
    dW[at] = value;
    cr_assert_eq(bp_trainer_gradient_set(trainer, layer, dW, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_update(trainer, 0, &error), BP_DIVERGED);
    cr_assert(error.step == 1 && error.layer == (int)layer + 1, "%s", error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(divergence, of_a_gradient_that_was_set_names_its_layer)
{
    check_gradient(0, 5 * 33 - 1, INFINITY);
    check_gradient(1, 33 * 7 - 1, NAN);
    check_gradient(2, 0, -INFINITY);
}

Test(divergence, of_a_loss_gradient_of_the_callers_is_found_by_backward)
{
    problem p = subject(0.01, 2);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    float *before = problem_parameters(network);
    bp_error error;

    p.y[3] = INFINITY;
    cr_assert_eq(bp_trainer_forward(trainer, BATCH, p.x, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(trainer, p.y, NULL, &error), BP_DIVERGED);
    cr_assert(error.step == 1 && error.layer == 1, "%s", error.text);
    cr_assert(holds(network, before));
    free(before);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

/* Inside a region of the host's a trainer of two threads runs on one; the other's verdict of an earlier step is history. */
Test(divergence, of_a_step_is_not_told_of_a_later_one_on_fewer_threads)
{
    problem p = subject(0.01, 2);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_status status = BP_INVALID;
    float kept = p.x[7 * 5];

    p.x[7 * 5] = NAN;
    cr_assert_eq(bp_trainer_step(trainer, BATCH, p.x, p.y, NULL, NULL, NULL), BP_DIVERGED);
    p.x[7 * 5] = kept;
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 0)
        status = bp_trainer_step(trainer, BATCH, p.x, p.y, NULL, NULL, NULL);
    cr_assert_eq(status, BP_OK);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

/* z = 1e20: L is finite in double, and both layers' gradients overflow. */
Test(divergence, the_first_layer_is_named_where_several_are_not_finite)
{
    const float x[] = {1e20f, 1e20f, 1e20f}, y[] = {0, 0, 0}, one = 1, zero = 0;
    bp_settings settings = problem_settings((uint32_t[]){1}, 1, BP_IDENTITY, BP_SQUARED_ERROR, BP_SGD);

    settings.batch_size = 3;
    settings.exact_threads = 1;
    for (settings.gradient = BP_GRADIENT_BUFFERS; settings.gradient <= BP_GRADIENT_TILES; settings.gradient++)
        for (settings.threads = 1; settings.threads <= 3; settings.threads++) {
            problem p = problem_create(settings, 1, 1, 3, 1);
            bp_network *network = problem_network(&p);
            bp_trainer *trainer = problem_trainer(&p, network);
            bp_error error;
            for (uint32_t layer = 0; layer < 2; layer++)
                cr_assert_eq(bp_network_set(network, layer, &one, &zero, NULL), BP_OK);
            bp_trainer_sync(trainer);
            cr_assert_eq(bp_trainer_step(trainer, 3, x, y, NULL, NULL, &error), BP_DIVERGED);
            cr_assert_eq(error.layer, 1, "gradient %d, %u threads: layer %d", settings.gradient, settings.threads, error.layer);
            bp_trainer_free(trainer);
            bp_network_free(network);
            problem_free(&p);
        }
}

static bp_status fit_once(const problem *p, bp_error *error, bool *kept)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);
    float *first = problem_parameters(network);
    bp_status status = bp_trainer_fit(trainer, NULL, p->examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, error);

    *kept = holds(network, first);
    free(first);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return status;
}

/* Gradients are finite, and what the only step makes of them is not: no later loss could tell. */
Test(divergence, of_an_updates_own_numbers_is_found_at_the_epochs_end)
{
    static const struct {
        int32_t optimizer;
        float target;
        double rate, momentum;
    } cases[] = {{BP_SGD, 1e35f, 1e6, 0},
                 {BP_SGD, 1e35f, 1e6, 0.9},
                 {BP_ADAM, 1e25f, 0.001, 0},
                 {BP_ADAMW, 1e25f, 0.001, 0},
                 {BP_RMSPROP, 1e25f, 0.001, 0.5}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        problem p = subject(cases[i].rate, 2);
        bp_error error;
        bool kept;
        p.settings.optimizer = cases[i].optimizer;
        p.settings.momentum = cases[i].momentum;
        p.settings.batch_size = ROWS;
        p.settings.epochs = 1;
        for (size_t at = 0; at < ROWS * 2; at++)
            p.y[at] = cases[i].target;
        cr_assert_eq(fit_once(&p, &error, &kept), BP_DIVERGED, "case %zu", i);
        cr_assert(error.step == 1 && error.layer >= 1 && strstr(error.text, "update of layer"), "case %zu: %s", i, error.text);
        cr_assert(kept, "case %zu: the network is not that before the fit", i);
        problem_free(&p);
    }
}

/* The first evaluation has nothing to step back to. */
Test(divergence, of_full_batch_methods_is_told_where_there_is_no_way_back)
{
    for (bp_optimizer method = BP_LBFGS; method <= BP_RPROP; method++) {
        problem p = subject(0, 2);
        bp_error error;
        bool kept;
        p.settings.optimizer = (int32_t)method;
        for (size_t at = 0; at < ROWS * 5; at++)
            p.x[at] *= 1e20f;
        cr_assert_eq(fit_once(&p, &error, &kept), BP_DIVERGED, "method %d", (int)method);
        cr_assert(kept && error.step == 1 && error.layer >= 1, "%s", error.text);
        problem_free(&p);
    }
}

static bool all_finite(const bp_network *network)
{
    float *now = problem_parameters(network);
    bool finite = true;

    for (uint64_t i = 0; i < bp_network_parameters(network); i++)
        finite = finite && isfinite(now[i]);
    free(now);
    return finite;
}

/* Rate by default, a thousand times. Whatever comes of it is finite or told; true where it was told. */
static bool check_high_rate(bp_optimizer optimizer, bp_loss loss, bool split)
{
    bp_settings settings = problem_settings((uint32_t[]){33, 7}, 2, BP_RELU, loss, optimizer);
    bp_error error;

    settings.batch_size = BATCH;
    settings.epochs = MOST;
    settings.learning_rate = optimizer == BP_SGD ? 10 : 1;
    settings.clip_norm = split ? 10 : 0;
    settings.accumulate = split ? 2 : 1;
    problem p = problem_create(settings, 5, 2, ROWS, 31);
    for (size_t at = 0; loss == BP_POISSON && at < ROWS * 2; at++)
        p.y[at] = fabsf(p.y[at]);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    history h = {.network = network, .parameters = {problem_parameters(network)}};
    bp_status status = fit(&p, trainer, &h, NULL, &error);
    cr_assert(status == BP_OK || status == BP_DIVERGED, "%s", error.text);
    cr_assert(all_finite(network) && holds(network, h.parameters[h.epochs]), "optimizer %d, loss %d: not the last epoch's end",
              (int)optimizer, (int)loss);
    cr_assert(status == BP_OK || error.step > 0, "%s", error.text);
    for (uint64_t i = 0; i <= h.epochs; i++)
        free(h.parameters[i]);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
    return status == BP_DIVERGED;
}

Test(divergence, of_a_rate_a_thousand_times_too_high_is_told_or_all_is_finite)
{
    static const bp_optimizer optimizers[] = {BP_SGD, BP_RMSPROP, BP_ADAM, BP_ADAMW};
    static const bp_loss losses[] = {BP_SQUARED_ERROR, BP_ABSOLUTE_ERROR,      BP_HUBER, BP_QUANTILE, BP_POISSON,
                                     BP_CROSS_ENTROPY, BP_BINARY_CROSS_ENTROPY};
    bool told[4][7];

    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 7; j++) {
            told[i][j] = check_high_rate(optimizers[i], losses[j], false);
            check_high_rate(optimizers[i], losses[j], true);
        }
    cr_assert(told[0][0], "sgd, squared error");
    cr_assert(told[0][4], "sgd, poisson");
}

static void check_refused(const problem *p, const char *text)
{
    bp_error error;
    bool kept;

    cr_assert_eq(fit_once(p, &error, &kept), BP_INVALID);
    cr_assert(kept && strstr(error.text, text), "\"%s\" does not say \"%s\"", error.text, text);
}

Test(divergence, has_no_chance_where_borrowed_numbers_are_not_finite)
{
    static const float values[] = {NAN, INFINITY, -INFINITY};

    for (size_t v = 0; v < 3; v++) {
        problem p = subject(0.01, 2);
        float kept = p.x[6 * 5 + 2];
        p.x[6 * 5 + 2] = values[v];
        check_refused(&p, "training row 7, input 3: ");
        p.x[6 * 5 + 2] = kept;
        p.y[ROWS * 2 - 1] = values[v];
        check_refused(&p, "training row 40, target 2: ");
        problem_free(&p);
    }
}
