/* Successive halving: many settings get a few epochs each, the better third of them three times as many, and so on.
 *
 *      27 trials, 7 epochs  ->  9, 22 epochs  ->  3, 66 epochs  ->  1, 200 epochs
 *
 * A trial that goes on goes on where it stood, so the last one is what training with its settings gives, to the bit. (Jamieson,
 * Talwalkar: Non-stochastic best arm identification and hyperparameter optimization; AISTATS 2016.)
 *
 * A trial has a network and a trainer from its turn in a rung until as many have done better as may go on. Should those that went
 * on diverge, one that was out is made anew: it comes to the same bits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "candidate.h"
#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "metric.h"
#include "schedule.h"
#include "settings.h"
#include "size.h"
#include "team.h"
#include "trial_draw.h"

#define SHARE 3 /* of the trials of a rung, one in so many goes on */

typedef struct entry {
    bp_trial trial;
    double standing;         /* trial.watched turned so that less is better; infinite where there is none */
    bp_candidate *candidate; /* NULL: not made yet, or out */
    bool takes_a_team;       /* in this rung */
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
    atomic_uint next;
    pthread_mutex_t lock; /* of what follows */
    entry **kept;         /* [keep + 1]: the best of this rung so far, best first */
    uint32_t keep, kept_count;
} search;

/* ----------------------------------------------------------------------------------------------------------- one trial */

static bp_status make_candidate(const search *all, entry *own, bp_error *error)
{
    uint64_t rows = all->training.index ? all->training.count : bp_examples_rows(all->examples);
    bp_candidate *made = bp_allocate_zeroed(&all->allocator, sizeof *made);

    if (!made)
        return bp_fail(error, BP_NO_MEMORY, "a trial: %zu bytes were refused", sizeof *made);
    bp_settings settings = bp_trial_draw(&all->settings, own->trial.number);
    bp_status status = bp_candidate_make(made, &settings, all->encoder, rows, &all->allocator, error);
    if (status != BP_OK) {
        bp_release(&all->allocator, made, sizeof *made);
        return status;
    }
    made->seconds = own->trial.seconds;
    own->candidate = made;
    return BP_OK;
}

static void drop_candidate(const search *all, entry *own)
{
    if (!own->candidate)
        return;
    bp_candidate_free(own->candidate);
    bp_release(&all->allocator, own->candidate, sizeof *own->candidate);
    own->candidate = NULL;
}

static bool lives(const entry *own)
{
    return own->trial.status == BP_OK;
}

/* The watched metric of the network that would be kept: the best epoch's, without early stopping the last one's. */
static double watched(const bp_candidate *candidate)
{
    const bp_fit_state *fit = &candidate->trainer->fit;

    if (!candidate->settings.patience)
        return fit->epoch ? fit->validation.watched : NAN;
    return fit->stopping.best_epoch ? fit->stopping.metrics.watched : NAN;
}

static double turned(double value, int32_t metric)
{
    if (isnan(value))
        return HUGE_VAL;
    return bp_metric_rises(metric) ? -value : value;
}

static int compare_entries(const void *left, const void *right)
{
    const entry *l = *(entry *const *)left, *r = *(entry *const *)right;

    if (lives(l) != lives(r))
        return lives(l) ? -1 : 1;
    if (l->trial.rung != r->trial.rung)
        return l->trial.rung > r->trial.rung ? -1 : 1;
    if (l->standing != r->standing)
        return l->standing < r->standing ? -1 : 1;
    return (l->trial.number > r->trial.number) - (l->trial.number < r->trial.number);
}

static bp_status fit_candidate(const search *all, entry *own, bp_error *error)
{
    bp_trial *trial = &own->trial;

    if (!own->candidate)
        BP_TRY(make_candidate(all, own, error));
    bp_status status =
        bp_candidate_fit(own->candidate, all->encoder, all->examples, all->training, all->validation, all->epochs, error);
    trial->rung = all->rung;
    trial->epochs = own->candidate->progress.epoch;
    trial->best_epoch = own->candidate->trainer->fit.stopping.best_epoch;
    trial->watched = watched(own->candidate);
    trial->seconds = own->candidate->seconds;
    own->standing = turned(trial->watched, all->settings.metric);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ one rung */

/* Takes a trial among the kept ones; gives back who is out for it: the worst, where they are too many, or itself. */
static entry *keep_entry(search *all, entry *own)
{
    uint32_t place;

    if (!lives(own))
        return own;
    pthread_mutex_lock(&all->lock);
    for (place = all->kept_count++; place > 0 && compare_entries(&own, &all->kept[place - 1]) < 0; place--)
        all->kept[place] = all->kept[place - 1];
    all->kept[place] = own;
    entry *out = all->kept_count > all->keep ? all->kept[--all->kept_count] : NULL;
    pthread_mutex_unlock(&all->lock);
    return out;
}

static void train_entry(search *all, entry *own)
{
    own->trial.status = (int32_t)fit_candidate(all, own, &own->error);
    entry *out = keep_entry(all, own);
    if (out)
        drop_candidate(all, out);
}

static void take_entries(void *context, bp_member member)
{
    search *all = context;
    (void)member;

    for (;;) {
        unsigned place = atomic_fetch_add_explicit(&all->next, 1, memory_order_relaxed);
        if (place >= all->running)
            return;
        if (!all->order[place]->takes_a_team)
            train_entry(all, all->order[place]);
    }
}

/* Side by side, a thread each; where that takes longer, those that are worth a team come one by one afterwards. */
static bp_status choose_teams(search *all, uint32_t threads, bp_error *error)
{
    bp_load load = {.count = 0};

    for (uint32_t i = 0; i < all->running; i++) {
        entry *own = all->order[i];
        bool made = own->candidate != NULL;
        if (!made)
            BP_TRY(make_candidate(all, own, error));
        own->takes_a_team = bp_trainer_threads(own->candidate->trainer) > 1;
        bp_load_add(&load, own->candidate, 1);
        if (!made) /* to make it again takes less than an epoch; all at once would take much memory */
            drop_candidate(all, own);
    }
    bool by_teams = !bp_load_is_for_threads(&load, threads);
    for (uint32_t i = 0; i < all->running; i++)
        all->order[i]->takes_a_team = all->order[i]->takes_a_team && by_teams;
    return BP_OK;
}

static void run_entries(search *all, uint32_t threads)
{
    atomic_store_explicit(&all->next, 0, memory_order_relaxed);
    bp_team_run((unsigned)bp_size_min(threads, all->running), take_entries, all);
    for (uint32_t i = 0; i < all->running; i++)
        if (all->order[i]->takes_a_team)
            train_entry(all, all->order[i]);
}

/* A trial that has diverged is out; anything else that fails ends the search. */
static bp_status check_entries(const search *all, bp_error *error)
{
    for (uint32_t i = 0; i < all->trials; i++) {
        const entry *own = &all->entries[i];
        if (!lives(own) && own->trial.status != BP_DIVERGED)
            return bp_fail(error, (bp_status)own->trial.status, "trial %u of %u: %.900s", own->trial.number, all->trials,
                           own->error.text);
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

static BP_OUT_OF_LINE void sort_entries(search *all)
{
    qsort(all->order, all->trials, sizeof *all->order, compare_entries);
}

/* The first `places` of the order train until they have had `epochs`. */
static bp_status run_rung(search *all, uint32_t places, uint64_t epochs, bp_error *error)
{
    uint32_t threads = bp_candidate_threads(&all->settings);

    for (all->running = 0; all->running < places && lives(all->order[all->running]);)
        all->running++;
    if (!all->running)
        return BP_OK;
    all->epochs = epochs;
    all->keep = (uint32_t)bp_size_max(places / SHARE, 1);
    all->kept_count = 0;
    BP_TRY(choose_teams(all, threads, error));
    run_entries(all, threads);
    BP_TRY(check_entries(all, error));
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    sort_entries(all);
    bp_float_end(host);
    return BP_OK;
}

static bp_status check_winner(const search *all, bp_error *error)
{
    const entry *winner = all->order[0];

    if (!lives(winner))
        return bp_fail(error, BP_DIVERGED, "all of %u trials have diverged; the last to: %.900s", all->trials, winner->error.text);
    if (isnan(winner->trial.watched) && isfinite(winner->candidate->progress.validation.loss))
        return bp_metric_missing((bp_metric)all->settings.metric, error);
    return BP_OK;
}

/* Where the last rung's have diverged, the best of those that were out trains as long in their place, until one lives. */
static bp_status climb(search *all, bp_error *error)
{
    uint32_t rungs = count_rungs(all->trials), places = all->trials;

    for (all->rung = 1; all->rung <= rungs; all->rung++, places /= SHARE)
        BP_TRY(run_rung(all, places, budget(all->settings.epochs, rungs - all->rung), error));
    all->rung = rungs;
    while (lives(all->order[0]) && all->order[0]->trial.rung < rungs)
        BP_TRY(run_rung(all, 1, all->settings.epochs, error));
    return check_winner(all, error);
}

static void carve(search *all, bp_arena *arena)
{
    all->entries = bp_arena_take(arena, all->trials, sizeof *all->entries);
    all->order = bp_arena_take(arena, all->trials, sizeof *all->order);
    all->kept = bp_arena_take(arena, bp_size_max(all->trials / SHARE, 1) + 1, sizeof *all->kept);
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

static void describe(const search *all, uint32_t number, bp_trial *trial)
{
    bp_settings settings = bp_trial_draw(&all->settings, number);

    *trial = (bp_trial){
        .number = number,
        .hidden_count = settings.hidden_count,
        .learning_rate = bp_schedule_base(&settings),
        .weight_decay = settings.weight_decay,
        .dropout = settings.dropout,
        .watched = NAN,
    };
    for (uint32_t i = 0; i < settings.hidden_count; i++)
        trial->hidden[i] = settings.hidden[i];
}

static BP_OUT_OF_LINE void describe_all(search *all)
{
    for (uint32_t i = 0; i < all->trials; i++) {
        describe(all, i + 1, &all->entries[i].trial);
        all->entries[i].standing = HUGE_VAL;
        all->order[i] = &all->entries[i];
    }
}

static void finish(search *all)
{
    for (uint32_t i = 0; i < all->trials; i++)
        drop_candidate(all, &all->entries[i]);
    pthread_mutex_destroy(&all->lock);
    bp_release(&all->allocator, all->memory, all->bytes);
}

static void publish(search *all, bp_trial *result, bp_settings *best, bp_network **network)
{
    bp_candidate *winner = all->order[0]->candidate;

    for (uint32_t i = 0; i < all->trials; i++)
        result[i] = all->order[i]->trial;
    *best = winner->settings;
    if (!bp_settings_watch(best))
        best->metric = BP_METRIC_AUTO; /* it was what trials were compared by; training with them alone looks at none */
    *network = winner->network;
    bp_trainer_free(winner->trainer);
    winner->trainer = NULL;
    winner->network = NULL;
}

static bp_status check(const search *all, bp_error *error)
{
    BP_TRY(bp_settings_check(&all->settings, error));
    if (all->trials < 1 || all->trials > BP_TRIALS_MAX)
        return bp_fail(error, BP_INVALID, "%u trials: 1 to %d are possible", all->trials, BP_TRIALS_MAX);
    if (!all->validation.count)
        return bp_fail(error, BP_INVALID, "trials are compared on validation rows, and there are none");
    if (all->trials > 1 && !bp_trial_has_choice(&all->settings))
        return bp_fail(error, BP_INVALID, "nothing is left to search: hidden, learning-rate, weight-decay and dropout are given");
    return BP_OK;
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
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };

    BP_TRY(bp_settings_check_size(settings, error));
    bp_settings_complete(settings, &all.settings);
    bp_settings_unset(&all.settings, "metric"); /* trials are compared by it, even where patience 0 does not watch it */
    BP_TRY(check(&all, error));
    BP_TRY(take_memory(&all, error));
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    describe_all(&all);
    bp_float_end(host);
    bp_status status = climb(&all, error);
    if (status == BP_OK)
        publish(&all, result, best, network);
    finish(&all);
    return status;
}
