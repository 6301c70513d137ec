/* The two phases of a step, as one member of the team goes through them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <string.h>
#include <time.h>

#include "backward.h"
#include "batch.h"
#include "forward.h"
#include "grid.h"
#include "loss.h"
#include "schedule.h"
#include "size.h"
#include "sum.h"
#include "tiny.h"

double bp_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Adds the time since *since to a phase, and moves *since on. The caller's thread alone measures. */
static void lap(bp_trainer *trainer, bp_member member, bp_phase phase, double *since)
{
    if (!trainer->timed || member.index)
        return;
    double now = bp_clock();
    trainer->phase_seconds[phase] += now - *since;
    *since = now;
}

static void gather(bp_trainer *trainer, const bp_pass *pass, bp_span span, size_t row, const bp_minibatch *minibatch)
{
    bp_batch batch = {
        .x = pass->a[0],
        .y = pass->d[trainer->network->layout.layers],
        .weight = trainer->weight + row - span.first,
        .panel = bp_pass_panel(pass),
    };
    const uint64_t *rows = minibatch->rows ? minibatch->rows + row : NULL;
    bp_batch_gather(&batch, trainer->plan.kernels, minibatch->examples, rows, minibatch->first + row, span.first, span.count);
}

static void lose(bp_trainer *trainer, const bp_pass *pass, bp_span span, size_t row)
{
    const bp_layout *layout = &trainer->network->layout;
    uint32_t last = layout->layers;

    bp_loss_rows(trainer->plan.kernels, trainer->network->loss, layout->layer[last - 1].n, pass, last, span,
                 trainer->weight + row - span.first, trainer->losses + row - span.first);
}

/* Rows `row` ... of the minibatch, at the span's place in the pass: through all layers and back, alone. */
static void through(bp_trainer *trainer, bp_member member, const bp_pass *pass, bp_span span, size_t row,
                    const bp_minibatch *minibatch)
{
    const bp_kernels *kernels = trainer->plan.kernels;
    const bp_layout *layout = &trainer->network->layout;
    double since = trainer->timed ? bp_clock() : 0.0;

    gather(trainer, pass, span, row, minibatch);
    lap(trainer, member, BP_PHASE_GATHER, &since);
    bp_forward(kernels, layout, trainer->network->parameters, pass, span);
    lap(trainer, member, BP_PHASE_FORWARD, &since);
    lose(trainer, pass, span, row);
    lap(trainer, member, BP_PHASE_LOSS, &since);
    bp_backward(kernels, layout, trainer->network->parameters, (const float *const *)trainer->transposed, pass, span, false);
    lap(trainer, member, BP_PHASE_BACKWARD, &since);
    bp_gradients_walk(&trainer->gradients, member, pass, span, row, minibatch->m);
    lap(trainer, member, BP_PHASE_GRADIENT, &since);
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
        bp_forward_layer(plan->kernels, layout, i, trainer->network->parameters, &trainer->pass, block.rows, block.panels);
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
        bp_backward_layer(plan->kernels, layout, i, trainer->network->parameters, trainer->transposed[i], &trainer->pass,
                          block.rows, block.panels);
    }
}

/* The member's rows, all at once, and its blocks of layers that the team divides. */
static void together(bp_trainer *trainer, bp_member member, bp_span span, const bp_minibatch *minibatch)
{
    double since = trainer->timed ? bp_clock() : 0.0;

    gather(trainer, &trainer->pass, span, span.first, minibatch);
    lap(trainer, member, BP_PHASE_GATHER, &since);
    forward_blocks(trainer, member, minibatch->m);
    lap(trainer, member, BP_PHASE_FORWARD, &since);
    lose(trainer, &trainer->pass, span, span.first);
    lap(trainer, member, BP_PHASE_LOSS, &since);
    backward_blocks(trainer, member, minibatch->m);
    lap(trainer, member, BP_PHASE_BACKWARD, &since);
}

static bool all_finite(const double *values, bp_range range)
{
    bool finite = true;

    for (size_t i = range.first; i < range.end; i++)
        finite = finite && isfinite(values[i]);
    return finite;
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
    for (size_t row = rows.first; chunk && row < rows.end; row += chunk)
        through(trainer, member, &trainer->chunk[member.index], (bp_span){0, bp_size_min(chunk, rows.end - row)}, row, minibatch);
    return all_finite(trainer->losses, rows);
}

/* All of it counts as forward. */
static bool tiny_rows(bp_trainer *trainer, bp_member member, bp_range rows, const bp_minibatch *minibatch)
{
    double since = trainer->timed ? bp_clock() : 0.0;
    bool finite = bp_tiny_rows_phase(trainer, member, rows, minibatch);

    lap(trainer, member, BP_PHASE_FORWARD, &since);
    return finite;
}

void bp_phase_rows(bp_trainer *trainer, bp_member member, const bp_minibatch *minibatch)
{
    bp_range rows = bp_team_range(member, minibatch->m, trainer->plan.grain);

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
        rate = bp_schedule_rate(&trainer->settings, trainer->updates, trainer->total_updates);
    trainer->updates++;
    trainer->update = bp_optimizer_numbers(&trainer->settings, trainer->updates, rate, 1.0f / (float)m);
    trainer->first_transposed = false;
}

static bool is_copied(const bp_trainer *trainer, const bp_tile *tile)
{
    return bp_layer_is_copied(&trainer->network->layout.layer[tile->layer]);
}

/* Where the tile's copy begins, and how many rows it has. */
static float *transposed_tile(const bp_trainer *trainer, const bp_tile *tile, size_t *columns)
{
    const bp_layer *layer = &trainer->network->layout.layer[tile->layer];

    *columns = bp_size_min(BP_PANEL, layer->n - tile->j * BP_PANEL);
    return trainer->transposed[tile->layer] + (tile->i * layer->n + tile->j * BP_PANEL) * BP_PANEL;
}

void bp_phase_transpose(bp_trainer *trainer, const bp_tile *tile)
{
    size_t columns;

    if (!is_copied(trainer, tile))
        return;
    float *to = transposed_tile(trainer, tile, &columns);
    trainer->plan.kernels->transpose(tile->rows, columns, trainer->network->parameters + tile->w, to);
}

void bp_phase_transpose_first(bp_trainer *trainer, const bp_tile *tile)
{
    size_t columns;
    float *to = transposed_tile(trainer, tile, &columns);

    if (is_copied(trainer, tile) && tile->rows < BP_PANEL)
        memset(to, 0, columns * BP_PANEL * sizeof(float));
    bp_phase_transpose(trainer, tile);
}

/* The first layer's W^T is made when somebody asks for dL/dx. */
static void update_tile(bp_trainer *trainer, bp_member member, const bp_tile *tile, const bp_update *biases)
{
    const bp_kernels *kernels = trainer->plan.kernels;
    bp_optimizer optimizer = (bp_optimizer)trainer->settings.optimizer;
    float *parameters = trainer->network->parameters;
    bool bad = bp_optimizer_update(kernels, optimizer, &trainer->moments, &trainer->update, tile->w, tile->rows * BP_PANEL,
                                   parameters + tile->w, tile->dW);

    if (tile->db &&
        bp_optimizer_update(kernels, optimizer, &trainer->moments, biases, tile->b, BP_PANEL, parameters + tile->b, tile->db))
        bad = true;
    if (bad)
        bp_phase_note_bad(trainer, member, tile->layer);
    if (tile->layer)
        bp_phase_transpose(trainer, tile);
}

/* Bytes of a's panels that are walked together: they stay in L2 beside dL/dz's panel, where all of a would come out of L3
 * again for every panel of dL/dz (784-1024-1024-1024-10 with adam on two threads: 15.6 ms, so 14.1). */
#define TOGETHER_BYTES ((size_t)512 << 10)

static size_t panels_together(size_t rows)
{
    return bp_size_max(TOGETHER_BYTES / (rows * BP_PANEL * sizeof(float)), 1);
}

#define STREAMS 6

static void add_stream(bp_stream **next, const float *first, size_t floats)
{
    if (first)
        *(*next)++ = (bp_stream){first, floats / 64 * 4};
}

/* What comes after a tile's product: its parameters and their state, for the update, and of dL/dz's next panel the share of each
 * of the tiles that walk together. */
static void look_ahead(const bp_trainer *trainer, const bp_tile *tile, bp_span rows, size_t share, bp_stream ahead[STREAMS])
{
    size_t floats = tile->rows * BP_PANEL, panel = bp_pass_panel(&trainer->pass), columns;
    const bp_moments *moments = &trainer->moments;
    bp_stream *next = ahead;

    add_stream(&next, trainer->network->parameters + tile->w, floats);
    add_stream(&next, moments->first ? moments->first + tile->w : NULL, floats);
    add_stream(&next, moments->second ? moments->second + tile->w : NULL, floats);
    if (tile->layer && is_copied(trainer, tile))
        add_stream(&next, transposed_tile(trainer, tile, &columns), floats);
    if (tile->j)
        add_stream(&next,
                   trainer->pass.d[tile->layer + 1] + (tile->j - 1) * panel + rows.first * BP_PANEL +
                       tile->i % share * (rows.count / share) * BP_PANEL,
                   rows.count / share * BP_PANEL);
    *next = (bp_stream){NULL, 0};
}

/* One tile: a part of its rows, and with the last part the update. Where buffers are summed, nothing is asked for ahead. */
static void finish_tile(bp_trainer *trainer, bp_member member, bp_span rows, size_t m, size_t number, const bp_update *biases)
{
    bp_tile tile = bp_plan_tile(&trainer->plan, &trainer->network->layout, number);
    bp_stream ahead[STREAMS] = {{NULL, 0}};

    if (!trainer->plan.layer[tile.layer].buffered)
        look_ahead(trainer, &tile, rows, panels_together(rows.count), ahead);
    bp_gradients_tile(&trainer->gradients, member, &trainer->pass, rows, m, ahead, &tile);
    if (rows.first + rows.count == m)
        update_tile(trainer, member, &tile, biases);
}

/* The tiles of one layer that lie in the range, a few panels of a at a time, and the last ones first: forward ended with them,
 * so they are still in cache. */
static void finish_layer(bp_trainer *trainer, bp_member member, bp_span rows, size_t m, uint32_t number, bp_range range,
                         const bp_update *biases)
{
    const bp_layer *layer = &trainer->network->layout.layer[number];
    size_t first = trainer->plan.layer[number].first_tile, panels = panels_together(rows.count);

    for (size_t i = 0; i < layer->k_panels; i += panels)
        for (size_t j = layer->n_panels; j-- > 0;) {
            size_t row = first + j * layer->k_panels, begin = bp_size_max(row + i, range.first);
            size_t end = bp_size_min(row + bp_size_min(i + panels, layer->k_panels), range.end);
            for (size_t tile = begin; tile < end; tile++)
                finish_tile(trainer, member, rows, m, tile, biases);
        }
}

static void finish_tiles(bp_trainer *trainer, bp_member member, size_t m)
{
    const bp_layout *layout = &trainer->network->layout;
    bp_update biases = bp_optimizer_for_biases(&trainer->update);
    bp_range loose = bp_grid_loose_tiles(&trainer->plan, layout, member);

    for (uint32_t number = layout->layers; number-- > 0;) {
        bp_range range = bp_grid_tiles(&trainer->plan, layout, number, member, loose);
        size_t part = bp_gradients_part(&trainer->plan, number, m);
        for (size_t row = 0; row < m; row += part)
            finish_layer(trainer, member, (bp_span){row, bp_size_min(part, m - row)}, m, number, range, &biases);
    }
}

void bp_phase_tiles(bp_trainer *trainer, bp_member member, size_t m)
{
    double since = trainer->timed ? bp_clock() : 0.0;

    if (!trainer->plan.tiny)
        finish_tiles(trainer, member, m);
    else if (member.index == 0)
        bp_tiny_update(trainer, member);
    lap(trainer, member, BP_PHASE_GRADIENT, &since);
}

void bp_phase_apply(bp_trainer *trainer, bp_member member)
{
    const bp_layout *layout = &trainer->network->layout;
    bp_update biases = bp_optimizer_for_biases(&trainer->update);
    bp_range loose = bp_grid_loose_tiles(&trainer->plan, layout, member);

    for (uint32_t layer = 0; layer < layout->layers; layer++) {
        bp_range range = bp_grid_tiles(&trainer->plan, layout, layer, member, loose);
        for (size_t number = range.first; number < range.end; number++) {
            bp_tile tile = bp_plan_tile(&trainer->plan, layout, number);
            tile.dW = trainer->gradient + tile.w;
            tile.db = tile.i == 0 ? trainer->gradient + tile.b : NULL;
            update_tile(trainer, member, &tile, &biases);
        }
    }
}

void bp_trainer_refresh(bp_trainer *trainer)
{
    for (size_t number = bp_plan_layer_tiles(&trainer->plan, &trainer->network->layout, 0).end; number < trainer->plan.tiles;
         number++) {
        bp_tile tile = bp_plan_tile(&trainer->plan, &trainer->network->layout, number);
        bp_phase_transpose(trainer, &tile);
    }
}
