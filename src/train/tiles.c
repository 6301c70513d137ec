/* The tiles phase of a step: each tile's gradient, its update, and its copy in W^T.
 *
 * A member's tiles come in blocks, those that walk together in one panel of dL/dz. Members take blocks one by one, their own first
 * and then what another has left. Whoever makes a tile makes the same bits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "finite.h"
#include "grid.h"
#include "size.h"
#include "split_step.h"
#include "tiny.h"
#include "trainer.h"

/* An update without a gradient that would change nothing. */
static bool is_idle(const bp_trainer *trainer)
{
    return trainer->settings.optimizer == BP_SGD && !trainer->plan.moments && !trainer->plan.split &&
           !(trainer->settings.weight_decay > 0) && !(trainer->settings.l1 > 0);
}

/* `count` rows of W from row `first` of the tile on; true where a gradient, or a weight that is told by sparse rows alone, is not
 * finite. */
static bool update_lines(bp_trainer *trainer, const bp_tile *tile, const bp_update *weights, size_t first, size_t count)
{
    size_t at = first * BP_PANEL, floats = count * BP_PANEL;
    float *w = trainer->network->parameters + tile->w + at;
    bool bad = bp_optimizer_update(trainer->plan.arithmetic.kernels, (bp_optimizer)trainer->settings.optimizer, &trainer->moments,
                                   weights, tile->w + at, floats, w, tile->dW + at);

    /* A weight that is not finite makes every product with dense x NaN, and its loss tells; with sparse x no row may have its
     * column. */
    return bad || (bp_gradients_are_sparse(&trainer->gradients, tile->layer) && !bp_all_finite(w, floats));
}

static bool update_weights(bp_trainer *trainer, const bp_tile *tile, const bp_update *weights)
{
    bool bad = false;

    if (tile->touched == UINT32_MAX)
        return update_lines(trainer, tile, weights, 0, tile->rows);
    for (size_t row = 0; row < tile->rows; row++)
        if (tile->touched >> row & 1)
            bad |= update_lines(trainer, tile, weights, row, 1);
    return bad;
}

static void update_tile(bp_trainer *trainer, bp_member member, const bp_tile *tile, const bp_update *weights,
                        const bp_update *biases)
{
    const bp_kernels *kernels = trainer->plan.arithmetic.kernels;
    bp_optimizer optimizer = (bp_optimizer)trainer->settings.optimizer;
    float *parameters = trainer->network->parameters;
    bool bad = update_weights(trainer, tile, weights);

    if (tile->db &&
        bp_optimizer_update(kernels, optimizer, &trainer->moments, biases, tile->b, BP_PANEL, parameters + tile->b, tile->db))
        bad = true;
    if (bad)
        bp_phase_note_bad(trainer, member, tile->layer);
    bp_weights_refresh(&trainer->weights, tile->layer, tile->i, tile->j);
}

/* Bytes of a's panels that are walked together: they stay in L2 beside dL/dz's panel, where all of a would come out of L3
 * again for every panel of dL/dz (784-1024-1024-1024-10 with adam on two threads: 15.6 ms, so 14.1). */
#define TOGETHER_BYTES ((size_t)512 << 10)

/* Of packed panels, which take up to six bytes an element and are read at several times the rate (2048 x 4, 1,024 rows: 168 ms in
 * place of 189 in bf16x3, 55.1 of 57.0 in bf16). */
#define PACKED_TOGETHER_BYTES ((size_t)1 << 20)

static size_t panels_together(const bp_trainer *trainer, bp_span rows)
{
    size_t bytes = trainer->plan.arithmetic.terms ? PACKED_TOGETHER_BYTES : TOGETHER_BYTES;
    return bp_size_max(bytes / bp_gradients_panel_bytes(&trainer->plan, rows), 1);
}

#define STREAMS 6

static void add_stream(bp_stream **next, const void *first, size_t bytes)
{
    if (first)
        *(*next)++ = bp_stream_of(first, bytes);
}

/* What comes after a tile's product: its parameters and their state, for the update, and of dL/dz's next panel the share of each
 * of the tiles that walk together. */
static void look_ahead(const bp_trainer *trainer, const bp_tile *tile, bp_span rows, size_t share, bp_stream ahead[STREAMS])
{
    size_t bytes = tile->rows * BP_PANEL * sizeof(float), part = bp_gradients_panel_bytes(&trainer->plan, rows) / share;
    const bp_moments *moments = &trainer->moments;
    bp_stream *next = ahead;

    part = part / BP_ALIGNMENT * BP_ALIGNMENT;
    add_stream(&next, trainer->network->parameters + tile->w, bytes);
    add_stream(&next, moments->first ? moments->first + tile->w : NULL, bytes);
    add_stream(&next, moments->second ? moments->second + tile->w : NULL, bytes);
    *next = bp_weights_stream(&trainer->weights, tile->layer, tile->i, tile->j);
    next += next->lines > 0;
    if (tile->j)
        add_stream(&next,
                   (const unsigned char *)bp_gradients_panel(&trainer->plan, &trainer->pass, tile->layer, tile->j - 1, rows) +
                       tile->i % share * part,
                   part);
    *next = (bp_stream){NULL, 0};
}

/* A member's tiles, as one of the team goes through them: the member itself, or one who has finished and helps. */
typedef struct walk {
    bp_trainer *trainer;
    bp_member member; /* who goes */
    bp_member owner;
    size_t m;
    bp_update biases;
    size_t seen;  /* blocks so far */
    size_t claim; /* the block to take next, or NONE */
    bool took;
} walk;

#define NONE SIZE_MAX

/* Takes the next block of the owner's that nobody has taken, if this is it. A claim is made no earlier: the last blocks are for
 * whoever comes first. */
static bool take(walk *w)
{
    if (w->claim == NONE)
        w->claim = atomic_fetch_add_explicit(&w->trainer->slot[w->owner.index].taken, 1, memory_order_relaxed);
    if (w->seen++ != w->claim)
        return false;
    w->claim = NONE;
    w->took = true;
    return true;
}

/* One tile: a part of its rows, and with the last part the update, or its place in the whole gradient. Where buffers are summed,
 * nothing is asked for ahead. */
static void finish_tile(const walk *w, bp_span rows, size_t number)
{
    bp_trainer *trainer = w->trainer;
    bp_tile tile = bp_plan_tile(&trainer->plan, &trainer->network->layout, number);
    bp_stream ahead[STREAMS] = {{NULL, 0}};

    if (is_idle(trainer))
        tile.touched = bp_gradients_rows(&trainer->gradients, w->member, &tile);
    if (!tile.touched && tile.i)
        return;
    if (!trainer->plan.layer[tile.layer].buffered)
        look_ahead(trainer, &tile, rows, panels_together(trainer, rows), ahead);
    bp_gradients_tile(&trainer->gradients, w->member, &trainer->pass, rows, w->m, ahead, &tile);
    if (rows.first + rows.count < w->m)
        return;
    if (!trainer->plan.split)
        update_tile(trainer, w->member, &tile, &trainer->update, &w->biases);
    else
        bp_split_tile(trainer, w->member, &tile);
    if (bp_split_measures(trainer))
        bp_split_measure(trainer, number);
}

/* The tiles of one layer that lie in the range, a few panels of a at a time, and the last ones first: forward ended with them,
 * so they are still in cache. */
static void finish_layer(walk *w, bp_span rows, uint32_t number, bp_range range, bool shared)
{
    const bp_layer *layer = &w->trainer->network->layout.layer[number];
    size_t first = w->trainer->plan.layer[number].first_tile, panels = panels_together(w->trainer, rows);

    for (size_t i = 0; i < layer->k_panels; i += panels)
        for (size_t j = layer->n_panels; j-- > 0;) {
            size_t row = first + j * layer->k_panels, begin = bp_size_max(row + i, range.first);
            size_t end = bp_size_min(row + bp_size_min(i + panels, layer->k_panels), range.end);
            if (begin < end && shared && !take(w))
                continue;
            for (size_t tile = begin; tile < end; tile++)
                finish_tile(w, rows, tile);
        }
}

/* Parts of long chains follow each other, and what is in shards or buffers is small: their owner makes them alone. */
static bool is_shared(const walk *w, uint32_t number, size_t part)
{
    const bp_layer_plan *layer = &w->trainer->plan.layer[number];
    return w->member.threads > 1 && part >= w->m && !layer->buffered && bp_plan_shards(layer, w->m) == 1;
}

static void finish_tiles(walk *w)
{
    const bp_trainer *trainer = w->trainer;
    const bp_layout *layout = &trainer->network->layout;
    bp_range loose = bp_grid_loose_tiles(&trainer->plan, layout, w->owner);

    for (uint32_t number = layout->layers; number-- > 0;) {
        bp_range range = bp_grid_tiles(&trainer->plan, layout, number, w->owner, loose);
        size_t part = bp_gradients_part(&trainer->gradients, number, w->m);
        bool shared = is_shared(w, number, part);
        for (size_t row = 0; row < w->m && (shared || w->member.index == w->owner.index); row += part)
            finish_layer(w, (bp_span){row, bp_size_min(part, w->m - row)}, number, range, shared);
    }
}

/* The member's own, and then what the next ones have left: a core that somebody else on the machine slows down, or tiles that cost
 * more than was planned, would keep all waiting. */
static void finish_and_help(bp_trainer *trainer, bp_member member, size_t m)
{
    walk w = {.trainer = trainer, .member = member, .m = m, .biases = bp_optimizer_for_biases(&trainer->update)};

    for (unsigned t = 0; t < member.threads && (t < 2 || w.took); t++) {
        w.owner = (bp_member){(member.index + t) % member.threads, member.threads, member.barrier};
        w.seen = 0;
        w.claim = NONE;
        w.took = false;
        finish_tiles(&w);
    }
}

void bp_phase_tiles(bp_trainer *trainer, bp_member member, size_t m)
{
    double since = trainer->timed ? bp_clock() : 0.0;

    if (!trainer->plan.tiny)
        finish_and_help(trainer, member, m);
    else if (member.index == 0)
        bp_tiny_update(trainer, member);
    bp_phase_lap(trainer, member, BP_PHASE_GRADIENT, &since);
}

void bp_phase_apply(bp_trainer *trainer, bp_member member)
{
    const bp_layout *layout = &trainer->network->layout;
    bp_update weights = trainer->update;
    weights.scale *= bp_split_factor(trainer);
    weights.worse = trainer->plan.full && bp_split_objective(trainer) > trainer->fit.objective;
    bp_update biases = bp_optimizer_for_biases(&weights);
    bp_range loose = bp_grid_loose_tiles(&trainer->plan, layout, member);

    for (uint32_t layer = 0; layer < layout->layers; layer++) {
        bp_range range = bp_grid_tiles(&trainer->plan, layout, layer, member, loose);
        for (size_t number = range.first; number < range.end; number++) {
            bp_tile tile = bp_plan_tile(&trainer->plan, layout, number);
            tile.dW = trainer->gradient + tile.w;
            tile.db = tile.i == 0 ? trainer->gradient + tile.b : NULL;
            update_tile(trainer, member, &tile, &weights, &biases);
        }
    }
}

void bp_trainer_refresh(bp_trainer *trainer)
{
    for (size_t number = 0; number < trainer->plan.tiles; number++) {
        bp_tile tile = bp_plan_tile(&trainer->plan, &trainer->network->layout, number);
        bp_weights_refresh(&trainer->weights, tile.layer, tile.i, tile.j);
    }
}
