/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdio.h>

#include "block_product.h"
#include "error.h"
#include "footprint.h"
#include "grid.h"
#include "optimizer.h"
#include "pass.h"
#include "settings.h"
#include "shard_tree.h"
#include "size.h"
#include "tile_permission.h"
#include "writer.h"

/* A gradient from this size on is summed over all rows in one chain: its buffers would fall out of a 2 MiB L2, and it has
 * tiles enough for any team. */
#define LARGE_LAYER ((size_t)1 << 17)

/* Of a full batch that are under way at once: shards enough for 16 threads, and activations of 4,096 rows fit most machines. */
#define FULL_BATCH_ROWS 4096

/* A team is formed where the model expects it to be so much faster than one thread, the model being right within 20 %; and of
 * all teams the smallest that comes so near to the fastest: more threads would only wait for each other. */
#define TEAM_GAIN 0.85
#define NEAR_BEST 1.03

/* R is the least 32 * 2^j with R^2 >= 16 m: shards for many threads, and yet so many rows each that adding two shards' sums
 * costs a few per cent of making them (m = 128: 64, 1,024: 128, 16,384: 512). */
static size_t shard_rows(const bp_layer *layer, size_t batch)
{
    size_t rows = 32;

    if ((size_t)layer->k * layer->n >= LARGE_LAYER)
        return batch;
    while (rows < batch && rows * rows / 16 < batch)
        rows *= 2;
    return rows;
}

size_t bp_plan_shards(const bp_layer_plan *layer, size_t m)
{
    return (m + layer->shard_rows - 1) / layer->shard_rows;
}

static void cut_tiles(const bp_layout *layout, bp_plan *plan)
{
    for (uint32_t i = 0; i < layout->layers; i++) {
        const bp_layer *layer = &layout->layer[i];
        plan->layer[i].first_tile = plan->tiles;
        plan->layer[i].shard_rows = shard_rows(layer, plan->batch);
        plan->layer[i].tile_cost = (double)layer->k * layer->n / ((double)layer->k_panels * layer->n_panels);
        plan->tiles += (size_t)layer->k_panels * layer->n_panels;
    }
}

/* ---------------------------------------------------------------------------------------------------- team and gradient */

/* In mixed precision 32 rows are a block, which one thread makes whole. */
static size_t whole_rows(const bp_plan *plan)
{
    return plan->arithmetic.terms ? BP_PANEL : 1;
}

/* Bytes of a and dL/dz that a thread takes through the network at a time: half of a usual L2, beside W and the buffers. */
#define CHUNK_BYTES ((size_t)1 << 20)
#define WHOLE_BYTES ((size_t)512 << 10) /* of weights that a thread packs for all of its chunks at once */
#define CHUNK_ROWS 64                   /* at least: shorter chains of dW would rest in memory too often */

/* A shard's rows, halved until they fit. */
static size_t chunk_rows(const bp_layout *layout, const bp_plan *plan)
{
    size_t rows = plan->grain;

    while (rows > CHUNK_ROWS && rows * bp_pass_row_bytes(layout, plan->arithmetic.terms) > CHUNK_BYTES)
        rows = bp_size_round_up((rows + 1) / 2, whole_rows(plan));
    return rows;
}

static void use_buffers(const bp_layout *layout, bool buffers, bp_plan *plan)
{
    size_t most = 1;

    plan->tiny = buffers && layout->tiny && !plan->arithmetic.terms && !plan->split && plan->dropout == 0.0;
    plan->grain = whole_rows(plan);
    for (uint32_t i = 0; i < layout->layers; i++) {
        bp_layer_plan *layer = &plan->layer[i];
        layer->buffered = buffers;
        most = bp_size_max(most, bp_plan_shards(layer, plan->batch));
        if (buffers)
            plan->grain = bp_size_max(plan->grain, layer->shard_rows);
    }
    plan->chunk = !buffers ? 0 : plan->tiny ? plan->grain : chunk_rows(layout, plan);
    plan->packs_whole = plan->arithmetic.terms && plan->chunk && bp_strip_bytes(layout, &plan->arithmetic, true) <= WHOLE_BYTES;
    plan->blocks = buffers ? bp_fold_blocks(most) : 0;
    plan->levels = bp_fold_blocks(most);
}

/* Part of all memory that gradients take up. */
static double gradients_share(const bp_layout *layout, const bp_plan *plan)
{
    bp_footprint footprint = bp_footprint_of(layout, plan);
    return (double)footprint.gradients / (double)bp_footprint_total(&footprint, plan->batch);
}

/* What a plan is made from. */
typedef struct question {
    const bp_layout *layout;
    const bp_settings *settings;
    const bp_topology *machine;
} question;

/* Plans for a team and a way, and tells the microseconds that a step is expected to take, alone in its parallel region. */
static double consider(const question *q, unsigned threads, bool buffers, bp_plan *plan)
{
    plan->threads = threads;
    use_buffers(q->layout, buffers, plan);
    bp_grid_choose(q->layout, plan);
    plan->cost = bp_cost_of(q->layout, plan, q->machine);
    return plan->cost.step + plan->cost.fork;
}

/* The cheaper way for a team. One way for all layers: a layer in tiles needs every row of its a and dL/dz behind the barrier,
 * and what buffers are good for, that a thread's rows never leave its caches, would be lost. */
static double choose_gradient(const question *q, unsigned threads, bp_plan *plan)
{
    if (q->settings->gradient != BP_GRADIENT_AUTO)
        return consider(q, threads, q->settings->gradient == BP_GRADIENT_BUFFERS, plan);
    double buffers = consider(q, threads, true, plan);
    if (plan->tiny)
        return buffers;
    bool allowed = gradients_share(q->layout, plan) <= BP_GRADIENT_SHARE;
    double tiles = consider(q, threads, false, plan);
    return allowed && NEAR_BEST * buffers < tiles ? consider(q, threads, true, plan) : tiles;
}

static void say_gradient(const question *q, bp_plan *plan)
{
    bp_plan other = *plan;
    bool buffers = plan->blocks != 0;
    char *reason = plan->gradient_reason;

    consider(q, plan->threads, !buffers, &other);
    if (q->settings->gradient != BP_GRADIENT_AUTO)
        snprintf(reason, sizeof plan->gradient_reason, "as was asked for");
    else if (plan->tiny)
        snprintf(reason, sizeof plan->gradient_reason, "the network is tiny: a shard's rows take one call, in registers and L1");
    else if (!buffers && NEAR_BEST * other.cost.step < plan->cost.step)
        snprintf(reason, sizeof plan->gradient_reason, "buffers would take up %.0f %% of all memory, more than %.0f %%",
                 100 * gradients_share(q->layout, &other), 100 * BP_GRADIENT_SHARE);
    else
        snprintf(reason, sizeof plan->gradient_reason, "about %.3g us a step, %s %.3g", plan->cost.step,
                 buffers ? "tiles" : "buffers", other.cost.step);
}

/* Two threads would gain nothing; larger teams wait longer for each other. */
static bool is_short(const question *q, bp_plan *plan)
{
    double one = choose_gradient(q, 1, plan);
    return plan->batch < 2 || choose_gradient(q, 2, plan) > TEAM_GAIN * one;
}

/* Every size of a team up to 64, and some of the larger ones. */
static unsigned next_size(unsigned threads)
{
    return threads + 1 + threads / 64;
}

/* The smallest of the teams that are near the fastest. */
static unsigned choose_size(const question *q, unsigned most, bp_plan *plan)
{
    double limit = TEAM_GAIN * choose_gradient(q, 1, plan), best = limit;

    plan->microseconds = plan->cost.step;
    for (unsigned threads = 2; threads <= most; threads = next_size(threads)) {
        double cost = choose_gradient(q, threads, plan);
        best = cost < best ? cost : best;
    }
    for (unsigned threads = 2; threads <= most && best < limit; threads = next_size(threads))
        if (choose_gradient(q, threads, plan) <= NEAR_BEST * best)
            return threads;
    return 1;
}

/* As many threads as pay. machine NULL: this one. */
static unsigned choose_threads(question *q, const bp_machine *machine, bp_machine *found, bp_plan *plan)
{
    unsigned limit = q->settings->threads;
    size_t room = sizeof plan->threads_reason;

    if (limit == 1) {
        snprintf(plan->threads_reason, room, "one was asked for");
        return 1;
    }
    if (is_short(q, plan)) {
        snprintf(plan->threads_reason, room, "a step of about %.3g us is too short to share", plan->microseconds);
        return 1;
    }
    if (!machine)
        bp_machine_read(found);
    q->machine = &found->topology;
    unsigned most = limit && limit < found->threads ? limit : found->threads;
    unsigned threads = choose_size(q, (unsigned)bp_size_min(most, plan->batch), plan);
    snprintf(plan->threads_reason, room, "%s; a step takes about %.3g us on one thread", found->reason, plan->microseconds);
    return threads;
}

static unsigned exact_threads(question *q, const bp_machine *machine, bp_machine *found, bp_plan *plan)
{
    unsigned asked = q->settings->threads;

    if (!machine && !asked)
        bp_machine_read(found);
    q->machine = &found->topology;
    snprintf(plan->threads_reason, sizeof plan->threads_reason, asked ? "exactly as many as were asked for" : "all that there are");
    return asked ? asked : found->threads;
}

bp_status bp_plan_make(const bp_layout *layout, const bp_settings *settings, const bp_machine *machine, bp_plan *plan,
                       bp_error *error)
{
    bp_machine found = machine ? *machine : bp_machine_usual();
    question q = {layout, settings, &found.topology};

    *plan = (bp_plan){
        .batch = settings->batch_size,
        .group = settings->accumulate,
        .dropout = settings->dropout,
        .clips = settings->clip_norm > 0.0,
        .moments = bp_optimizer_moments(settings),
    };
    plan->full = bp_settings_full_batch(settings);
    plan->searches = settings->optimizer == BP_LBFGS;
    if (plan->full) {
        plan->batch = FULL_BATCH_ROWS;
        plan->group = SIZE_MAX;
    }
    plan->split = plan->clips || plan->group > 1;
    BP_TRY(bp_arithmetic_choose((bp_precision)settings->precision, (bp_isa)settings->isa, &plan->arithmetic, error));
    cut_tiles(layout, plan);
    choose_gradient(&q, 1, plan);
    plan->microseconds = plan->cost.step;
    unsigned threads =
        settings->exact_threads ? exact_threads(&q, machine, &found, plan) : choose_threads(&q, machine, &found, plan);
    choose_gradient(&q, threads, plan);
    say_gradient(&q, plan);
    return BP_OK;
}

bp_range bp_plan_layer_tiles(const bp_plan *plan, const bp_layout *layout, uint32_t layer)
{
    size_t first = plan->layer[layer].first_tile;
    return (bp_range){first, first + (size_t)layout->layer[layer].k_panels * layout->layer[layer].n_panels};
}

bp_tile bp_plan_tile(const bp_plan *plan, const bp_layout *layout, size_t number)
{
    uint32_t l = 0;

    while (l + 1 < layout->layers && number >= plan->layer[l + 1].first_tile)
        l++;
    const bp_layer *layer = &layout->layer[l];
    size_t inside = number - plan->layer[l].first_tile;
    size_t i = inside % layer->k_panels, j = inside / layer->k_panels;
    return (bp_tile){
        .layer = l,
        .i = i,
        .j = j,
        .rows = bp_tile_rows(layer, i),
        .w = layer->w + bp_tile_line(layer, i, j) * BP_PANEL,
        .b = layer->b + j * BP_PANEL,
        .touched = UINT32_MAX,
    };
}

static void write_kernels(bp_writer *w, const bp_arithmetic *arithmetic)
{
    const char *refusal = bp_tiles_refusal();

    bp_write(w, "kernels:  %s", arithmetic->kernels->name);
    if (arithmetic->terms)
        bp_write(w, "; products of %u bf16 term%s: %s", arithmetic->terms, arithmetic->terms > 1 ? "s" : "",
                 arithmetic->blocks->name);
    if (arithmetic->terms && refusal)
        bp_write(w, " (not AMX's tiles: %s)", refusal);
    bp_write(w, "\n");
}

static void write_memory(bp_writer *w, const bp_footprint *f)
{
    bp_write(w, "memory:   parameters %zu KiB, optimizer %zu KiB, activations %zu KiB, gradients %zu KiB, packed copies %zu KiB,\n",
             f->parameters >> 10, f->optimizer >> 10, f->activations >> 10, f->gradients >> 10, f->packed >> 10);
    bp_write(w, "          threads and trainer %zu KiB; data %zu bytes an example\n", f->state >> 10, f->example);
}

static void write_step(bp_writer *w, const bp_plan *plan, const bp_layout *layout)
{
    unsigned barriers = bp_grid_barriers(plan, layout);

    if (!plan->split)
        bp_write(w, "step:     fused: rows by thread, then tiles of the parameters by thread; %u barriers\n", barriers);
    else
        bp_write(w, "step:     split: rows by thread, then tiles of the gradient, then of the parameters; %u barriers (%s%s%s)\n",
                 barriers, plan->clips ? "clip-norm" : "", plan->clips && plan->group > 1 ? ", " : "",
                 plan->full        ? "all rows"
                 : plan->group > 1 ? "accumulate"
                                   : "");
}

size_t bp_plan_text(const bp_plan *plan, const bp_layout *layout, char *text, size_t capacity)
{
    bp_writer w = {text, capacity, 0};
    bp_footprint footprint = bp_footprint_of(layout, plan);

    write_kernels(&w, &plan->arithmetic);
    bp_write(&w, "threads:  %u (%s)\n", plan->threads, plan->threads_reason);
    bp_write(&w, "gradient: %s (%s)\n", plan->blocks ? "buffers" : "tiles", plan->gradient_reason);
    write_step(&w, plan, layout);
    bp_write(&w, "rows:     %zu a minibatch, cut at multiples of %zu", plan->batch, plan->grain);
    bp_write(&w, plan->chunk ? ", %zu at a time\n" : ", all of a thread's at a time\n", plan->chunk);
    for (uint32_t i = 0; i < layout->layers; i++)
        bp_write(&w, "layer %u:  %u x %u, %zu shards of %zu rows, %s, forward %u x %u threads, backward %u x %u\n", i + 1,
                 layout->layer[i].k, layout->layer[i].n, bp_plan_shards(&plan->layer[i], plan->batch),
                 bp_size_min(plan->layer[i].shard_rows, plan->batch), plan->layer[i].buffered ? "buffers" : "tiles",
                 plan->layer[i].forward_parts, plan->threads / plan->layer[i].forward_parts, plan->layer[i].backward_parts,
                 plan->threads / plan->layer[i].backward_parts);
    write_memory(&w, &footprint);
    return w.length;
}
