/* SPDX-License-Identifier: Apache-2.0 */
#include "turns.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "examples.h"
#include "float_state.h"
#include "run.h"
#include "size.h"

/* Least microseconds of work in all: OpenMP's threads sleep where the caller was busy with other things since the last call,
 * and take some 50 us to wake. Then of each thread, and what a step takes whatever its size. */
#define LEAST_MICROSECONDS 100.0
#define THREAD_MICROSECONDS 10.0
#define STEP_MICROSECONDS 0.2

#define SHARES_MAX 64
#define SAMPLES 16

/* Turns that nobody has taken yet; on a cache line of its own. */
typedef struct share {
    _Alignas(64) atomic_uint_fast64_t next;
    uint64_t end;
} share;

typedef struct call {
    bp_turn *turns;
    unsigned shares;
    atomic_uint failed;
    share share[SHARES_MAX];
} call;

/* ---------------------------------------------------------------------------------------------------------- one turn */

/* Steps on all rows, those of one update at a time. */
static bp_status step_through(bp_trainer *trainer, const bp_examples *examples, double *J)
{
    bp_run run = {.trainer = trainer, .examples = examples, .rows = examples->rows, .threads = 1};
    uint64_t steps = bp_run_steps(trainer, run.rows);

    for (; run.first < steps; run.first = run.end) {
        run.end = run.first + bp_size_min(trainer->plan.group, steps - run.first);
        BP_TRY(bp_run_alone(&run));
    }
    *J = run.cost;
    return BP_OK;
}

/* What refuses a turn before it begins. */
static bp_status check_turn(const bp_turn *turn, bp_examples *examples, bp_error *error)
{
    BP_TRY(bp_trainer_check(turn->trainer, error));
    return bp_rows_of_caller(turn->trainer, turn->rows, turn->x, turn->y, turn->weight, examples, error);
}

static bp_status take_turn(bp_turn *turn)
{
    bp_examples examples;

    BP_TRY(check_turn(turn, &examples, NULL));
    return step_through(turn->trainer, &examples, &turn->J);
}

/* ---------------------------------------------------------------------------------------------------------- all turns */

static void take_share(call *all, share *own)
{
    for (;;) {
        uint64_t number = atomic_fetch_add_explicit(&own->next, 1, memory_order_relaxed);
        if (number >= own->end)
            return;
        bp_turn *turn = &all->turns[number];
        turn->status = (int32_t)take_turn(turn);
        if (turn->status != BP_OK)
            atomic_store_explicit(&all->failed, 1, memory_order_relaxed);
    }
}

static void take_turns(void *context, bp_member member)
{
    call *all = context;

    for (unsigned s = 0; s < all->shares; s++)
        take_share(all, &all->share[(member.index + s) % all->shares]);
}

static double microseconds_of(const bp_turn *turn)
{
    const bp_plan *plan = &turn->trainer->plan;
    double steps = (double)turn->rows / (double)plan->batch;

    return plan->microseconds * steps + STEP_MICROSECONDS * (steps > 1.0 ? steps : 1.0);
}

static BP_OUT_OF_LINE unsigned team_for(const bp_turn *turns, uint64_t count, uint32_t threads)
{
    uint64_t samples = count < SAMPLES ? count : SAMPLES; /* to look at all would take as long as to step some */
    double sum = 0.0;

    for (uint64_t i = 0; i < samples; i++)
        sum += microseconds_of(&turns[i * (count / samples)]);
    double whole = sum * ((double)count / (double)samples), worth = whole / THREAD_MICROSECONDS;
    uint64_t most = threads < count ? threads : count;
    return whole < LEAST_MICROSECONDS ? 1 : worth < (double)most ? (unsigned)worth : (unsigned)most;
}

unsigned bp_turns_threads(const bp_turn *turns, uint64_t count, uint32_t threads)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    unsigned team = team_for(turns, count, threads);
    bp_float_end(host);
    return team;
}

bool bp_turns_take(bp_turn *turns, uint64_t count, unsigned threads)
{
    call all; /* 4 KiB: only what is used of it is written */

    all.turns = turns;
    all.shares = (unsigned)bp_size_min(threads, SHARES_MAX);
    atomic_init(&all.failed, 0);
    for (unsigned s = 0; s < all.shares; s++) {
        bp_range range = bp_team_range((bp_member){s, all.shares, NULL}, count, 1);
        atomic_init(&all.share[s].next, range.first);
        all.share[s].end = range.end;
    }
    bp_team_run(threads, take_turns, &all);
    return !atomic_load_explicit(&all.failed, memory_order_relaxed);
}

/* The error of the first turn that failed, which its trainer still knows. */
static bp_status tell(const bp_turn *turns, uint64_t count, bp_error *error)
{
    bp_examples examples;
    bp_error cause;
    uint64_t i = 0;

    while (turns[i].status == BP_OK)
        i++;
    bp_status status = check_turn(&turns[i], &examples, &cause);
    if (status == BP_OK)
        status = bp_run_outcome(turns[i].trainer, &cause);
    if (error) {
        *error = cause;
        snprintf(error->text, sizeof error->text, "turn %llu of %llu: %.900s", (unsigned long long)i + 1, (unsigned long long)count,
                 cause.text);
    }
    return status;
}

bp_status bp_trainers_step(bp_turn *turns, uint64_t count, uint32_t threads, bp_error *error)
{
    if (threads < 1)
        return bp_fail(error, BP_INVALID, "threads: 0; 1 at least, and bp_machine_threads tells how many there are");
    if (count == 0 || bp_turns_take(turns, count, bp_turns_threads(turns, count, threads)))
        return BP_OK;
    return tell(turns, count, error);
}
