/* A fit as its caller sees it: callbacks, pauses, cancellation, odd sizes, the order of rows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

enum { ROWS = 37, BATCH = 8, STEPS = 5, EPOCHS = 3, EVENTS = 200 };

typedef struct event {
    char kind; /* e: epoch, p: pause */
    bp_progress progress;
} event;

typedef struct recorder {
    event events[EVENTS];
    size_t count;
    size_t stop_at; /* the event, counted from 1, that asks to stop; 0: none */
} recorder;

static int record(recorder *r, char kind, const bp_progress *progress)
{
    cr_assert_lt(r->count, EVENTS);
    r->events[r->count++] = (event){kind, *progress};
    return r->count == r->stop_at;
}

static int record_epoch(void *context, const bp_progress *progress)
{
    return record(context, 'e', progress);
}

static int record_pause(void *context, const bp_progress *progress)
{
    return record(context, 'p', progress);
}

static bp_callbacks callbacks_for(recorder *r, uint64_t pause_steps)
{
    return (bp_callbacks){.context = r, .epoch = record_epoch, .pause = record_pause, .pause_steps = pause_steps};
}

static bp_settings subject_settings(void)
{
    bp_settings settings = problem_settings((uint32_t[]){12}, 1, BP_TANH, BP_SQUARED_ERROR, BP_SGD);

    settings.batch_size = BATCH;
    settings.epochs = EPOCHS;
    settings.momentum = 0.9;
    settings.schedule = BP_LINEAR;
    return settings;
}

static problem subject(void)
{
    return problem_create(subject_settings(), 6, 2, ROWS, 77);
}

static bp_status fit(const problem *p, bp_trainer *trainer, const bp_callbacks *callbacks, bp_progress *progress, bp_error *error)
{
    return bp_trainer_fit(trainer, NULL, p->examples, (bp_rows){0}, NULL, (bp_rows){0}, callbacks, progress, error);
}

static void assert_same_floats(float *a, float *b, const bp_network *network, const char *what)
{
    uint64_t count = bp_network_parameters(network);
    cr_assert_eq(problem_first_difference(a, b, count), count, "%s", what);
    free(a);
    free(b);
}

Test(fit, calls_back_in_order_with_what_has_been_done)
{
    static const char kinds[] = "peppeppe"; /* pauses at 3, 6, 9, 12, 15 steps, epochs end at 5, 10, 15 */
    static const uint64_t steps[] = {3, 5, 6, 9, 10, 12, 15, 15}, examples[] = {24, 37, 45, 69, 74, 90, 111, 111},
                          epochs[] = {0, 1, 1, 1, 2, 2, 2, 3};
    problem p = subject();
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    recorder r = {.count = 0};
    bp_progress last;

    cr_assert_eq(fit(&p, trainer, &(bp_callbacks){&r, record_epoch, record_pause, 3, 0}, &last, NULL), BP_OK);
    cr_assert_eq(r.count, strlen(kinds));
    for (size_t i = 0; i < r.count; i++) {
        const bp_progress *seen = &r.events[i].progress;
        cr_assert_eq(r.events[i].kind, kinds[i], "event %zu is %c", i, r.events[i].kind);
        cr_assert(seen->step == steps[i] && seen->examples == examples[i] && seen->epoch == epochs[i], "event %zu", i);
        cr_assert(seen->epochs == EPOCHS && seen->steps == STEPS && seen->rows == ROWS);
        cr_assert(seen->train_loss > 0 && seen->seconds >= 0 && seen->validation.rows == 0 && seen->best_epoch == 0);
        cr_assert_float_eq(seen->learning_rate, 0.01 * (1 - (double)(steps[i] - 1) / 15), 1e-15, "event %zu", i);
    }
    cr_assert(last.epoch == 3 && last.step == 15 && last.examples == 111 && last.train_loss == r.events[7].progress.train_loss);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(fit, without_shuffling_is_steps_on_rows_as_they_stand)
{
    problem p = subject();
    p.settings.shuffle = BP_SHUFFLE_NONE;
    p.settings.schedule = BP_CONSTANT;
    bp_network *fitted = problem_network(&p), *stepped = problem_network(&p);
    bp_trainer *of_fit = problem_trainer(&p, fitted), *of_steps = problem_trainer(&p, stepped);
    double J, sum = 0;

    bp_progress progress = problem_fit(&p, of_fit);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        sum = 0;
        for (uint64_t row = 0; row < ROWS; row += BATCH) {
            uint64_t m = ROWS - row < BATCH ? ROWS - row : BATCH;
            cr_assert_eq(bp_trainer_step(of_steps, m, p.x + row * 6, p.y + row * 2, NULL, &J, NULL), BP_OK);
            sum += J * (double)m;
        }
    }
    cr_assert(progress.train_loss == sum / ROWS, "%.17g, not %.17g", progress.train_loss, sum / ROWS);
    assert_same_floats(problem_parameters(fitted), problem_parameters(stepped), fitted, "fit differs from its steps");
    bp_trainer_free(of_fit);
    bp_trainer_free(of_steps);
    bp_network_free(fitted);
    bp_network_free(stepped);
    problem_free(&p);
}

Test(fit, on_chosen_rows_is_a_fit_on_a_copy_of_them)
{
    problem p = subject();
    uint64_t index[20];
    float x[20 * 6], y[20 * 2];
    bp_network *chosen = problem_network(&p), *copied = problem_network(&p);
    bp_trainer *of_chosen = problem_trainer(&p, chosen), *of_copied = problem_trainer(&p, copied);
    bp_examples *examples = NULL;

    for (uint64_t i = 0; i < 20; i++) {
        index[i] = (i * 7 + 3) % ROWS;
        memcpy(x + i * 6, p.x + index[i] * 6, 6 * sizeof *x);
        memcpy(y + i * 2, p.y + index[i] * 2, 2 * sizeof *y);
    }
    bp_array of_x = {x, BP_TYPE_F32, 0, 20, 6, 0}, of_y = {y, BP_TYPE_F32, 0, 20, 2, 0};
    cr_assert_eq(bp_examples_borrow(&of_x, &of_y, NULL, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(bp_trainer_fit(of_chosen, NULL, p.examples, (bp_rows){index, 20}, NULL, (bp_rows){0}, NULL, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_fit(of_copied, NULL, examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, NULL), BP_OK);
    assert_same_floats(problem_parameters(chosen), problem_parameters(copied), chosen, "rows chosen differ from rows copied");
    bp_examples_free(examples);
    bp_trainer_free(of_chosen);
    bp_trainer_free(of_copied);
    bp_network_free(chosen);
    bp_network_free(copied);
    problem_free(&p);
}

static void check_stop_at(const problem *p, size_t stop_at, uint64_t pause_steps, const float *wanted)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);
    recorder r = {.stop_at = stop_at};
    bp_callbacks callbacks = callbacks_for(&r, pause_steps);
    bp_progress progress;
    bp_error error;
    uint64_t count = bp_network_parameters(network);

    cr_assert_eq(fit(p, trainer, &callbacks, &progress, &error), BP_CANCELLED, "event %zu", stop_at);
    cr_assert(strstr(error.text, "stopped after"), "%s", error.text);
    cr_assert_eq(progress.step, r.events[stop_at - 1].progress.step);
    cr_assert_eq(fit(p, trainer, NULL, &progress, &error), BP_OK, "%s", error.text);
    cr_assert_eq(progress.step, STEPS * EPOCHS);
    float *got = problem_parameters(network);
    cr_assert_eq(problem_first_difference(got, wanted, count), count, "stopped by event %zu", stop_at);
    free(got);
    bp_trainer_free(trainer);
    bp_network_free(network);
}

Test(fit, stopped_by_any_callback_goes_on_to_the_same_bits)
{
    problem p = subject();
    float *wanted = problem_fitted(&p, &p.settings, p.examples);

    for (size_t stop_at = 1; stop_at < STEPS * EPOCHS + EPOCHS; stop_at++)
        check_stop_at(&p, stop_at, 1, wanted);
    free(wanted);
    problem_free(&p);
}

typedef struct distance {
    bp_trainer *trainer;
    atomic_int begun;
} distance;

static int note_epoch(void *context, const bp_progress *progress)
{
    (void)progress;
    atomic_store(&((distance *)context)->begun, 1);
    return 0;
}

static void *cancel_when_begun(void *context)
{
    distance *d = context;
    while (!atomic_load(&d->begun)) {
    }
    bp_trainer_cancel(d->trainer);
    return NULL;
}

Test(fit, is_cancelled_from_another_thread)
{
    problem p = subject();
    p.settings.epochs = 10000000;
    bp_network *network = problem_network(&p);
    distance d = {.trainer = problem_trainer(&p, network)};
    bp_callbacks callbacks = {.context = &d, .epoch = note_epoch};
    bp_progress progress;
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, cancel_when_begun, &d), 0);
    cr_assert_eq(fit(&p, d.trainer, &callbacks, &progress, NULL), BP_CANCELLED);
    pthread_join(thread, NULL);
    cr_assert(progress.epoch >= 1 && progress.epoch < p.settings.epochs);
    bp_trainer_free(d.trainer);
    bp_network_free(network);
    problem_free(&p);
}

static int count_call(void *context, const bp_progress *progress)
{
    (void)progress;
    ++*(size_t *)context;
    return 0;
}

/* A member late behind a step's barrier once took the stop of the next step for its own, and the team never met again. */
Test(fit, pauses_while_many_threads_are_late, .timeout = 120)
{
    problem p = problem_create(subject_settings(), 6, 2, 4000, 5);
    size_t pauses = 0;
    bp_callbacks callbacks = {.context = &pauses, .pause = count_call, .pause_steps = 2};

    p.settings.epochs = 8;
    float *wanted = problem_fitted(&p, &p.settings, p.examples);
    p.settings.threads = 8;
    p.settings.exact_threads = 1;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    cr_assert_eq(fit(&p, trainer, &callbacks, NULL, NULL), BP_OK);
    cr_assert_eq(pauses, 8 * 500 / 2);
    assert_same_floats(problem_parameters(network), wanted, network, "pauses change the result");
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

static size_t count_pauses(const problem *p, double seconds)
{
    size_t pauses = 0;
    bp_callbacks callbacks = {.context = &pauses, .pause = count_call, .pause_seconds = seconds};
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);

    cr_assert_eq(fit(p, trainer, &callbacks, NULL, NULL), BP_OK);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return pauses;
}

Test(fit, pauses_by_the_clock)
{
    problem p = subject();

    cr_assert_eq(count_pauses(&p, 0), 0);
    cr_assert_eq(count_pauses(&p, 1e9), 0);
    cr_assert_geq(count_pauses(&p, 1e-9), 1);
    problem_free(&p);
}

Test(fit, takes_a_single_row_and_a_batch_above_all_rows)
{
    static const uint64_t rows[] = {1, 3};

    for (size_t i = 0; i < 2; i++) {
        problem p = problem_create(subject_settings(), 6, 2, rows[i], 3);
        bp_network *network = problem_network(&p);
        bp_trainer *trainer = problem_trainer(&p, network);
        bp_progress progress = problem_fit(&p, trainer);
        cr_assert(progress.step == EPOCHS && progress.steps == 1 && progress.examples == EPOCHS * rows[i]);
        bp_trainer_free(trainer);
        bp_network_free(network);
        problem_free(&p);
    }
}

static void assert_refused(bp_trainer *trainer, const bp_encoder *encoder, const bp_examples *training, bp_rows rows,
                           const char *text)
{
    bp_error error;
    bp_status status = bp_trainer_fit(trainer, encoder, training, rows, NULL, (bp_rows){0}, NULL, NULL, &error);

    cr_assert_eq(status, BP_INVALID);
    cr_assert(strstr(error.text, text), "%s", error.text);
}

Test(fit, refuses_rows_and_columns_that_are_not_there)
{
    problem p = subject(), other = problem_create(p.settings, 5, 2, ROWS, 1);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    uint64_t beyond[] = {0, ROWS};

    assert_refused(trainer, NULL, p.examples, (bp_rows){beyond, 2}, "row 37: there are 37");
    assert_refused(trainer, NULL, p.examples, (bp_rows){beyond, 0}, "no training rows");
    assert_refused(trainer, NULL, other.examples, (bp_rows){0}, "have 5 inputs and 2 outputs, the network has 6 and 2");
    bp_encoder *encoder = problem_encoder(&other);
    assert_refused(trainer, encoder, p.examples, (bp_rows){0},
                   "the encoder is for 5 inputs and 2 outputs, the network has 6 and 2");
    bp_encoder_free(encoder);
    problem_fit(&p, trainer); /* none of this was taken for the trainer's data */
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&other);
    problem_free(&p);
}

Test(fit, a_metric_that_the_validation_rows_do_not_have_is_refused)
{
    problem p = subject();
    uint64_t one[] = {3};
    bp_error error;

    p.settings.metric = BP_METRIC_R2;
    p.settings.patience = 2;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_status status = bp_trainer_fit(trainer, NULL, p.examples, (bp_rows){0}, p.examples, (bp_rows){one, 1}, NULL, NULL, &error);
    cr_assert_eq(status, BP_INVALID);
    cr_assert(strstr(error.text, "metric: the validation rows have no r2"), "%s", error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(fit, of_no_epochs_or_of_all_rows_a_batch_is_refused_when_the_trainer_is_made)
{
    problem p = subject();
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = NULL;
    bp_error error;

    p.settings.epochs = 0;
    cr_assert_eq(bp_trainer_create(network, &p.settings, NULL, 0, NULL, &trainer, &error), BP_INVALID);
    cr_assert(strstr(error.text, "epochs"), "%s", error.text);
    p.settings.epochs = 1;
    p.settings.batch_size = 0;
    cr_assert_eq(bp_trainer_create(network, &p.settings, NULL, 0, NULL, &trainer, &error), BP_INVALID);
    cr_assert(strstr(error.text, "batch-size"), "%s", error.text);
    cr_assert_null(trainer);
    bp_network_free(network);
    problem_free(&p);
}
