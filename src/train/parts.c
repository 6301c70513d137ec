/* A step in parts, for callers with a loss of their own. The gradient is materialised here, scaled by 1/m, so that it can be
 * read and changed; an update then takes it with scale 1: the bits of the fused step.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "backward.h"
#include "batch.h"
#include "error.h"
#include "examples.h"
#include "forward.h"
#include "grid.h"
#include "loss.h"
#include "run.h"
#include "size.h"
#include "split_step.h"

static bp_status expect_stage(const bp_trainer *trainer, bp_stage stage, const char *call, const char *before, bp_error *error)
{
    BP_TRY(bp_trainer_check(trainer, error));
    if (trainer->stage >= stage)
        return BP_OK;
    return bp_fail(error, BP_INVALID, "bp_trainer_%s needs bp_trainer_%s before it", call, before);
}

static uint32_t outputs_of(const bp_trainer *trainer)
{
    return trainer->network->layout.layer[trainer->network->layout.layers - 1].n;
}

/* ------------------------------------------------------------------------------------------------------------ forward */

typedef struct forward_work {
    bp_trainer *trainer;
    const bp_examples *examples;
    float *y_hat;
} forward_work;

/* The weights may have changed since the last call. */
static bp_strip filled_strip(const bp_trainer *trainer, bp_member member)
{
    bp_strip strip = bp_trainer_strip(trainer, member);

    if (strip.whole)
        bp_strip_fill(&trainer->weights, strip);
    return strip;
}

static void forward_rows(void *context, bp_member member)
{
    const forward_work *work = context;
    bp_trainer *trainer = work->trainer;
    const bp_pass *pass = &trainer->pass;
    const bp_layout *layout = &trainer->network->layout;
    bp_range rows = bp_team_range(member, trainer->rows, trainer->plan.grain);
    bp_span span = {rows.first, rows.end - rows.first};
    bp_batch batch = {.x = pass->a[0], .panel = bp_pass_panel(pass)};

    bp_batch_gather(&batch, trainer->plan.arithmetic.kernels, work->examples, NULL, rows.first, rows.first, span.count);
    bp_phase_draw(trainer, pass, span, rows.first, 0, trainer->minibatches);
    bp_arithmetic_enter(&trainer->plan.arithmetic);
    bp_forward(&trainer->weights, pass, span, filled_strip(trainer, member));
    bp_arithmetic_leave(&trainer->plan.arithmetic);
    if (work->y_hat)
        bp_pass_unpack(pass, pass->a[layout->layers], span, outputs_of(trainer), work->y_hat + rows.first * outputs_of(trainer));
}

static bp_status check_group(const bp_trainer *trainer, bp_error *error)
{
    if (trainer->plan.group == 1)
        return BP_OK;
    return bp_fail(
        error, BP_INVALID,
        "the separate calls take one minibatch for each update, and this trainer accumulates %zu; bp_trainer_step does that",
        trainer->plan.group);
}

bp_status bp_trainer_forward(bp_trainer *trainer, uint64_t m, const float *x, float *y_hat, bp_error *error)
{
    bp_examples examples;
    forward_work work = {trainer, &examples, y_hat};

    BP_TRY(bp_trainer_check(trainer, error));
    BP_TRY(check_group(trainer, error));
    BP_TRY(bp_minibatch_of_caller(trainer, m, x, x, NULL, &examples, error)); /* y is not looked at */
    trainer->rows = m;
    bp_phase_choose(trainer, &examples);
    bp_team_run(trainer->plan.threads, forward_rows, &work);
    trainer->minibatches++;
    trainer->stage = BP_STAGE_FORWARD;
    trainer->own_loss = false;
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------------- loss */

typedef struct targets_work {
    bp_trainer *trainer;
    const bp_examples *examples; /* y: targets, or the caller's dL/dy^ */
    double cost;
} targets_work;

static void gather_targets(const targets_work *work, bp_range rows, bp_smoothing smoothing)
{
    bp_trainer *trainer = work->trainer;
    bp_batch batch = {
        .y = trainer->pass.d[trainer->network->layout.layers],
        .weight = trainer->weight,
        .smoothing = smoothing,
        .panel = bp_pass_panel(&trainer->pass),
    };
    bp_batch_gather(&batch, trainer->plan.arithmetic.kernels, work->examples, NULL, rows.first, rows.first, rows.end - rows.first);
}

static void loss_rows(void *context, bp_member member)
{
    const targets_work *work = context;
    bp_trainer *trainer = work->trainer;
    bp_range rows = bp_team_range(member, trainer->rows, 1);

    gather_targets(work, rows, trainer->smoothing);
    bp_loss_rows(trainer->plan.arithmetic.kernels, trainer->network->loss, trainer->network->loss_shape, outputs_of(trainer),
                 &trainer->pass, trainer->network->layout.layers, (bp_span){rows.first, rows.end - rows.first}, trainer->weight,
                 trainer->losses);
}

/* Alone, where the team's floating-point state holds. */
static void sum_losses(void *context, bp_member member)
{
    targets_work *work = context;
    (void)member;
    work->cost = bp_phase_cost(work->trainer, work->trainer->rows);
}

bp_status bp_trainer_loss(bp_trainer *trainer, const float *y, const float *weight, double *J, bp_error *error)
{
    bp_examples examples;
    targets_work work = {trainer, &examples, 0.0};

    BP_TRY(expect_stage(trainer, BP_STAGE_FORWARD, "loss", "forward", error));
    BP_TRY(bp_minibatch_of_caller(trainer, trainer->rows, y, y, weight, &examples, error));
    bp_team_run(trainer->plan.threads, loss_rows, &work);
    bp_team_run(1, sum_losses, &work);
    trainer->own_loss = isfinite(work.cost);
    if (!trainer->own_loss)
        return bp_trainer_diverged(trainer->updates + 1, 0, error);
    if (J)
        *J = work.cost;
    return BP_OK;
}

/* ----------------------------------------------------------------------------------------------------------- backward */

typedef struct backward_work {
    targets_work targets; /* examples NULL: d[K] is there already */
    float *d_x;
} backward_work;

/* What of the first layer dL/dx needs: each member makes its part. */
static void copy_first(bp_trainer *trainer, bp_member member)
{
    const bp_layout *layout = &trainer->network->layout;
    bp_range tiles = bp_team_range(member, bp_plan_layer_tiles(&trainer->plan, layout, 0).end, 1);

    for (size_t number = tiles.first; number < tiles.end; number++) {
        bp_tile tile = bp_plan_tile(&trainer->plan, layout, number);
        bp_weights_refresh_first(&trainer->weights, tile.i, tile.j);
    }
}

/* dL/dz of the member's rows through all layers, and the shards of buffered ones. */
static void backward_rows(const backward_work *work, bp_member member)
{
    bp_trainer *trainer = work->targets.trainer;
    const bp_layout *layout = &trainer->network->layout;
    bp_range rows = bp_team_range(member, trainer->rows, trainer->plan.grain);
    bp_span span = {rows.first, rows.end - rows.first};

    if (work->targets.examples)
        gather_targets(&work->targets, rows, (bp_smoothing){0.0f, 0.0f});
    bp_backward(&trainer->weights, &trainer->pass, span, work->d_x != NULL, filled_strip(trainer, member));
    if (work->d_x)
        bp_pass_unpack(&trainer->pass, trainer->pass.d[0], span, layout->layer[0].k, work->d_x + rows.first * layout->layer[0].k);
    bp_gradients_begin(&trainer->gradients, member);
    if (span.count)
        bp_gradients_walk(&trainer->gradients, member, &trainer->pass, span, rows.first, trainer->rows);
}

static void materialise_tiles(bp_trainer *trainer, bp_member member, bp_range tiles)
{
    bp_span rows = {0, trainer->rows};

    for (size_t number = tiles.first; number < tiles.end; number++) {
        bp_tile tile = bp_plan_tile(&trainer->plan, &trainer->network->layout, number);
        bp_gradients_tile(&trainer->gradients, member, &trainer->pass, rows, trainer->rows, NULL, &tile);
        bp_split_tile(trainer, member, &tile);
    }
}

static void backward_member(void *context, bp_member member)
{
    const backward_work *work = context;
    bp_trainer *trainer = work->targets.trainer;
    const bp_layout *layout = &trainer->network->layout;
    bp_range loose = bp_grid_loose_tiles(&trainer->plan, layout, member);

    bp_arithmetic_enter(&trainer->plan.arithmetic);
    if (work->d_x && !trainer->first_copied) {
        copy_first(trainer, member);
        bp_team_barrier(member);
    }
    backward_rows(work, member);
    bp_team_barrier(member);
    for (uint32_t layer = 0; layer < layout->layers; layer++)
        materialise_tiles(trainer, member, bp_grid_tiles(&trainer->plan, layout, layer, member, loose));
    bp_arithmetic_leave(&trainer->plan.arithmetic);
}

bp_status bp_trainer_backward(bp_trainer *trainer, const float *d_y_hat, float *d_x, bp_error *error)
{
    bp_examples examples;
    backward_work work = {{trainer, d_y_hat ? &examples : NULL, 0.0}, d_x};

    BP_TRY(expect_stage(trainer, BP_STAGE_FORWARD, "backward", "forward", error));
    if (!d_y_hat && !trainer->own_loss)
        return bp_fail(error, BP_INVALID, "bp_trainer_backward needs dL/dy^, or bp_trainer_loss before it");
    trainer->own_loss = trainer->own_loss && !d_y_hat;
    if (d_y_hat)
        BP_TRY(bp_minibatch_of_caller(trainer, trainer->rows, d_y_hat, d_y_hat, NULL, &examples, error));
    bp_phase_clear(trainer);
    trainer->group = (bp_group){true, true, trainer->rows};
    bp_team_run(trainer->plan.threads, backward_member, &work);
    trainer->first_copied |= d_x != NULL;
    trainer->stage = BP_STAGE_BACKWARD;
    uint32_t layer = bp_phase_bad_layer(trainer, (bp_member){0, trainer->plan.threads, NULL});
    return layer ? bp_trainer_diverged(trainer->updates + 1, layer, error) : BP_OK;
}

/* ------------------------------------------------------------------------------------------------- gradient and update */

bp_status bp_trainer_gradient_get(const bp_trainer *trainer, uint32_t layer, float *dW, float *db, bp_error *error)
{
    BP_TRY(expect_stage(trainer, BP_STAGE_BACKWARD, "gradient_get", "backward", error));
    BP_TRY(bp_network_check_layer(trainer->network, layer, error));
    bp_layer_unpack(&trainer->network->layout.layer[layer], trainer->gradient, dW, db);
    return BP_OK;
}

bp_status bp_trainer_gradient_set(bp_trainer *trainer, uint32_t layer, const float *dW, const float *db, bp_error *error)
{
    BP_TRY(expect_stage(trainer, BP_STAGE_BACKWARD, "gradient_set", "backward", error));
    BP_TRY(bp_network_check_layer(trainer->network, layer, error));
    bp_layer_pack(&trainer->network->layout.layer[layer], dW, db, trainer->gradient);
    return BP_OK;
}

typedef struct update_work {
    bp_trainer *trainer;
    double rate;
} update_work;

/* Alone: the other members must find the numbers. */
static void begin_update(void *context, bp_member member)
{
    const update_work *work = context;
    (void)member;
    bp_phase_begin_update(work->trainer, 1, work->rate);
}

static void update_member(void *context, bp_member member)
{
    bp_trainer *trainer = context;
    bp_range tiles = bp_team_range(member, trainer->plan.tiles, 1);

    if (trainer->plan.clips) { /* anew: the caller may have changed the gradient */
        for (size_t number = tiles.first; number < tiles.end; number++)
            bp_split_measure(trainer, number);
        bp_team_barrier(member);
    }
    bp_phase_apply(trainer, member);
}

bp_status bp_trainer_update(bp_trainer *trainer, double rate, bp_error *error)
{
    BP_TRY(expect_stage(trainer, BP_STAGE_BACKWARD, "update", "backward", error));
    if (!isfinite(rate))
        return bp_fail(error, BP_INVALID, "a learning rate of %g", rate);
    bp_phase_clear(trainer);
    bp_team_run(1, begin_update, &(update_work){trainer, rate});
    bp_team_run(trainer->plan.threads, update_member, trainer);
    trainer->stage = BP_STAGE_NONE;
    uint32_t layer = bp_phase_bad_layer(trainer, (bp_member){0, trainer->plan.threads, NULL});
    return layer ? bp_trainer_diverged(trainer->updates, layer, error) : BP_OK;
}
