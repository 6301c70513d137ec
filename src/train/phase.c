/* The rows phase of a step, as one member of the team goes through it, and what both phases share.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "backward.h"
#include "batch.h"
#include "clock.h"
#include "dropout.h"
#include "forward.h"
#include "grid.h"
#include "loss.h"
#include "size.h"
#include "sum.h"
#include "tiny.h"

void bp_phase_lap(bp_trainer *trainer, bp_member member, bp_phase phase, double *since)
{
    if (!trainer->timed || member.index)
        return;
    double now = bp_clock();
    trainer->phase_seconds[phase] += now - *since;
    *since = now;
}

void bp_phase_draw(const bp_trainer *trainer, const bp_pass *pass, bp_span span, size_t row, uint64_t epoch, uint64_t step)
{
    bp_draw draw = {trainer->settings.seed, epoch, step, trainer->plan.dropout};
    bp_dropout_draw(trainer->plan.arithmetic.kernels, &trainer->network->layout, pass, &draw, span, row);
}

static void gather(bp_trainer *trainer, const bp_pass *pass, bp_span span, size_t row, const bp_minibatch *minibatch)
{
    bp_batch batch = {
        .x = pass->a[0],
        .sparse = pass->sparse,
        .y = pass->d[trainer->network->layout.layers],
        .weight = trainer->weight + row - span.first,
        .smoothing = trainer->smoothing,
        .panel = bp_pass_panel(pass),
    };
    const uint64_t *rows = minibatch->rows ? minibatch->rows + row : NULL;
    bp_batch_gather(&batch, trainer->plan.arithmetic.kernels, minibatch->examples, rows, minibatch->first + row, span.first,
                    span.count);
    bp_phase_draw(trainer, pass, span, row, minibatch->epoch, minibatch->step);
}

static void lose(bp_trainer *trainer, const bp_pass *pass, bp_span span, size_t row)
{
    const bp_layout *layout = &trainer->network->layout;
    uint32_t last = layout->layers;

    bp_loss_rows(trainer->plan.arithmetic.kernels, trainer->network->loss, trainer->network->loss_shape, layout->layer[last - 1].n,
                 pass, last, span, trainer->weight + row - span.first, trainer->losses + row - span.first);
}

/* Rows `row` ... of the minibatch, at the span's place in the pass: through all layers and back, alone. */
static void through(bp_trainer *trainer, bp_member member, const bp_pass *pass, bp_span span, size_t row,
                    const bp_minibatch *minibatch)
{
    double since = trainer->timed ? bp_clock() : 0.0;

    gather(trainer, pass, span, row, minibatch);
    bp_phase_lap(trainer, member, BP_PHASE_GATHER, &since);
    bp_forward(&trainer->weights, pass, span, bp_trainer_strip(trainer, member));
    bp_phase_lap(trainer, member, BP_PHASE_FORWARD, &since);
    lose(trainer, pass, span, row);
    bp_phase_lap(trainer, member, BP_PHASE_LOSS, &since);
    bp_backward(&trainer->weights, pass, span, false, bp_trainer_strip(trainer, member));
    bp_phase_lap(trainer, member, BP_PHASE_BACKWARD, &since);
    bp_gradients_walk(&trainer->gradients, member, pass, span, row, minibatch->m);
    bp_phase_lap(trainer, member, BP_PHASE_GRADIENT, &since);
}

/* All layers forward, the member's block of each: what others have made, or will read, is waited for. */
static void forward_blocks(bp_trainer *trainer, bp_member member, size_t m)
{
    const bp_layout *layout = &trainer->network->layout;
    const bp_plan *plan = &trainer->plan;
    bool divided = false;

    for (uint32_t i = 0; i < layout->layers; i++) {
        bp_block block = bp_grid_forward(plan, layout, i, member, m);
        if (divided || bp_grid_divides_forward(plan, i, member))
            bp_team_barrier(member);
        divided = bp_grid_divides_forward(plan, i, member);
        bp_forward_layer(&trainer->weights, i, &trainer->pass, block.rows, block.panels, bp_trainer_strip(trainer, member));
    }
    if (divided)
        bp_team_barrier(member);
}

/* The same backward. */
static void backward_blocks(bp_trainer *trainer, bp_member member, size_t m)
{
    const bp_layout *layout = &trainer->network->layout;
    const bp_plan *plan = &trainer->plan;
    bool divided = false;

    for (uint32_t i = layout->layers; i-- > 1;) {
        bp_block block = bp_grid_backward(plan, layout, i, member, m);
        if (divided || bp_grid_divides_backward(plan, i, member))
            bp_team_barrier(member);
        divided = bp_grid_divides_backward(plan, i, member);
        bp_backward_layer(&trainer->weights, i, &trainer->pass, block.rows, block.panels, bp_trainer_strip(trainer, member));
    }
}

/* The member's rows, all at once, and its blocks of layers that the team divides. */
static void together(bp_trainer *trainer, bp_member member, bp_span span, const bp_minibatch *minibatch)
{
    double since = trainer->timed ? bp_clock() : 0.0;

    gather(trainer, &trainer->pass, span, span.first, minibatch);
    if (trainer->gradients.sparse)
        bp_sparse_batch_list(trainer->gradients.sparse, member, minibatch->examples, minibatch->rows, minibatch->first, span);
    bp_phase_lap(trainer, member, BP_PHASE_GATHER, &since);
    bp_forward_begin(&trainer->weights, &trainer->pass, span);
    forward_blocks(trainer, member, minibatch->m);
    bp_phase_lap(trainer, member, BP_PHASE_FORWARD, &since);
    lose(trainer, &trainer->pass, span, span.first);
    bp_phase_lap(trainer, member, BP_PHASE_LOSS, &since);
    bp_backward_begin(&trainer->weights, &trainer->pass, span);
    backward_blocks(trainer, member, minibatch->m);
    bp_phase_lap(trainer, member, BP_PHASE_BACKWARD, &since);
}

static bool all_finite(const double *values, bp_range range)
{
    bool finite = true;

    for (size_t i = range.first; i < range.end; i++)
        finite = finite && isfinite(values[i]);
    return finite;
}

void bp_phase_choose(bp_trainer *trainer, const bp_examples *examples)
{
    const bp_plan *plan = &trainer->plan;
    bp_sparse_row *rows = examples->sparse.first ? trainer->sparse.rows : NULL;
    size_t chunk = bp_size_min(plan->chunk, plan->batch);

    trainer->pass.sparse = chunk ? NULL : rows;
    trainer->gradients.sparse = rows && !chunk ? &trainer->sparse : NULL;
    for (unsigned t = 0; chunk && t < plan->threads; t++)
        trainer->chunk[t].sparse = rows ? rows + t * chunk : NULL;
}

void bp_phase_clear(bp_trainer *trainer)
{
    memset(trainer->slot, 0, trainer->plan.threads * sizeof *trainer->slot);
}

static bool rows_in_phases(bp_trainer *trainer, bp_member member, bp_range rows, const bp_minibatch *minibatch)
{
    size_t chunk = trainer->plan.chunk;

    if (!chunk)
        together(trainer, member, (bp_span){rows.first, rows.end - rows.first}, minibatch);
    if (trainer->plan.packs_whole)
        bp_strip_fill(&trainer->weights, bp_trainer_strip(trainer, member));
    for (size_t row = rows.first; chunk && row < rows.end; row += chunk)
        through(trainer, member, &trainer->chunk[member.index], (bp_span){0, bp_size_min(chunk, rows.end - row)}, row, minibatch);
    return all_finite(trainer->losses, rows);
}

/* All of it counts as forward. */
static bool tiny_rows(bp_trainer *trainer, bp_member member, bp_range rows, const bp_minibatch *minibatch)
{
    double since = trainer->timed ? bp_clock() : 0.0;
    bool finite = bp_tiny_rows_phase(trainer, member, rows, minibatch);

    bp_phase_lap(trainer, member, BP_PHASE_FORWARD, &since);
    return finite;
}

void bp_phase_rows(bp_trainer *trainer, bp_member member, const bp_minibatch *minibatch)
{
    bp_range rows = bp_team_range(member, minibatch->m, trainer->plan.grain);

    atomic_store_explicit(&trainer->slot[member.index].taken, 0, memory_order_relaxed);
    bp_gradients_begin(&trainer->gradients, member);
    bool finite =
        trainer->plan.tiny ? tiny_rows(trainer, member, rows, minibatch) : rows_in_phases(trainer, member, rows, minibatch);
    trainer->slot[member.index].bad_loss = !finite;
}

bool bp_phase_loss_is_finite(const bp_trainer *trainer, bp_member member)
{
    for (unsigned t = 0; t < member.threads; t++)
        if (trainer->slot[t].bad_loss)
            return false;
    return true;
}

uint32_t bp_phase_bad_layer(const bp_trainer *trainer, bp_member member)
{
    uint32_t first = 0;

    for (unsigned t = 0; t < member.threads; t++) {
        uint32_t layer = trainer->slot[t].bad_layer;
        if (layer && (!first || layer < first))
            first = layer;
    }
    return first;
}

void bp_phase_note_bad(bp_trainer *trainer, bp_member member, uint32_t layer)
{
    bp_slot *slot = &trainer->slot[member.index];

    if (!slot->bad_layer || layer + 1 < slot->bad_layer)
        slot->bad_layer = (uint8_t)(layer + 1);
}

double bp_phase_cost(const bp_trainer *trainer, size_t m)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t row = 0; row < m; row++)
        bp_sum_add(&sum, trainer->losses[row]);
    return bp_sum_total(&sum) / (double)m;
}

void bp_phase_begin_update(bp_trainer *trainer, size_t m, double rate)
{
    if (!(rate > 0.0))
        rate = bp_schedule_rate(&trainer->settings, trainer->updates, trainer->total_updates) * trainer->fit.plateau.share;
    trainer->updates++;
    trainer->fit.rate = trainer->plan.full ? 0.0 : rate;
    trainer->update = bp_optimizer_numbers(&trainer->settings, trainer->updates, rate, 1.0f / (float)m);
    trainer->first_copied = false;
}
