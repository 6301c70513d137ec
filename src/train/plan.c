/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdio.h>

#include "error.h"
#include "quota.h"
#include "shard_tree.h"
#include "size.h"
#include "writer.h"

/* A gradient from this size on is summed over all rows in one chain: its buffers would fall out of a 2 MiB L2, and it has
 * tiles enough for any team. */
#define LARGE_LAYER ((size_t)1 << 17)

/* Least microseconds of work that each thread must get. Two barriers cost 0.3 us each on two free cores, and what threads
 * read of each other's rows must come out of other caches; on cores that are not free, a short step only waits. */
#define THREAD_MICROSECONDS 20.0

/* Floating-point operations in a microsecond on one core, matrix products of a step: 16 lanes x 2 x 3 GHz x 0.8 x 2 units
 * for the widest table, halves for narrower ones. Only the size of the team depends on it. */
static double rate(const bp_kernels *kernels)
{
    if (kernels == &bp_kernels_scalar)
        return 12e3;
#if defined(__x86_64__)
    if (kernels == &bp_kernels_avx2)
        return 80e3;
#elif defined(__aarch64__)
    if (kernels == &bp_kernels_neon)
        return 40e3;
#endif
    return 150e3;
}

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

static double step_operations(const bp_layout *layout, size_t batch)
{
    double weights = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        weights += (double)layout->layer[i].k * layout->layer[i].n;
    return (double)batch * (6.0 * weights - 2.0 * layout->layer[0].k * layout->layer[0].n);
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

static void choose_threads(const bp_settings *settings, bp_plan *plan)
{
    char machine[120] = "";
    unsigned limit = settings->threads;

    if (settings->exact_threads) {
        plan->threads = limit ? limit : bp_machine_threads(NULL, 0);
        snprintf(plan->threads_reason, sizeof plan->threads_reason,
                 limit ? "exactly as many as were asked for" : "all that there are");
        return;
    }
    double worth = plan->microseconds / THREAD_MICROSECONDS;
    if (worth < 2.0 || limit == 1 || plan->batch < 2) {
        plan->threads = 1;
        snprintf(plan->threads_reason, sizeof plan->threads_reason,
                 limit == 1 ? "one was asked for" : "a step of %.1f us is too short to share", plan->microseconds);
        return;
    }
    unsigned usable = bp_machine_threads(machine, sizeof machine);
    plan->threads = limit && limit < usable ? limit : usable;
    if (plan->threads > worth)
        plan->threads = (unsigned)worth;
    if (plan->threads > plan->batch)
        plan->threads = (unsigned)plan->batch;
    snprintf(plan->threads_reason, sizeof plan->threads_reason, "%s; a step takes about %.0f us on one thread", machine,
             plan->microseconds);
}

/* Buffers keep a thread's whole work on a chunk in its own caches; they pay where every layer is small and there are shards
 * for every thread. Tiles need no buffer and balance better in all other cases. */
static bool buffers_pay(const bp_layout *layout, const bp_plan *plan)
{
    for (uint32_t i = 0; i < layout->layers; i++)
        if (plan->layer[i].shard_rows >= plan->batch || bp_plan_shards(&plan->layer[i], plan->batch) < 2 * plan->threads)
            return false;
    return true;
}

static void choose_gradient(const bp_layout *layout, const bp_settings *settings, bp_plan *plan)
{
    bool forced = settings->gradient != BP_GRADIENT_AUTO;
    bool buffers = forced ? settings->gradient == BP_GRADIENT_BUFFERS : buffers_pay(layout, plan);
    size_t most = 1;

    plan->grain = 1;
    for (uint32_t i = 0; i < layout->layers; i++) {
        bp_layer_plan *layer = &plan->layer[i];
        layer->buffered = buffers;
        most = bp_size_max(most, bp_plan_shards(layer, plan->batch));
        if (buffers)
            plan->grain = bp_size_max(plan->grain, layer->shard_rows);
    }
    plan->chunk = buffers ? plan->grain : 0;
    plan->blocks = buffers ? bp_fold_blocks(most) : 0;
    plan->levels = bp_fold_blocks(most);
    snprintf(plan->gradient_reason, sizeof plan->gradient_reason, "%s",
             forced    ? "as was asked for"
             : buffers ? "every layer is small, and there are shards for every thread"
                       : "a layer is large, or there are few shards");
}

bp_status bp_plan_make(const bp_layout *layout, const bp_settings *settings, bp_plan *plan, bp_error *error)
{
    *plan = (bp_plan){.batch = settings->batch_size};
    BP_TRY(bp_cpu_kernels((bp_isa)settings->isa, &plan->kernels, error));
    plan->microseconds = step_operations(layout, plan->batch) / rate(plan->kernels);
    cut_tiles(layout, plan);
    choose_threads(settings, plan);
    choose_gradient(layout, settings, plan);
    return BP_OK;
}

/* The first tile at or behind a share of the whole cost. */
static size_t tile_at_cost(const bp_plan *plan, const bp_layout *layout, double cost)
{
    for (uint32_t i = 0; i < layout->layers; i++) {
        const bp_layer_plan *layer = &plan->layer[i];
        size_t tiles = (size_t)layout->layer[i].k_panels * layout->layer[i].n_panels;
        if (cost < layer->tile_cost * (double)tiles)
            return layer->first_tile + (size_t)(cost / layer->tile_cost);
        cost -= layer->tile_cost * (double)tiles;
    }
    return plan->tiles;
}

bp_range bp_plan_tiles(const bp_plan *plan, const bp_layout *layout, bp_member member)
{
    double total = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        total += plan->layer[i].tile_cost * (double)layout->layer[i].k_panels * layout->layer[i].n_panels;
    double share = total / member.threads;
    return (bp_range){
        member.index == 0 ? 0 : tile_at_cost(plan, layout, share * member.index),
        member.index + 1 == member.threads ? plan->tiles : tile_at_cost(plan, layout, share * (member.index + 1)),
    };
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
        .rows = bp_size_min(BP_PANEL, layer->k - i * BP_PANEL),
        .w = layer->w + (j * layer->k + i * BP_PANEL) * BP_PANEL,
        .b = layer->b + j * BP_PANEL,
    };
}

size_t bp_plan_text(const bp_plan *plan, const bp_layout *layout, char *text, size_t capacity)
{
    bp_writer w = {text, capacity, 0};

    bp_write(&w, "kernels:  %s\n", plan->kernels->name);
    bp_write(&w, "threads:  %u (%s)\n", plan->threads, plan->threads_reason);
    bp_write(&w, "gradient: %s (%s)\n", plan->blocks ? "buffers" : "tiles", plan->gradient_reason);
    bp_write(&w, "step:     fused, two barriers: rows by thread, then tiles of the parameters by thread\n");
    bp_write(&w, "rows:     %zu a minibatch, cut at multiples of %zu", plan->batch, plan->grain);
    bp_write(&w, plan->chunk ? ", %zu at a time\n" : ", all of a thread's at a time\n", plan->chunk);
    for (uint32_t i = 0; i < layout->layers; i++)
        bp_write(&w, "layer %u:  %u x %u, %zu shards of %zu rows, %s\n", i + 1, layout->layer[i].k, layout->layer[i].n,
                 bp_plan_shards(&plan->layer[i], plan->batch), bp_size_min(plan->layer[i].shard_rows, plan->batch),
                 plan->layer[i].buffered ? "buffers" : "tiles");
    return w.length;
}
