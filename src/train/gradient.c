/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient.h"

#include <string.h>

#include "size.h"

/* Rows of a chain that pass by at a time: 128 rows of a's and dL/dz's panel are 32 KiB, and stay in L1 for all register tiles of a
 * block of 32 x 32 (512 rows of 1,024 x 1,024: 109 -> 121 GF/s). */
#define ROWS_AT_ONCE 128

void bp_gradients_carve(bp_gradients *gradients, const bp_layout *layout, const bp_plan *plan, bp_arena *arena)
{
    gradients->layout = layout;
    gradients->plan = plan;
    gradients->thread = bp_arena_take(arena, plan->threads, sizeof *gradients->thread);
    for (unsigned t = 0; t < plan->threads; t++) {
        bp_gradient_thread thread = {
            .buffers = plan->blocks ? bp_arena_take(arena, plan->blocks * layout->floats, sizeof(float)) : NULL,
            .scratch = bp_arena_take(arena, (size_t)plan->levels * BP_TILE_FLOATS, sizeof(float)),
            .fold = bp_arena_take(arena, layout->layers, sizeof(bp_fold)),
        };
        if (gradients->thread)
            gradients->thread[t] = thread;
    }
}

void bp_gradients_begin(bp_gradients *gradients, bp_member member)
{
    for (uint32_t i = 0; i < gradients->layout->layers; i++)
        gradients->thread[member.index].fold[i].depth = 0;
}

/* Where panel j of dL/dz and panel i of a begin in the pass for these rows. */
static const float *panel_at(const bp_pass *pass, const float *block, size_t panel, size_t row)
{
    return block + panel * bp_pass_panel(pass) + row * BP_PANEL;
}

/* dW [h][32] of tile (i, j) over rows of the pass: one chain over all of them. Columns behind the last are 0. */
static void tile_weights(const bp_kernels *kernels, const bp_layer *layer, uint32_t number, const bp_pass *pass, bp_span rows,
                         size_t i, size_t j, size_t h, const float *ahead, float *dW)
{
    size_t columns = bp_size_min(BP_PANEL, layer->n - j * BP_PANEL);

    if (columns < BP_PANEL)
        memset(dW, 0, h * BP_PANEL * sizeof(float));
    for (size_t done = 0; done < rows.count; done += ROWS_AT_ONCE) {
        size_t step = bp_size_min(ROWS_AT_ONCE, rows.count - done), row = rows.first + done;
        kernels->product_columns(h, step, panel_at(pass, pass->a[number], i, row), panel_at(pass, pass->d[number + 1], j, row),
                                 columns, bp_chain_at(done, step, rows.count), ahead, dW);
    }
}

/* db [32] of panel j. */
static void tile_biases(const bp_kernels *kernels, const bp_layer *layer, uint32_t number, const bp_pass *pass, bp_span rows,
                        size_t j, float *db)
{
    size_t columns = bp_size_min(BP_PANEL, layer->n - j * BP_PANEL);
    kernels->sum_rows(rows.count, panel_at(pass, pass->d[number + 1], j, rows.first), columns, BP_CHAIN_WHOLE, db);
}

static size_t tile_height(const bp_layer *layer, size_t i)
{
    return bp_size_min(BP_PANEL, layer->k - i * BP_PANEL);
}

/* The gradient of one shard of one layer, into a buffer laid out as the parameters are. */
static void shard_gradient(const bp_kernels *kernels, const bp_layer *layer, uint32_t number, const bp_pass *pass, bp_span rows,
                           float *buffer)
{
    for (size_t j = 0; j < layer->n_panels; j++) {
        float *panel = buffer + layer->w + j * layer->k * BP_PANEL;
        for (size_t i = 0; i < layer->k_panels; i++)
            tile_weights(kernels, layer, number, pass, rows, i, j, tile_height(layer, i), NULL, panel + i * BP_PANEL * BP_PANEL);
        tile_biases(kernels, layer, number, pass, rows, j, buffer + layer->b + j * BP_PANEL);
    }
}

/* A layer's floats in the flat block, W and b together. */
static size_t layer_floats(const bp_layer *layer)
{
    return layer->b - layer->w + (size_t)layer->n_panels * BP_PANEL;
}

static void walk_layer(bp_gradients *gradients, bp_gradient_thread *thread, uint32_t number, const bp_pass *pass, bp_span rows,
                       size_t row)
{
    const bp_layer *layer = &gradients->layout->layer[number];
    const bp_kernels *kernels = gradients->plan->kernels;
    size_t shard_rows = gradients->plan->layer[number].shard_rows;
    bp_fold *fold = &thread->fold[number];

    for (size_t done = 0; done < rows.count; done += shard_rows) {
        bp_span shard = {rows.first + done, bp_size_min(shard_rows, rows.count - done)};
        float *buffer = thread->buffers + fold->depth * gradients->layout->floats;
        shard_gradient(kernels, layer, number, pass, shard, buffer);
        bp_fold_push(fold, kernels, layer_floats(layer), (bp_node){(row + done) / shard_rows, 0, buffer + layer->w});
    }
}

void bp_gradients_walk(bp_gradients *gradients, bp_member member, const bp_pass *pass, bp_span rows, size_t row)
{
    for (uint32_t i = 0; i < gradients->layout->layers; i++)
        if (gradients->plan->layer[i].buffered)
            walk_layer(gradients, &gradients->thread[member.index], i, pass, rows, row);
}

/* Folds `count` floats, `offset` into the layer's part, from the nodes that all threads have left. */
static float *fold_threads(bp_gradients *gradients, unsigned threads, uint32_t layer, size_t offset, size_t count)
{
    bp_fold total;

    total.depth = 0; /* its 66 nodes need no clearing */
    for (unsigned t = 0; t < threads; t++) {
        const bp_fold *fold = &gradients->thread[t].fold[layer];
        for (unsigned n = 0; n < fold->depth; n++) {
            bp_node node = fold->node[n];
            node.sum += offset;
            bp_fold_push(&total, gradients->plan->kernels, count, node);
        }
    }
    return bp_fold_total(&total, gradients->plan->kernels, count);
}

static void reduce_buffers(bp_gradients *gradients, bp_member member, bp_tile *tile)
{
    const bp_layer *layer = &gradients->layout->layer[tile->layer];

    tile->dW = fold_threads(gradients, member.threads, tile->layer, tile->w - layer->w, tile->rows * BP_PANEL);
    if (tile->i == 0)
        tile->db = fold_threads(gradients, member.threads, tile->layer, tile->b - layer->w, BP_PANEL);
}

static void compute_tile(bp_gradients *gradients, bp_member member, const bp_pass *pass, size_t m, const float *ahead,
                         bp_tile *tile)
{
    const bp_layer *layer = &gradients->layout->layer[tile->layer];
    const bp_kernels *kernels = gradients->plan->kernels;
    float *scratch = gradients->thread[member.index].scratch;
    size_t shard_rows = gradients->plan->layer[tile->layer].shard_rows, used = tile->rows * BP_PANEL;
    size_t floats = used + (tile->i == 0 ? BP_PANEL : 0);
    bp_fold fold;

    fold.depth = 0;
    for (size_t row = 0; row < m; row += shard_rows) {
        bp_span shard = {row, bp_size_min(shard_rows, m - row)};
        float *sum = scratch + fold.depth * BP_TILE_FLOATS;
        tile_weights(kernels, layer, tile->layer, pass, shard, tile->i, tile->j, tile->rows, ahead, sum);
        if (tile->i == 0)
            tile_biases(kernels, layer, tile->layer, pass, shard, tile->j, sum + used);
        bp_fold_push(&fold, kernels, floats, (bp_node){row / shard_rows, 0, sum});
    }
    tile->dW = bp_fold_total(&fold, kernels, floats);
    if (tile->i == 0)
        tile->db = tile->dW + used;
}

bp_tile bp_gradients_tile(bp_gradients *gradients, bp_member member, const bp_pass *pass, size_t m, size_t number,
                          const float *ahead)
{
    bp_tile tile = bp_plan_tile(gradients->plan, gradients->layout, number);

    if (gradients->plan->layer[tile.layer].buffered)
        reduce_buffers(gradients, member, &tile);
    else
        compute_tile(gradients, member, pass, m, ahead ? ahead + tile.w : NULL, &tile);
    return tile;
}
