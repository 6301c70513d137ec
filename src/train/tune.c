/* Successive halving: many settings get a few epochs each, the better third of them three times as many, and so on.
 *
 *      27 trials, 7 epochs  ->  9, 22 epochs  ->  3, 66 epochs  ->  1, 200 epochs
 *
 * A trial that goes on goes on where it stood, so the last one is what training with its settings gives, to the bit. (Jamieson,
 * Talwalkar: Non-stochastic best arm identification and hyperparameter optimization; AISTATS 2016.)
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "candidate.h"
#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "schedule.h"
#include "settings.h"
#include "size.h"
#include "team.h"
#include "trial_draw.h"

#define SHARE 3 /* of the trials of a rung, one in so many goes on */

typedef struct entry {
    bp_candidate candidate;
    uint32_t number; /* from 1 */
    uint32_t rung;   /* the last it trained in, from 1 */
    bp_status status;
    bp_error error;
} entry;

typedef struct search {
    const bp_encoder *encoder;
    const bp_examples *examples;
    bp_rows training, validation;
    bp_settings settings;
    bp_allocator allocator;
    uint32_t trials;
    entry *entries; /* [trials] */
    entry **order;  /* [trials], best first */
    void *memory;
    size_t bytes;
    uint32_t running; /* the first of the order that are in this rung */
    uint32_t rung;
    uint64_t epochs; /* that each of them gets in all */
    bool by_teams;   /* networks that are worth a team have one */
    atomic_uint next;
} search;

/* ------------------------------------------------------------------------------------------------------------ one rung */

static void train_entry(const search *all, entry *own)
{
    if (own->status != BP_OK)
        return;
    own->status =
        bp_candidate_fit(&own->candidate, all->encoder, all->examples, all->training, all->validation, all->epochs, &own->error);
    own->rung = all->rung;
}

static bool takes_a_team(const search *all, const entry *own)
{
    return all->by_teams && bp_trainer_threads(own->candidate.trainer) > 1;
}

static void take_entries(void *context, bp_member member)
{
    search *all = context;
    (void)member;

    for (;;) {
        unsigned place = atomic_fetch_add_explicit(&all->next, 1, memory_order_relaxed);
        if (place >= all->running)
            return;
        if (!takes_a_team(all, all->order[place]))
            train_entry(all, all->order[place]);
    }
}

/* Side by side, a thread each; where that takes longer, those that are worth a team come one by one afterwards. */
static void run_rung(search *all)
{
    uint32_t threads = bp_candidate_threads(&all->settings);
    bp_load load = {.count = 0};

    for (uint32_t i = 0; i < all->running; i++)
        bp_load_add(&load, &all->order[i]->candidate, 1);
    all->by_teams = !bp_load_is_for_threads(&load, threads);
    atomic_store_explicit(&all->next, 0, memory_order_relaxed);
    bp_team_run((unsigned)bp_size_min(threads, all->running), take_entries, all);
    for (uint32_t i = 0; i < all->running; i++)
        if (takes_a_team(all, all->order[i]))
            train_entry(all, all->order[i]);
}

/* The watched metric of the network that would be kept: the best epoch's, without early stopping the last one's. */
static double watched(const entry *own)
{
    const bp_fit_state *fit = &own->candidate.trainer->fit;

    if (!own->candidate.settings.patience)
        return fit->epoch ? fit->validation.watched : NAN;
    return fit->stopping.best_epoch ? fit->stopping.metrics.watched : NAN;
}

/* Turned so that less is better; infinite where there is none. */
static double standing(const entry *own)
{
    double value = own->status == BP_OK ? watched(own) : NAN;

    if (isnan(value))
        return HUGE_VAL;
    return bp_metric_rises(own->candidate.settings.metric) ? -value : value;
}

static int compare_entries(const void *left, const void *right)
{
    const entry *l = *(entry *const *)left, *r = *(entry *const *)right;

    if (l->rung != r->rung)
        return l->rung > r->rung ? -1 : 1;
    if (standing(l) != standing(r))
        return standing(l) < standing(r) ? -1 : 1;
    return (l->number > r->number) - (l->number < r->number);
}

static BP_OUT_OF_LINE void sort_entries(search *all)
{
    qsort(all->order, all->trials, sizeof *all->order, compare_entries);
}

/* A trial that has diverged is out; anything else that fails ends the search. */
static bp_status check_entries(const search *all, bp_error *error)
{
    for (uint32_t i = 0; i < all->trials; i++) {
        const entry *own = &all->entries[i];
        if (own->status != BP_OK && own->status != BP_DIVERGED)
            return bp_fail(error, own->status, "trial %u of %u: %.900s", own->number, all->trials, own->error.text);
    }
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------------- search */

static uint32_t count_rungs(uint32_t trials)
{
    uint32_t rungs = 1;

    for (; trials >= SHARE; trials /= SHARE)
        rungs++;
    return rungs;
}

/* Everybody's share of the epochs in a rung: all in the last, a third of them in the one before. */
static uint64_t budget(uint64_t epochs, uint32_t rungs_left)
{
    for (; rungs_left > 0; rungs_left--)
        epochs = (epochs + SHARE - 1) / SHARE;
    return epochs;
}

static bp_status climb(search *all, bp_error *error)
{
    uint32_t rungs = count_rungs(all->trials);

    all->running = all->trials;
    for (all->rung = 1; all->rung <= rungs; all->rung++, all->running = all->running / SHARE) {
        all->epochs = budget(all->settings.epochs, rungs - all->rung);
        run_rung(all);
        BP_TRY(check_entries(all, error));
        bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
        sort_entries(all);
        bp_float_end(host);
    }
    if (all->order[0]->status == BP_DIVERGED)
        return bp_fail(error, BP_DIVERGED, "the best of %u trials has diverged: %.900s", all->trials, all->order[0]->error.text);
    return BP_OK;
}

static void carve(search *all, bp_arena *arena)
{
    all->entries = bp_arena_take(arena, all->trials, sizeof *all->entries);
    all->order = bp_arena_take(arena, all->trials, sizeof *all->order);
}

static bp_status take_memory(search *all, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(all, &arena);
    all->memory = bp_arena_commit_zeroed(&arena, &all->allocator, &all->bytes);
    if (!all->memory)
        return bp_fail(error, BP_NO_MEMORY, "%u trials: %zu bytes were refused", all->trials, all->bytes);
    carve(all, &arena);
    return BP_OK;
}

static bp_status make_entries(search *all, bp_error *error)
{
    uint64_t rows = all->training.index ? all->training.count : bp_examples_rows(all->examples);

    for (uint32_t i = 0; i < all->trials; i++) {
        bp_settings settings = bp_trial_draw(&all->settings, i + 1);
        all->entries[i].number = i + 1;
        all->order[i] = &all->entries[i];
        BP_TRY(bp_candidate_make(&all->entries[i].candidate, &settings, all->encoder, rows, &all->allocator, error));
    }
    return BP_OK;
}

static void finish(search *all)
{
    for (uint32_t i = 0; i < all->trials; i++)
        bp_candidate_free(&all->entries[i].candidate);
    bp_release(&all->allocator, all->memory, all->bytes);
}

static BP_OUT_OF_LINE bp_trial describe(const entry *own)
{
    const bp_settings *settings = &own->candidate.settings;
    const bp_stopping *stopping = &own->candidate.trainer->fit.stopping;
    bp_trial trial = {
        .number = own->number,
        .rung = own->rung,
        .status = (int32_t)own->status,
        .hidden_count = settings->hidden_count,
        .learning_rate = bp_schedule_base(settings),
        .weight_decay = settings->weight_decay,
        .dropout = settings->dropout,
        .epochs = own->candidate.progress.epoch,
        .best_epoch = stopping->best_epoch,
        .watched = watched(own),
        .seconds = own->candidate.seconds,
    };

    for (uint32_t i = 0; i < settings->hidden_count; i++)
        trial.hidden[i] = settings->hidden[i];
    return trial;
}

static void publish(search *all, bp_trial *result, bp_settings *best, bp_network **network)
{
    entry *winner = all->order[0];

    for (uint32_t i = 0; i < all->trials; i++)
        result[i] = describe(all->order[i]);
    *best = winner->candidate.settings;
    *network = winner->candidate.network;
    bp_trainer_free(winner->candidate.trainer);
    winner->candidate.trainer = NULL;
    winner->candidate.network = NULL;
}

bp_status bp_tune(const bp_settings *settings, const bp_encoder *encoder, const bp_examples *examples, bp_rows training,
                  bp_rows validation, uint32_t trials, const bp_allocator *allocator, bp_trial *result, bp_settings *best,
                  bp_network **network, bp_error *error)
{
    search all = {
        .encoder = encoder,
        .examples = examples,
        .training = training,
        .validation = validation,
        .allocator = bp_allocator_or_default(allocator),
        .trials = trials,
    };

    BP_TRY(bp_settings_check(settings, error));
    bp_settings_complete(settings, &all.settings);
    if (trials < 1 || trials > BP_TRIALS_MAX)
        return bp_fail(error, BP_INVALID, "%u trials: 1 to %d are possible", trials, BP_TRIALS_MAX);
    if (!validation.count)
        return bp_fail(error, BP_INVALID, "trials are compared on validation rows, and there are none");
    if (trials > 1 && !bp_trial_has_choice(&all.settings))
        return bp_fail(error, BP_INVALID, "nothing is left to search: hidden, learning-rate, weight-decay and dropout are given");
    BP_TRY(take_memory(&all, error));
    bp_status status = make_entries(&all, error);
    if (status == BP_OK)
        status = climb(&all, error);
    if (status == BP_OK)
        publish(&all, result, best, network);
    finish(&all);
    return status;
}
