/* Making and freeing a trainer, and small questions to it. One arena holds all: the code that carves it runs once to measure
 * and once to commit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "backward.h"
#include "error.h"
#include "float_state.h"
#include "grid.h"
#include "settings.h"
#include "size.h"
#include "trainer.h"

static float *take_floats(bp_arena *arena, size_t count)
{
    return bp_arena_take(arena, count, sizeof(float));
}

static void carve_chunks(bp_trainer *trainer, const bp_layout *layout, bp_arena *arena)
{
    const bp_plan *plan = &trainer->plan;

    trainer->chunk = plan->chunk ? bp_arena_take(arena, plan->threads, sizeof(bp_pass)) : NULL;
    for (unsigned t = 0; plan->chunk && t < plan->threads; t++) {
        bp_pass chunk;
        bp_pass_carve(&chunk, layout, plan->arithmetic.terms, bp_size_min(plan->chunk, plan->batch), true, arena);
        bp_pass_carve_kept(&chunk, layout, plan->dropout, arena);
        if (trainer->chunk)
            trainer->chunk[t] = chunk;
    }
}

static void carve_strips(bp_trainer *trainer, const bp_layout *layout, bp_arena *arena)
{
    const bp_plan *plan = &trainer->plan;
    size_t bytes = bp_strip_bytes(layout, &plan->arithmetic, plan->packs_whole);

    trainer->strip = plan->arithmetic.terms ? bp_arena_take(arena, plan->threads, sizeof(bp_strip)) : NULL;
    for (unsigned t = 0; plan->arithmetic.terms && t < plan->threads; t++) {
        bp_strip strip = {bp_arena_take(arena, 1, bytes), plan->packs_whole};
        if (trainer->strip)
            trainer->strip[t] = strip;
    }
}

/* Of the whole minibatch. */
static void carve_pass(bp_trainer *trainer, const bp_layout *layout, bp_arena *arena)
{
    bp_pass_carve(&trainer->pass, layout, trainer->plan.arithmetic.terms, trainer->plan.batch, true, arena);
    bp_pass_carve_kept(&trainer->pass, layout, trainer->plan.dropout, arena);
}

/* What only the separate calls use: a fit does not touch it, so it stands behind all else, where no page is shared. */
static void carve_parts(bp_trainer *trainer, const bp_layout *layout, bp_arena *arena)
{
    bp_pass *pass = &trainer->pass;

    if (trainer->plan.chunk)
        carve_pass(trainer, layout, arena);
    pass->d[0] = bp_arena_take(arena, layout->layer[0].k_panels * pass->ld, BP_PANEL * sizeof(float));
    bp_weights_carve_first(&trainer->weights, arena);
}

/* Everything behind the struct itself. */
static void carve(bp_trainer *trainer, const bp_layout *layout, bp_arena *arena)
{
    unsigned moments = trainer->plan.moments;

    bp_weights_carve(&trainer->weights, arena);
    carve_strips(trainer, layout, arena);
    trainer->moments.first = moments > 0 ? take_floats(arena, layout->floats) : NULL;
    trainer->moments.second = moments > 1 ? take_floats(arena, layout->floats) : NULL;
    trainer->snapshot = take_floats(arena, layout->floats);
    trainer->best = take_floats(arena, layout->floats);
    if (trainer->plan.searches)
        bp_lbfgs_carve(&trainer->lbfgs, layout->floats, arena);
    trainer->tiny = trainer->plan.tiny ? take_floats(arena, trainer->plan.threads * (size_t)BP_TINY_SCRATCH) : NULL;
    trainer->weight = take_floats(arena, trainer->plan.batch);
    trainer->losses = bp_arena_take(arena, trainer->plan.batch, sizeof(double));
    trainer->slot = bp_arena_take(arena, trainer->plan.threads, sizeof(bp_slot));
    carve_chunks(trainer, layout, arena);
    if (!trainer->plan.chunk)
        carve_pass(trainer, layout, arena);
    trainer->gradient = take_floats(arena, layout->floats); /* a fit of fused steps needs it for long chains alone */
    bool measures = trainer->plan.clips || (trainer->plan.full && !trainer->plan.searches && trainer->settings.weight_decay > 0.0);
    float *resting = trainer->plan.group > 1 ? take_floats(arena, layout->floats) : trainer->gradient;
    bp_gradients_carve(&trainer->gradients, layout, &trainer->plan, resting, arena);
    trainer->squares = measures ? bp_arena_take(arena, trainer->plan.tiles, sizeof(double)) : NULL;
    carve_parts(trainer, layout, arena);
}

/* (1 - e) y + e / n, of a cross-entropy over n classes; the logistic one has two for each output. */
static bp_status choose_smoothing(const bp_network *network, double e, bp_smoothing *smoothing, bp_error *error)
{
    uint32_t classes = network->loss == BP_CROSS_ENTROPY ? network->layout.layer[network->layout.layers - 1].n : 2;

    if (e > 0.0 && network->loss != BP_CROSS_ENTROPY && network->loss != BP_BINARY_CROSS_ENTROPY)
        return bp_fail(error, BP_INVALID, "label-smoothing is for cross-entropies, and the network's loss is none");
    if (e > 0.0)
        *smoothing = (bp_smoothing){(float)(1.0 - e), (float)(e / (double)classes)};
    return BP_OK;
}

/* Fills what does not depend on where the trainer lies, in a struct of the caller's. */
static BP_OUT_OF_LINE bp_status prepare(const bp_network *network, const bp_settings *settings, bp_trainer *trainer, size_t *bytes,
                                        bp_error *error)
{
    bp_arena arena = {.base = NULL};

    memset(trainer, 0, sizeof *trainer);
    trainer->fit.plateau.share = 1.0;
    trainer->fit.objective = INFINITY;
    bp_lbfgs_forget(&trainer->lbfgs);
    BP_TRY(bp_settings_check(settings, error));
    bp_settings_complete(settings, &trainer->settings);
    if (trainer->settings.batch_size == 0 && !bp_settings_full_batch(&trainer->settings))
        return bp_fail(error, BP_INVALID, "a batch-size of all rows must be given as their number");
    BP_TRY(choose_smoothing(network, trainer->settings.label_smoothing, &trainer->smoothing, error));
    BP_TRY(bp_plan_make(&network->layout, &trainer->settings, NULL, &trainer->plan, error));
    trainer->weights =
        (bp_weights){.arithmetic = trainer->plan.arithmetic, .layout = &network->layout, .parameters = network->parameters};
    bp_arena_take(&arena, 1, sizeof *trainer);
    carve(trainer, &network->layout, &arena);
    if (arena.used == SIZE_MAX)
        return bp_fail(error, BP_INVALID, "a trainer of %llu rows a minibatch would not fit any memory",
                       (unsigned long long)trainer->settings.batch_size);
    *bytes = arena.used;
    return BP_OK;
}

/* The draft that measuring needs is 25 KiB, too much for a small stack: the allocator gives it. */
static bp_status measure(const bp_network *network, const bp_settings *settings, const bp_allocator *allocator, bp_trainer **draft,
                         size_t *bytes, bp_error *error)
{
    *draft = bp_allocate(allocator, sizeof **draft);
    if (!*draft)
        return bp_fail(error, BP_NO_MEMORY, "a trainer: %zu bytes were refused", sizeof **draft);
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT); /* the plan estimates times, and says them */
    bp_status status = prepare(network, settings, *draft, bytes, error);
    bp_float_end(host);
    return status;
}

bp_status bp_trainer_size(const bp_network *network, const bp_settings *settings, size_t *bytes, bp_error *error)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);
    bp_trainer *draft;
    bp_status status = measure(network, settings, &allocator, &draft, bytes, error);

    bp_release(&allocator, draft, sizeof *draft);
    return status;
}

static void clear_moment(float *moment, const bp_tile *tile)
{
    if (!moment)
        return;
    memset(moment + tile->w, 0, tile->rows * BP_PANEL * sizeof(float));
    if (tile->i == 0)
        memset(moment + tile->b, 0, BP_PANEL * sizeof(float));
}

/* Moments begin at 0; all else is written before it is read. Each member does it for the tiles that it will own, so that pages
 * are on its own NUMA node; the memory of its rows and sums is first touched by it in the first step. */
static void begin_tiles(void *context, bp_member member)
{
    bp_trainer *trainer = context;
    const bp_layout *layout = &trainer->network->layout;
    bp_range loose = bp_grid_loose_tiles(&trainer->plan, layout, member);

    for (uint32_t layer = 0; layer < layout->layers; layer++) {
        bp_range tiles = bp_grid_tiles(&trainer->plan, layout, layer, member, loose);
        for (size_t number = tiles.first; number < tiles.end; number++) {
            bp_tile tile = bp_plan_tile(&trainer->plan, layout, number);
            clear_moment(trainer->moments.first, &tile);
            clear_moment(trainer->moments.second, &tile);
            bp_weights_begin(&trainer->weights, layer, tile.i, tile.j);
        }
    }
}

/* Moves the draft to the start of its memory and carves the rest. */
static bp_trainer *commit(const bp_trainer *draft, bp_network *network, void *memory, size_t bytes)
{
    bp_arena arena = {.base = memory};
    bp_trainer *trainer = bp_arena_take(&arena, 1, sizeof *trainer);

    memcpy(trainer, draft, sizeof *trainer);
    trainer->network = network;
    network->precision = (bp_precision)trainer->settings.precision;
    network->dropout = trainer->settings.dropout;
    trainer->memory = memory;
    trainer->bytes = bytes;
    trainer->generation = bp_team_generation();
    carve(trainer, &network->layout, &arena);
    bp_phase_clear(trainer);
    bp_team_run(trainer->plan.threads, begin_tiles, trainer);
    if (trainer->plan.searches)
        bp_lbfgs_clear(&trainer->lbfgs, network->layout.floats);
    return trainer;
}

static bp_status find_memory(const bp_allocator *allocator, size_t need, void **memory, size_t given, bp_error *error)
{
    if (*memory && (given < need || (uintptr_t)*memory % BP_ALIGNMENT))
        return bp_fail(error, BP_INVALID, "memory of %zu bytes at %p: a trainer needs %zu at a multiple of %d", given, *memory,
                       need, BP_ALIGNMENT);
    if (!*memory)
        *memory = bp_allocate(allocator, need);
    return *memory ? BP_OK : bp_fail(error, BP_NO_MEMORY, "a trainer: %zu bytes were refused", need);
}

bp_status bp_trainer_create(bp_network *network, const bp_settings *settings, void *memory, size_t bytes,
                            const bp_allocator *allocator, bp_trainer **result, bp_error *error)
{
    bp_allocator chosen = bp_allocator_or_default(allocator);
    bool owned = memory == NULL;
    bp_trainer *draft;
    size_t need;
    bp_status status = measure(network, settings, &chosen, &draft, &need, error);

    if (status == BP_OK)
        status = find_memory(&chosen, need, &memory, bytes, error);
    if (status == BP_OK) {
        *result = commit(draft, network, memory, need);
        (*result)->allocator = chosen;
        (*result)->owned = owned;
    }
    bp_release(&chosen, draft, sizeof *draft);
    return status;
}

void bp_trainer_free(bp_trainer *trainer)
{
    if (!trainer || !trainer->owned)
        return;
    bp_allocator allocator = trainer->allocator;
    bp_release(&allocator, trainer->memory, trainer->bytes);
}

bp_status bp_trainer_check(const bp_trainer *trainer, bp_error *error)
{
    if (trainer->generation == bp_team_generation())
        return BP_OK;
    return bp_fail(error, BP_FORKED, "a trainer of the parent process: a child of fork may only free it, and create its own");
}

bp_status bp_trainer_diverged(uint64_t step, uint32_t layer, bp_error *error)
{
    bp_status status =
        layer ? bp_fail(error, BP_DIVERGED, "step %llu: the gradient of layer %u is not finite", (unsigned long long)step, layer)
              : bp_fail(error, BP_DIVERGED, "step %llu: the loss is not finite", (unsigned long long)step);
    if (error) {
        error->step = step;
        error->layer = (int32_t)layer;
    }
    return status;
}

void bp_trainer_sync(bp_trainer *trainer)
{
    bp_trainer_refresh(trainer);
    trainer->first_copied = false;
    bp_lbfgs_forget(&trainer->lbfgs);
}

typedef struct publication {
    const bp_network *from;
    bp_network *to;
    double tau;
} publication;

static void publish(void *context, bp_member member)
{
    const publication *work = context;
    double tau = work->tau;
    (void)member;

    for (size_t i = 0; i < work->from->layout.floats; i++) {
        float own = work->from->parameters[i], old = work->to->parameters[i];
        work->to->parameters[i] = tau == 1.0 ? own : (float)((1.0 - tau) * (double)old + tau * (double)own);
    }
}

bp_status bp_trainer_publish(const bp_trainer *trainer, double tau, bp_network *target, bp_error *error)
{
    const bp_layout *layout = &trainer->network->layout;

    if (!(tau > 0.0 && tau <= 1.0))
        return bp_fail(error, BP_INVALID, "tau is %g: it must be above 0 and at most 1", tau);
    if (!bp_layout_equal(layout, &target->layout))
        return bp_fail(error, BP_INVALID, "the target network has other layers than the trainer's");
    bp_team_run(1, publish, &(publication){trainer->network, target, tau});
    return BP_OK;
}

void bp_trainer_cancel(bp_trainer *trainer)
{
    atomic_store_explicit(&trainer->cancelled, 1, memory_order_relaxed);
}

size_t bp_trainer_plan(const bp_trainer *trainer, char *text, size_t capacity)
{
    return bp_plan_text(&trainer->plan, &trainer->network->layout, text, capacity);
}

uint32_t bp_trainer_threads(const bp_trainer *trainer)
{
    return trainer->plan.threads;
}

const char *bp_trainer_isa(const bp_trainer *trainer)
{
    const bp_arithmetic *arithmetic = &trainer->plan.arithmetic;
    return arithmetic->terms ? arithmetic->blocks->name : arithmetic->kernels->name;
}
