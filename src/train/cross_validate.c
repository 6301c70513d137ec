/* Cross-validation: every fold is a job of its own, from the fit of the encoder to the metrics.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

#include "candidate.h"
#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "settings.h"
#include "size.h"
#include "sum.h"
#include "team.h"

/* One fold's run. Rows are ascending. */
typedef struct job {
    uint64_t *others; /* [dataset rows]: not of this fold */
    uint64_t *training, *validation, *test;
    uint64_t other_count, training_count, validation_count, test_count;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_candidate candidate;
    bp_fold_result *result;
    bp_status status;
    bp_error error;
} job;

typedef struct call {
    const bp_dataset *dataset;
    bp_settings settings;
    bp_allocator allocator;
    uint32_t folds;
    uint32_t *fold; /* [rows] */
    job *jobs;      /* [folds] */
    void *memory;   /* of both */
    size_t bytes;
    atomic_uint next;
} call;

/* ------------------------------------------------------------------------------------------------------------ one fold */

static bp_status take_rows(const call *all, job *own, bp_error *error)
{
    size_t bytes, rows = (size_t)bp_dataset_rows(all->dataset);

    if (bp_size_mul(rows, 4 * sizeof *own->others, &bytes))
        own->others = bp_allocate(&all->allocator, bytes);
    if (!own->others)
        return bp_fail(error, BP_NO_MEMORY, "memory for the rows of a fold was refused");
    own->training = own->others + rows;
    own->validation = own->training + rows;
    own->test = own->validation + rows;
    uint32_t number = (uint32_t)(own - all->jobs);
    for (uint64_t row = 0; row < rows; row++)
        if (all->fold[row] == number)
            own->test[own->test_count++] = row;
        else
            own->others[own->other_count++] = row;
    return BP_OK;
}

/* Nothing that is fitted here sees the fold's own rows. */
static bp_status prepare(const call *all, job *own, uint32_t threads, bp_error *error)
{
    bp_settings settings = all->settings;

    settings.threads = threads;
    BP_TRY(take_rows(all, own, error));
    BP_TRY(bp_dataset_split(all->dataset, (bp_rows){own->others, own->other_count}, &settings, own->training, &own->training_count,
                            own->validation, &own->validation_count, error));
    BP_TRY(bp_encoder_fit(all->dataset, (bp_rows){own->training, own->training_count}, &settings, &all->allocator, &own->encoder,
                          error));
    BP_TRY(bp_encoder_apply(own->encoder, all->dataset, 1, &all->allocator, &own->examples, error));
    return bp_candidate_make(&own->candidate, &settings, own->encoder, own->training_count, &all->allocator, error);
}

static bp_status train(const call *all, job *own, bp_error *error)
{
    bp_rows validation = {own->validation, own->validation_count};

    BP_TRY(bp_candidate_fit(&own->candidate, own->encoder, own->examples, (bp_rows){own->training, own->training_count}, validation,
                            all->settings.epochs, error));
    *own->result = (bp_fold_result){
        .training_rows = own->training_count,
        .validation_rows = own->validation_count,
        .test_rows = own->test_count,
        .epochs = own->candidate.progress.epoch,
        .best_epoch = own->candidate.progress.best_epoch,
        .seconds = own->candidate.seconds,
    };
    return bp_candidate_judge(&own->candidate, own->encoder, own->examples, (bp_rows){own->test, own->test_count}, &all->allocator,
                              &own->result->scores, error);
}

static void finish(const call *all, job *own)
{
    bp_candidate_free(&own->candidate);
    bp_examples_free(own->examples);
    bp_encoder_free(own->encoder);
    bp_release(&all->allocator, own->others, 4 * (size_t)bp_dataset_rows(all->dataset) * sizeof *own->others);
    own->examples = NULL;
    own->encoder = NULL;
    own->others = NULL;
}

static void run_job(const call *all, job *own, uint32_t threads)
{
    own->status = own->candidate.trainer ? BP_OK : prepare(all, own, threads, &own->error);
    if (own->status == BP_OK)
        own->status = train(all, own, &own->error);
    finish(all, own);
}

/* ---------------------------------------------------------------------------------------------------------- all folds */

static void take_jobs(void *context, bp_member member)
{
    call *all = context;
    (void)member;

    for (;;) {
        unsigned number = atomic_fetch_add_explicit(&all->next, 1, memory_order_relaxed);
        if (number >= all->folds)
            return;
        run_job(all, &all->jobs[number], 1);
    }
}

/* The first fold that failed says why. */
static bp_status tell(const call *all, bp_error *error)
{
    for (uint32_t f = 0; f < all->folds; f++)
        if (all->jobs[f].status != BP_OK) {
            if (error) {
                *error = all->jobs[f].error;
                snprintf(error->text, sizeof error->text, "fold %u of %u: %.900s", f + 1, all->folds, all->jobs[f].error.text);
            }
            return all->jobs[f].status;
        }
    return BP_OK;
}

/* The first fold's plan says whether each thread had better have folds of its own. */
static bp_status run_folds(call *all, bp_error *error)
{
    uint32_t threads = bp_candidate_threads(&all->settings);
    job *first = &all->jobs[0];
    bp_load load = {.count = 0};

    first->status = prepare(all, first, threads, &first->error);
    if (first->status != BP_OK) {
        finish(all, first);
        return tell(all, error);
    }
    bp_load_add(&load, &first->candidate, all->folds);
    if (bp_load_is_for_threads(&load, threads))
        bp_team_run((unsigned)bp_size_min(threads, all->folds), take_jobs, all);
    else
        for (uint32_t f = 0; f < all->folds && (f == 0 || all->jobs[f - 1].status == BP_OK); f++)
            run_job(all, &all->jobs[f], threads);
    return tell(all, error);
}

static void carve(call *all, bp_arena *arena)
{
    all->fold = bp_arena_take(arena, (size_t)bp_dataset_rows(all->dataset), sizeof *all->fold);
    all->jobs = bp_arena_take(arena, all->folds, sizeof *all->jobs);
}

static bp_status take_memory(call *all, bp_fold_result *result, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(all, &arena);
    all->memory = bp_arena_commit_zeroed(&arena, &all->allocator, &all->bytes);
    if (!all->memory)
        return bp_fail(error, BP_NO_MEMORY, "%u folds: %zu bytes were refused", all->folds, all->bytes);
    carve(all, &arena);
    for (uint32_t f = 0; f < all->folds; f++)
        all->jobs[f].result = &result[f];
    return BP_OK;
}

bp_status bp_cross_validate(const bp_dataset *dataset, const bp_settings *settings, uint32_t folds, const bp_allocator *allocator,
                            bp_fold_result *result, bp_error *error)
{
    call all = {.dataset = dataset, .allocator = bp_allocator_or_default(allocator), .folds = folds};

    BP_TRY(bp_settings_check(settings, error));
    bp_settings_complete(settings, &all.settings);
    if (folds > BP_FOLDS_MAX)
        return bp_fail(error, BP_INVALID, "%u folds: 2 to %d are possible", folds, BP_FOLDS_MAX);
    BP_TRY(take_memory(&all, result, error));
    bp_status status = bp_dataset_folds(dataset, &all.settings, folds, all.fold, error);
    if (status == BP_OK)
        status = run_folds(&all, error);
    bp_release(&all.allocator, all.memory, all.bytes);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- means */

static double value_of(const bp_fold_result *fold, int32_t metric, bool baseline)
{
    return (baseline ? fold->scores.baseline : fold->scores.model)[metric];
}

static BP_OUT_OF_LINE bp_mean mean_of(const bp_fold_result *fold, uint32_t folds, int32_t metric, bool baseline)
{
    bp_sum sum, squares;
    double count = 0.0;

    bp_sum_start(&sum);
    bp_sum_start(&squares);
    for (uint32_t f = 0; f < folds; f++)
        if (!isnan(value_of(&fold[f], metric, baseline))) {
            bp_sum_add(&sum, value_of(&fold[f], metric, baseline));
            count += 1.0;
        }
    double mean = count > 0.0 ? bp_sum_total(&sum) / count : NAN;
    for (uint32_t f = 0; f < folds; f++) {
        double away = value_of(&fold[f], metric, baseline) - mean;
        if (!isnan(away))
            bp_sum_add(&squares, away * away);
    }
    return (bp_mean){mean, count > 1.0 ? sqrt(bp_sum_total(&squares) / (count - 1.0) / count) : NAN};
}

void bp_folds_mean(const bp_fold_result *fold, uint32_t folds, int32_t metric, bp_mean *model, bp_mean *baseline)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    *model = mean_of(fold, folds, metric, false);
    if (baseline)
        *baseline = mean_of(fold, folds, metric, true);
    bp_float_end(host);
}
