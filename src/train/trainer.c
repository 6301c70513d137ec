/* The trainer: read this file first.
 *
 * A fit is epochs, an epoch is steps, and a step is the handful of calls in run_steps. The team lives through many steps
 * inside one parallel region and is closed wherever somebody outside must look: at an epoch's end, for a callback, when a
 * fit is cancelled or diverges.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "trainer.h"

#include <string.h>

#include "clock.h"
#include "error.h"
#include "examples.h"
#include "fit.h"
#include "size.h"

/* Every thread runs this, each on rows and tiles of its own. */
static void run_steps(void *context, bp_member member)
{
    bp_run *run = context;
    bp_trainer *trainer = run->trainer;

    bp_arithmetic_enter(&trainer->plan.arithmetic);
    for (uint64_t step = run->first; step < run->end; step++) {
        bp_minibatch minibatch = bp_run_minibatch(run, step);

        bp_phase_rows(trainer, member, &minibatch); /* gather, forward, loss, backward */
        if (member.index == 0)
            bp_run_decide(run, step, minibatch.m);
        bp_run_barrier(run, member);
        /* Read between the barriers: behind the second one, member 0 may decide the next step already. */
        bool stop = run->stop, closes = trainer->plan.split && trainer->group.last && !trainer->plan.searches;
        if (!bp_phase_loss_is_finite(trainer, member))
            break;
        bp_phase_tiles(trainer, member, minibatch.m); /* reduce, 1 / m, update; in a split step without the update */
        if (member.index == 0)
            bp_run_count(run, minibatch.m);
        bp_run_barrier(run, member);
        if (bp_phase_bad_layer(trainer, member))
            break;
        if (closes) {
            bp_phase_apply(trainer, member); /* clip, update */
            bp_run_barrier(run, member);
        }
        if (stop)
            break;
    }
    bp_arithmetic_leave(&trainer->plan.arithmetic);
}

static void begin_run(const bp_run *run)
{
    run->trainer->stage = BP_STAGE_NONE; /* activations and weights are no longer those of the separate calls */
    bp_phase_choose(run->trainer, run->examples);
    bp_phase_clear(run->trainer);
}

static void end_run(bp_trainer *trainer)
{
    if (trainer->group.last && !bp_phase_loss_is_finite(trainer, (bp_member){0, trainer->plan.threads, NULL}))
        trainer->updates--; /* decided, but never made */
}

bp_status bp_run_outcome(const bp_trainer *trainer, bp_error *error)
{
    bp_member all = {0, trainer->plan.threads, NULL};

    if (!bp_phase_loss_is_finite(trainer, all))
        return bp_trainer_diverged(trainer->updates + 1, 0, error);
    if (bp_phase_bad_layer(trainer, all))
        return bp_trainer_diverged(trainer->updates, bp_phase_bad_layer(trainer, all), error);
    return BP_OK;
}

/* Steps first ... end - 1 of the run, or until something asks to look. */
static bp_status run_team(bp_run *run, bp_error *error)
{
    begin_run(run);
    bp_team_run(run->threads, run_steps, run);
    end_run(run->trainer);
    return bp_run_outcome(run->trainer, error);
}

bp_status bp_run_alone(bp_run *run)
{
    begin_run(run);
    run_steps(run, (bp_member){0, 1, NULL});
    end_run(run->trainer);
    return bp_run_outcome(run->trainer, NULL);
}

bp_status bp_trainer_step(bp_trainer *trainer, uint64_t m, const float *x, const float *y, const float *weight, double *J,
                          bp_error *error)
{
    bp_examples examples;
    bp_run run = {.trainer = trainer, .examples = &examples, .rows = m, .threads = trainer->plan.threads};

    BP_TRY(bp_trainer_check(trainer, error));
    BP_TRY(bp_minibatch_of_caller(trainer, m, x, y, weight, &examples, error));
    run.end = bp_run_steps(trainer, m);
    BP_TRY(run_team(&run, error));
    if (J)
        *J = run.cost;
    return BP_OK;
}

/* One epoch's rows from where it stands: blocks of steps, with the callbacks' pauses between them. */
static bp_status run_pass(bp_fit *fit, bp_error *error)
{
    bp_trainer *trainer = fit->trainer;
    bp_fit_state *state = &trainer->fit;

    while (state->step < fit->steps) {
        BP_TRY(bp_trainer_check(trainer, error)); /* a callback may have forked */
        BP_TRY(bp_fit_fetch(fit, error));
        bp_run run = bp_fit_run(fit);
        double since = bp_clock();
        BP_TRY(run_team(&run, error));
        bp_fit_measure(fit, &run, bp_clock() - since);
        if (run.stop && bp_fit_pause(fit, &run))
            return bp_fail(error, BP_CANCELLED, "training was stopped after step %llu", (unsigned long long)state->steps);
    }
    return BP_OK;
}

/* L-BFGS: as many passes as the line search asks for. What is not finite on the line is no divergence. */
static bp_status run_line(bp_fit *fit, bp_error *error)
{
    bp_trainer *trainer = fit->trainer;
    bool more = trainer->fit.step < fit->steps; /* else the pass is over, and the epoch's end has failed once */

    if (more)
        bp_lbfgs_begin(trainer);
    while (more) {
        BP_TRY(bp_fit_rewind(fit, error));
        bp_status status = run_pass(fit, error);
        if (status != BP_OK && (status != BP_DIVERGED || !trainer->lbfgs.state.known))
            return status;
        more = bp_lbfgs_take(trainer, status == BP_OK);
    }
    return BP_OK;
}

static bp_status run_epochs(bp_fit *fit, bp_error *error)
{
    bp_trainer *trainer = fit->trainer;

    while (!trainer->fit.finished) {
        BP_TRY(bp_fit_order(fit, error));
        BP_TRY(trainer->plan.searches ? run_line(fit, error) : run_pass(fit, error));
        BP_TRY(bp_fit_end_epoch(fit, error)); /* validation, early stopping, snapshot */
        if (bp_fit_tell_epoch(fit))
            return bp_fail(error, BP_CANCELLED, "training was stopped after epoch %llu", (unsigned long long)trainer->fit.epoch);
        BP_TRY(bp_trainer_check(trainer, error));
    }
    bp_fit_keep_best(fit);
    return BP_OK;
}

bp_status bp_trainer_fit(bp_trainer *trainer, const bp_encoder *encoder, const bp_examples *training, bp_rows training_rows,
                         const bp_examples *validation, bp_rows validation_rows, const bp_callbacks *callbacks, bp_progress *result,
                         bp_error *error)
{
    bp_fit fit;

    BP_TRY(bp_trainer_check(trainer, error));
    BP_TRY(bp_fit_begin(&fit, trainer, encoder, training, training_rows, validation, validation_rows, callbacks, error));
    bp_status status = run_epochs(&fit, error);
    trainer->diverged = status == BP_DIVERGED;
    if (trainer->diverged)
        bp_fit_restore(trainer, trainer->snapshot);
    if (result)
        *result = bp_fit_progress(&fit);
    bp_fit_end(&fit);
    return status;
}
