/* SPDX-License-Identifier: Apache-2.0 */
#include "fit.h"

#include <math.h>
#include <string.h>

#include "bpd.h"
#include "clock.h"
#include "error.h"
#include "evaluate.h"
#include "examples.h"
#include "fingerprint.h"
#include "float_state.h"
#include "metric.h"
#include "overflow.h"
#include "sampler.h"
#include "settings.h"
#include "size.h"
#include "split_step.h"

static bp_rows all_rows(const bp_examples *examples, bp_rows rows)
{
    return rows.index ? rows : (bp_rows){NULL, examples->rows};
}

typedef struct data_names {
    bp_fingerprints fingerprints;
    char data[BP_DATA_TEXT];
} data_names;

/* The data must be those that a resumed trainer has seen. */
static bp_status check_names(const bp_trainer *trainer, const data_names *now, bp_error *error)
{
    const char *theirs, *own;
    const char *what = bp_fingerprints_differ(&trainer->fingerprints, &now->fingerprints, &theirs, &own);

    if (!trainer->data[0] || !what)
        return BP_OK;
    if (strcmp(trainer->data, now->data) == 0)
        return bp_fail(error, BP_INVALID,
                       "the %s are not those of the checkpoint, though both have %s: they have fingerprint %s, the checkpoint's %s",
                       what, now->data, own, theirs);
    return bp_fail(error, BP_INVALID, "the %s are not those of the checkpoint: it has %s, these are %s", what, trainer->data,
                   now->data);
}

static bp_status check_fingerprint(const bp_fit *fit, data_names *now, bp_error *error)
{
    const bp_trainer *trainer = fit->trainer;

    bp_fingerprint_describe(fit->training, fit->training_rows, fit->validation, fit->validation_rows, now->data);
    BP_TRY(bp_fingerprint(fit->encoder, fit->training, fit->training_rows, fit->validation, fit->validation_rows,
                          &now->fingerprints, error));
    BP_TRY(check_names(trainer, now, error));
    if (trainer->fit.step > fit->steps)
        return bp_fail(error, BP_INVALID, "the checkpoint stands at step %llu of an epoch that has %llu",
                       (unsigned long long)trainer->fit.step, (unsigned long long)fit->steps);
    if (trainer->fit.step < fit->steps && trainer->fit.step % trainer->plan.group)
        return bp_fail(error, BP_INVALID, "the checkpoint stands at step %llu, in the middle of an update's %zu",
                       (unsigned long long)trainer->fit.step, trainer->plan.group);
    return BP_OK;
}

static size_t block_bytes(const bp_fit *fit)
{
    return 2 * (size_t)fit->blocks.count * sizeof *fit->blocks.turns; /* less than the order's */
}

static bp_status take_blocks(bp_fit *fit, bp_error *error)
{
    fit->blocks.count = (fit->training->rows - 1) / BP_BPD_ROWS + 1;
    fit->blocks.turns = bp_allocate(&fit->trainer->allocator, block_bytes(fit));
    if (!fit->blocks.turns)
        return bp_fail(error, BP_NO_MEMORY, "the order of %llu blocks: memory was refused", (unsigned long long)fit->blocks.count);
    fit->blocks.ends = fit->blocks.turns + fit->blocks.count;
    return BP_OK;
}

/* A segment holds the rows of a minibatch. */
static bp_status take_feed(bp_fit *fit, bp_error *error)
{
    const bp_trainer *trainer = fit->trainer;
    const bp_examples *training = fit->training;
    size_t rows = bp_size_min(trainer->plan.batch, (size_t)fit->training_rows.count), bytes;

    if (!bp_size_mul(rows, training->inputs * sizeof(float), &bytes) || bytes > training->pages->file->bpd->limit / 2)
        return bp_fail(error, BP_INVALID,
                       "batch-size: %zu rows of %u inputs make a minibatch, and take more than half of the memory for data", rows,
                       training->inputs);
    return bp_feed_create(training, rows, trainer->plan.threads, &trainer->allocator, &fit->feed, error);
}

static bp_status take_memory(bp_fit *fit, bp_error *error)
{
    bp_trainer *trainer = fit->trainer;
    size_t bytes;

    if (!bp_size_mul(fit->training_rows.count, sizeof *fit->order, &bytes) ||
        !(fit->order = bp_allocate(&trainer->allocator, bytes)))
        return bp_fail(error, BP_NO_MEMORY, "the order of %llu rows: memory was refused",
                       (unsigned long long)fit->training_rows.count);
    if (trainer->settings.shuffle == BP_SHUFFLE_BLOCKS)
        BP_TRY(take_blocks(fit, error));
    BP_TRY(bp_sparse_batch_begin(&trainer->sparse, &trainer->network->layout, &trainer->plan, fit->training, fit->training_rows,
                                 &trainer->allocator, error));
    if (fit->training->pages)
        BP_TRY(take_feed(fit, error));
    if (!fit->validation)
        return BP_OK;
    return bp_workspace_create(trainer->network, trainer->plan.threads, (bp_isa)trainer->settings.isa, &trainer->allocator,
                               &fit->workspace, error);
}

static void copy_parameters(float *to, const bp_trainer *trainer)
{
    memcpy(to, trainer->network->parameters, trainer->network->layout.floats * sizeof(float));
}

/* Microseconds of a step from which on a team may gain: less than that it needs to wake. */
#define TEAM_MICROSECONDS 100.0

static BP_OUT_OF_LINE bool is_short(const bp_plan *plan, uint64_t rows)
{
    return plan->microseconds * ((double)rows / (double)plan->batch) < TEAM_MICROSECONDS;
}

/* A full batch is planned for as many rows as are under way at most, and there may be far fewer. */
static unsigned team_for(const bp_fit *fit)
{
    const bp_trainer *trainer = fit->trainer;

    if (!trainer->plan.full || trainer->settings.exact_threads || fit->training_rows.count >= trainer->plan.batch)
        return trainer->plan.threads;
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bool alone = is_short(&trainer->plan, fit->training_rows.count);
    bp_float_end(host);
    return alone ? 1 : trainer->plan.threads;
}

bp_status bp_fit_begin(bp_fit *fit, bp_trainer *trainer, const bp_encoder *encoder, const bp_examples *training,
                       bp_rows training_rows, const bp_examples *validation, bp_rows validation_rows, const bp_callbacks *callbacks,
                       bp_error *error)
{
    data_names names;

    *fit = (bp_fit){
        .trainer = trainer,
        .encoder = encoder,
        .training = training,
        .training_rows = all_rows(training, training_rows),
        .validation = validation,
        .validation_rows = validation ? all_rows(validation, validation_rows) : (bp_rows){NULL, 0},
        .callbacks = callbacks ? *callbacks : (bp_callbacks){.context = NULL},
        .started = bp_clock(),
        .last_pause = bp_clock(),
    };
    BP_TRY(bp_fit_check(fit, error));
    fit->steps = bp_run_steps(trainer, fit->training_rows.count);
    BP_TRY(check_fingerprint(fit, &names, error));
    bp_status status = take_memory(fit, error);
    if (status != BP_OK) {
        bp_fit_end(fit);
        return status;
    }
    trainer->fingerprints = names.fingerprints;
    memcpy(trainer->data, names.data, sizeof names.data);
    trainer->total_updates = ((fit->steps - 1) / trainer->plan.group + 1) * trainer->settings.epochs;
    bp_pace_begin(&fit->pace, team_for(fit), trainer->settings.exact_threads != 0);
    if (trainer->fit.epoch == 0 && trainer->fit.step == 0)
        copy_parameters(trainer->snapshot, trainer);
    return BP_OK;
}

void bp_fit_end(bp_fit *fit)
{
    bp_feed_free(fit->feed);
    bp_workspace_free(fit->workspace);
    bp_release(&fit->trainer->allocator, fit->blocks.turns, block_bytes(fit));
    bp_sparse_batch_end(&fit->trainer->sparse);
    bp_release(&fit->trainer->allocator, fit->order, fit->training_rows.count * sizeof *fit->order);
    fit->trainer->total_updates = 0;
}

/* From the step at hand. */
static bp_status begin_feed(bp_fit *fit, bp_error *error)
{
    bp_rows rows = {fit->order, fit->training_rows.count};

    return fit->feed ? bp_feed_begin(fit->feed, rows, fit->trainer->fit.step * fit->trainer->plan.batch, error) : BP_OK;
}

bp_status bp_fit_order(bp_fit *fit, bp_error *error)
{
    bp_trainer *trainer = fit->trainer;
    const bp_settings *settings = &trainer->settings;
    const bp_kernels *kernels = trainer->plan.arithmetic.kernels;
    bp_shuffle shuffle = trainer->plan.full ? BP_SHUFFLE_NONE : (bp_shuffle)settings->shuffle; /* J is to be J, to the bit */

    trainer->order_began = bp_clock();
    if (fit->blocks.count && !trainer->plan.full)
        bp_sampler_blocks(kernels, fit->training_rows, shuffle, settings->seed, trainer->fit.epoch, &fit->blocks, fit->order);
    else
        bp_sampler_order(kernels, fit->training_rows, shuffle, settings->seed, trainer->fit.epoch, fit->order);
    trainer->order_ended = bp_clock();
    return begin_feed(fit, error);
}

/* The step behind the last whole minibatch of the segment. */
static uint64_t fetched_end(const bp_fit *fit)
{
    uint64_t rows = fit->feed->first + fit->feed->segment.rows;

    return rows == fit->training_rows.count ? fit->steps : rows / fit->trainer->plan.batch;
}

bp_status bp_fit_fetch(bp_fit *fit, bp_error *error)
{
    uint64_t step = fit->trainer->fit.step;

    if (!fit->feed || step < fetched_end(fit))
        return BP_OK;
    return bp_feed_next(fit->feed, step * fit->trainer->plan.batch - fit->feed->first, error);
}

bp_status bp_fit_rewind(bp_fit *fit, bp_error *error)
{
    bp_fit_state *state = &fit->trainer->fit;

    state->step = 0;
    state->epoch_loss = 0.0;
    state->epoch_rows = 0;
    return begin_feed(fit, error);
}

void bp_fit_measure(bp_fit *fit, const bp_run *run, double seconds)
{
    bp_pace_take(&fit->pace, fit->trainer->fit.step - run->first, seconds);
}

bp_run bp_fit_run(const bp_fit *fit)
{
    const bp_fit_state *state = &fit->trainer->fit;
    double rest = bp_pace_rest(&fit->pace);
    bool pauses = fit->callbacks.pause != NULL;
    uint64_t every = fit->callbacks.pause_steps;

    return (bp_run){
        .trainer = fit->trainer,
        .examples = fit->feed ? &fit->feed->segment : fit->training,
        .order = fit->feed ? NULL : fit->order,
        .rows = fit->training_rows.count,
        .base = fit->feed ? fit->feed->first : 0,
        .first = state->step,
        .end = fit->feed ? fetched_end(fit) : fit->steps,
        .pause_at = pauses && every ? (state->steps / every + 1) * every : 0,
        .pause_time = pauses && fit->callbacks.pause_seconds > 0.0 ? fit->last_pause + fit->callbacks.pause_seconds : 0.0,
        .slice_end = rest > 0.0 ? bp_clock() + rest : 0.0,
        .threads = bp_pace_threads(&fit->pace),
        .in_fit = true,
    };
}

static bool take_cancel(bp_trainer *trainer)
{
    return atomic_exchange_explicit(&trainer->cancelled, 0, memory_order_relaxed) != 0;
}

bool bp_fit_pause(bp_fit *fit, const bp_run *run)
{
    bool cancelled = take_cancel(fit->trainer);
    bool due =
        (run->pause_at && fit->trainer->fit.steps >= run->pause_at) || (run->pause_time > 0.0 && bp_clock() >= run->pause_time);

    if (due) {
        bp_progress progress = bp_fit_progress(fit);
        cancelled |= fit->callbacks.pause(fit->callbacks.context, &progress) != 0;
        fit->last_pause = bp_clock();
    }
    return cancelled;
}

/* What follows from the metrics of the epoch that has just ended. */
static void judge(bp_trainer *trainer)
{
    bp_fit_state *state = &trainer->fit;
    const bp_settings *settings = &trainer->settings;

    bool better = bp_stopping_take(&state->stopping, (bp_metric)settings->metric, state->epoch, &state->validation);
    if (better)
        copy_parameters(trainer->best, trainer);
    bp_plateau_take(&state->plateau, settings, better);
    if (settings->patience && state->stopping.waited >= settings->patience)
        state->finished = true;
}

/* A metric that these rows do not have would choose no epoch, and end training after `patience` of them. */
static bp_status check_watched(const bp_trainer *trainer, bp_error *error)
{
    const bp_metrics *found = &trainer->fit.validation;

    if (!bp_settings_watch(&trainer->settings) || !isnan(found->watched) || !isfinite(found->loss))
        return BP_OK;
    return bp_metric_missing((bp_metric)trainer->settings.metric, error);
}

/* Alone, where the team's floating-point state holds. */
static void count_epoch(void *context, bp_member member)
{
    bp_trainer *trainer = context;
    bp_fit_state *state = &trainer->fit;
    (void)member;

    if (trainer->plan.full)
        state->objective = bp_split_objective(trainer);
    state->train_loss = state->epoch_loss / (double)state->epoch_rows;
    state->epoch++;
    state->step = 0;
    state->epoch_loss = 0.0;
    state->epoch_rows = 0;
}

bp_status bp_fit_end_epoch(bp_fit *fit, bp_error *error)
{
    bp_trainer *trainer = fit->trainer;
    bp_fit_state *state = &trainer->fit;

    BP_TRY(bp_overflow_check(trainer, error));
    /* First what may fail: a fit called again then ends the same epoch. */
    if (fit->validation)
        BP_TRY(bp_evaluate_watched(trainer->network, fit->workspace, fit->encoder, fit->validation, fit->validation_rows,
                                   (bp_metric)trainer->settings.metric, &state->validation, error));
    if (fit->validation)
        BP_TRY(check_watched(trainer, error));
    bp_team_run(1, count_epoch, trainer);
    if (fit->validation)
        judge(trainer);
    copy_parameters(trainer->snapshot, trainer);
    if (state->epoch >= trainer->settings.epochs || trainer->lbfgs.state.converged)
        state->finished = true;
    return BP_OK;
}

void bp_fit_keep_best(bp_fit *fit)
{
    bp_trainer *trainer = fit->trainer;
    bp_fit_state *state = &trainer->fit;

    if (!fit->validation || !trainer->settings.patience || !state->stopping.best_epoch)
        return;
    bp_fit_restore(trainer, trainer->best);
    state->validation = state->stopping.metrics;
}

bool bp_fit_tell_epoch(bp_fit *fit)
{
    bool cancelled = take_cancel(fit->trainer);

    if (fit->callbacks.epoch) {
        bp_progress progress = bp_fit_progress(fit);
        cancelled |= fit->callbacks.epoch(fit->callbacks.context, &progress) != 0;
    }
    return cancelled && !fit->trainer->fit.finished;
}

static BP_OUT_OF_LINE bp_progress progress_of(const bp_fit *fit)
{
    const bp_fit_state *state = &fit->trainer->fit;

    return (bp_progress){
        .epoch = state->epoch,
        .step = state->steps,
        .examples = state->examples,
        .epochs = fit->trainer->settings.epochs,
        .steps = fit->steps,
        .rows = fit->training_rows.count,
        .seconds = bp_clock() - fit->started,
        .train_loss = state->epoch_rows ? state->epoch_loss / (double)state->epoch_rows : state->train_loss,
        .learning_rate = state->rate,
        .validation = state->validation,
        .best_epoch = state->stopping.best_epoch,
    };
}

bp_progress bp_fit_progress(const bp_fit *fit)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_progress progress = progress_of(fit);
    bp_float_end(host);
    return progress;
}

void bp_fit_restore(bp_trainer *trainer, const float *parameters)
{
    memcpy(trainer->network->parameters, parameters, trainer->network->layout.floats * sizeof(float));
    bp_trainer_sync(trainer);
}
