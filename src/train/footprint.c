/* SPDX-License-Identifier: Apache-2.0 */
#include "footprint.h"

#include "backward.h"
#include "gradient.h"
#include "pass.h"
#include "size.h"
#include "trainer.h"
#include "workspace.h"

/* What does not fit a size is SIZE_MAX: no memory has it either. */
static size_t times(size_t a, size_t b)
{
    size_t product;
    return bp_size_mul(a, b, &product) ? product : SIZE_MAX;
}

static size_t plus(size_t a, size_t b)
{
    size_t sum;
    return bp_size_add(a, b, &sum) ? sum : SIZE_MAX;
}

static size_t training_pass(const bp_layout *layout, const bp_plan *plan, size_t rows)
{
    bp_arena arena = {.base = NULL};
    bp_pass pass;

    bp_pass_carve(&pass, layout, plan->arithmetic.terms, rows, true, &arena);
    bp_pass_carve_kept(&pass, layout, plan->dropout, &arena);
    return arena.used;
}

/* Of a workspace's thread: the targets are there too. */
static size_t validation_pass(const bp_layout *layout, unsigned terms)
{
    bp_arena arena = {.base = NULL};
    bp_pass pass;

    bp_pass_carve(&pass, layout, terms, BP_BLOCK_ROWS, false, &arena);
    if (!terms)
        bp_arena_take(&arena, BP_BLOCK_ROWS, sizeof(bp_sparse_row));
    bp_arena_take(&arena, layout->layer[layout->layers - 1].n_panels * bp_pass_panel(&pass), sizeof(float));
    return arena.used;
}

static size_t activations(const bp_layout *layout, const bp_plan *plan)
{
    size_t scratch = plan->tiny ? times(plan->threads, BP_TINY_SCRATCH * sizeof(float)) : 0;
    unsigned terms = plan->arithmetic.terms;
    size_t training = plan->chunk ? times(plan->threads, training_pass(layout, plan, bp_size_min(plan->chunk, plan->batch)))
                                  : training_pass(layout, plan, plan->batch);
    size_t validation = times(plan->threads, validation_pass(layout, terms));
    size_t rows = times(plan->batch, sizeof(float) + sizeof(double)); /* weights and losses */
    return plus(plus(training, scratch), plus(validation, rows));
}

/* Sums that a member's shards of a layer keep alive at once. */
static unsigned depth_of(const bp_plan *plan, const bp_layer_plan *layer, bp_member member)
{
    bp_range rows = bp_team_range(member, plan->batch, plan->grain);
    return bp_fold_depth(rows.first / layer->shard_rows, (rows.end + layer->shard_rows - 1) / layer->shard_rows);
}

static size_t buffers(const bp_layout *layout, const bp_plan *plan, bp_member member)
{
    size_t floats = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        if (plan->layer[i].buffered)
            floats = plus(floats, times(depth_of(plan, &plan->layer[i], member), bp_layer_floats(&layout->layer[i])));
    return times(floats, sizeof(float));
}

/* Layers whose chains are so long that their sums rest in memory. */
static size_t long_chains(const bp_layout *layout, const bp_plan *plan)
{
    size_t floats = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        if (bp_plan_part(plan, i, plan->batch) < plan->batch)
            floats = plus(floats, bp_layer_floats(&layout->layer[i]));
    return times(floats, sizeof(float));
}

/* The block of a split step, in which long chains rest too, unless it already holds the sums of earlier minibatches. */
static size_t whole_gradient(const bp_layout *layout, const bp_plan *plan)
{
    size_t chains = plan->split && plan->group == 1 ? 0 : long_chains(layout, plan);
    size_t whole = plan->split ? layout->floats * sizeof(float) : 0;
    size_t squares = plan->clips ? plan->tiles * sizeof(double) : 0;

    return plus(chains, plus(whole, squares));
}

static size_t gradients(const bp_layout *layout, const bp_plan *plan)
{
    size_t bytes = whole_gradient(layout, plan), most = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        if (!plan->layer[i].buffered)
            most = bp_size_max(most, bp_fold_depth(0, bp_plan_shards(&plan->layer[i], plan->batch)));
    for (unsigned t = 0; t < plan->threads; t++)
        bytes =
            plus(bytes, plus(buffers(layout, plan, (bp_member){t, plan->threads, NULL}), most * BP_TILE_FLOATS * sizeof(float)));
    return bytes;
}

/* Copies of the weights, but for the first layer's that a fit does not need; strips of threads, validation's too. */
static size_t packed(const bp_layout *layout, const bp_plan *plan)
{
    bp_weights weights = {.arithmetic = plan->arithmetic, .layout = layout};
    bp_arena arena = {.base = NULL};

    bp_weights_carve(&weights, &arena);
    for (unsigned t = 0; plan->arithmetic.terms && t < plan->threads; t++) {
        bp_arena_take(&arena, 1, bp_strip_bytes(layout, &plan->arithmetic, plan->packs_whole));
        bp_arena_take(&arena, 1, bp_strip_bytes(layout, &plan->arithmetic, false));
    }
    return arena.used;
}

bp_footprint bp_footprint_of(const bp_layout *layout, const bp_plan *plan)
{
    size_t block = layout->floats * sizeof(float);
    uint32_t inputs = layout->layer[0].k, outputs = layout->layer[layout->layers - 1].n;

    return (bp_footprint){
        .example = ((size_t)inputs + outputs) * sizeof(float) + sizeof(uint64_t),
        .parameters = 3 * block,
        .optimizer = (plan->searches ? 3 + 2 * BP_LBFGS_HISTORY : plan->moments) * block,
        .activations = activations(layout, plan),
        .gradients = gradients(layout, plan),
        .packed = packed(layout, plan),
        .state = sizeof(bp_trainer) + plan->threads * (sizeof(bp_slot) + sizeof(bp_pass) + sizeof(bp_gradient_thread) +
                                                       layout->layers * sizeof(bp_fold)),
    };
}

size_t bp_footprint_total(const bp_footprint *f, size_t examples)
{
    size_t parts[] = {f->parameters, f->optimizer, f->activations, f->gradients, f->packed, f->state};
    size_t total = times(f->example, examples);

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        total = plus(total, parts[i]);
    return total;
}
