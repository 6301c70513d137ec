/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient.h"

#include <string.h>

#include "size.h"
#include "sparse_sums.h"

void bp_gradients_carve(bp_gradients *gradients, const bp_layout *layout, const bp_plan *plan, float *resting, bp_arena *arena)
{
    gradients->layout = layout;
    gradients->plan = plan;
    gradients->resting = resting;
    gradients->sparse = NULL;
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

/* The same of their packed operands, which hold 32 rows a block: shards and parts begin with a block. */
static const uint16_t *blocks_at(const bp_arithmetic *arithmetic, const bp_pass *pass, const uint16_t *down, size_t panel,
                                 size_t row)
{
    return down + (panel * pass->row_blocks + row / BP_PANEL) * bp_block_elements(arithmetic);
}

/* dW [h][32] of tile (i, j) in mixed precision. */
static void block_weights(const bp_arithmetic *arithmetic, uint32_t number, const bp_pass *pass, bp_span rows, bp_chain chain,
                          size_t i, size_t j, size_t h, const bp_stream *ahead, float *dW)
{
    arithmetic->blocks->product(
        h, arithmetic->terms, bp_row_blocks(rows.count), blocks_at(arithmetic, pass, pass->packed_a[number].down, i, rows.first),
        blocks_at(arithmetic, pass, pass->packed_d[number + 1].down, j, rows.first), chain, NULL, ahead, dW);
}

/* dW^T [n][32] of a narrow layer: dW, turned. */
static void narrow_block_weights(const bp_arithmetic *arithmetic, const bp_layer *layer, uint32_t number, const bp_pass *pass,
                                 bp_span rows, bp_chain chain, size_t i, const bp_stream *ahead, float *dW)
{
    size_t h = bp_size_min(BP_PANEL, layer->k - i * BP_PANEL);
    _Alignas(BP_ALIGNMENT) float turned[BP_PANEL * BP_PANEL] = {0};

    if (!(chain & BP_CHAIN_FIRST))
        arithmetic->kernels->transpose(layer->n, h, dW, turned);
    block_weights(arithmetic, number, pass, rows, chain, i, 0, h, ahead, turned);
    memset(dW, 0, layer->n * BP_PANEL * sizeof(float));
    arithmetic->kernels->transpose(h, layer->n, turned, dW);
}

/* db [32] alone, of a panel's columns. */
static void bias_sums(const bp_kernels *kernels, size_t columns, const float *d, size_t m, bp_chain chain, float *db)
{
    float none[BP_PANEL];
    kernels->product_columns(0, m, d, d, columns, chain, NULL, none, db);
}

/* What tile_sums has, of sparse x: whole chains. */
static void sparse_sums(const bp_gradients *gradients, unsigned threads, const bp_layer *layer, const bp_pass *pass, bp_span rows,
                        size_t i, size_t j, float *dW, float *db)
{
    const bp_kernels *kernels = gradients->plan->arithmetic.kernels;

    bp_sparse_tile(kernels, gradients->sparse, threads, layer, pass, rows, i, j, dW);
    if (db)
        bias_sums(kernels, bp_size_min(BP_PANEL, layer->n - j * BP_PANEL), panel_at(pass, pass->d[1], j, rows.first), rows.count,
                  BP_CHAIN_WHOLE, db);
}

/* What tile_sums has, in mixed precision; biases are f32. */
static void block_sums(const bp_arithmetic *arithmetic, const bp_layer *layer, uint32_t number, const bp_pass *pass, bp_span rows,
                       bp_chain chain, size_t i, size_t j, const bp_stream *ahead, float *dW, float *db)
{
    const float *d = panel_at(pass, pass->d[number + 1], j, rows.first);

    if (layer->narrow)
        narrow_block_weights(arithmetic, layer, number, pass, rows, chain, i, ahead, dW);
    else
        block_weights(arithmetic, number, pass, rows, chain, i, j, bp_tile_rows(layer, i), ahead, dW);
    if (db)
        bias_sums(arithmetic->kernels, bp_size_min(BP_PANEL, layer->n - j * BP_PANEL), d, rows.count, chain, db);
}

/* dW^T = dL/dz^T a of a narrow layer: what lies behind a's last column may be anything, and is cut off. */
static void narrow_sums(const bp_kernels *kernels, const bp_layer *layer, size_t i, const float *a, const float *d, size_t m,
                        bp_chain chain, const bp_stream *ahead, float *dW, float *db)
{
    size_t columns = bp_size_min(BP_PANEL, layer->k - i * BP_PANEL);

    kernels->product_columns(layer->n, m, d, a, columns, chain, ahead, dW, NULL);
    for (size_t j = 0; j < layer->n && columns < BP_PANEL && chain & BP_CHAIN_LAST; j++)
        memset(dW + j * BP_PANEL + columns, 0, (BP_PANEL - columns) * sizeof(float));
    if (db)
        bias_sums(kernels, layer->n, d, m, chain, db);
}

/* dW of tile (i, j) over rows of the pass, a part of its chains, and with it db [32] of panel j, where it is not NULL. Columns
 * behind the last are 0. */
static void tile_sums(const bp_arithmetic *arithmetic, const bp_layer *layer, uint32_t number, const bp_pass *pass, bp_span rows,
                      bp_chain chain, size_t i, size_t j, const bp_stream *ahead, float *dW, float *db)
{
    size_t columns = bp_size_min(BP_PANEL, layer->n - j * BP_PANEL), h = bp_tile_rows(layer, i);

    if (arithmetic->terms) {
        block_sums(arithmetic, layer, number, pass, rows, chain, i, j, ahead, dW, db);
        return;
    }
    const float *a = panel_at(pass, pass->a[number], i, rows.first), *d = panel_at(pass, pass->d[number + 1], j, rows.first);
    if (layer->narrow) {
        narrow_sums(arithmetic->kernels, layer, i, a, d, rows.count, chain, ahead, dW, db);
        return;
    }
    if (columns < BP_PANEL && chain & BP_CHAIN_FIRST)
        memset(dW, 0, h * BP_PANEL * sizeof(float));
    arithmetic->kernels->product_columns(h, rows.count, a, d, columns, chain, ahead, dW, db);
}

/* What shard_gradient has, of sparse x. */
static void sparse_shard(const bp_kernels *kernels, const bp_layer *layer, const bp_pass *pass, bp_span rows, bp_chain chain,
                         float *buffer)
{
    for (size_t j = 0; j < layer->n_panels; j++) {
        bp_sparse_panel(kernels, layer, pass, rows, chain, j, buffer);
        bias_sums(kernels, bp_size_min(BP_PANEL, layer->n - j * BP_PANEL), panel_at(pass, pass->d[1], j, rows.first), rows.count,
                  chain, buffer + layer->b + j * BP_PANEL);
    }
}

/* A part of one shard's chains, of a whole layer, into a buffer laid out as the parameters are. */
static void shard_gradient(const bp_arithmetic *arithmetic, const bp_layer *layer, uint32_t number, const bp_pass *pass,
                           bp_span rows, bp_chain chain, float *buffer)
{
    if (!number && pass->sparse) {
        sparse_shard(arithmetic->kernels, layer, pass, rows, chain, buffer);
        return;
    }
    for (size_t j = 0; j < layer->n_panels; j++) {
        for (size_t i = 0; i < layer->k_panels; i++)
            tile_sums(arithmetic, layer, number, pass, rows, chain, i, j, NULL,
                      buffer + layer->w + bp_tile_line(layer, i, j) * BP_PANEL, i == 0 ? buffer + layer->b + j * BP_PANEL : NULL);
    }
}

/* Rows `row` ... of the minibatch, shard by shard; of the first shard and the last one perhaps a part, whose sums then rest in the
 * buffer. */
static void walk_layer(bp_gradients *gradients, bp_gradient_thread *thread, uint32_t number, const bp_pass *pass, bp_span rows,
                       size_t row, size_t m)
{
    const bp_layer *layer = &gradients->layout->layer[number];
    const bp_kernels *kernels = gradients->plan->arithmetic.kernels;
    size_t shard_rows = gradients->plan->layer[number].shard_rows;
    bp_fold *fold = &thread->fold[number];

    for (size_t done = 0, count; done < rows.count; done += count) {
        size_t shard = (row + done) / shard_rows, inside = (row + done) % shard_rows;
        size_t length = bp_size_min(shard_rows, m - shard * shard_rows);
        float *buffer = thread->buffers + fold->depth * gradients->layout->floats;
        count = bp_size_min(length - inside, rows.count - done);
        bp_chain chain = bp_chain_at(inside, count, length);
        shard_gradient(&gradients->plan->arithmetic, layer, number, pass, (bp_span){rows.first + done, count}, chain, buffer);
        if (chain & BP_CHAIN_LAST)
            bp_fold_push(fold, kernels, bp_layer_floats(layer), (bp_node){shard, 0, buffer + layer->w});
    }
}

void bp_gradients_walk(bp_gradients *gradients, bp_member member, const bp_pass *pass, bp_span rows, size_t row, size_t m)
{
    for (uint32_t i = 0; i < gradients->layout->layers; i++)
        if (gradients->plan->layer[i].buffered)
            walk_layer(gradients, &gradients->thread[member.index], i, pass, rows, row, m);
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
            bp_fold_push(&total, gradients->plan->arithmetic.kernels, count, node);
        }
    }
    return bp_fold_total(&total, gradients->plan->arithmetic.kernels, count);
}

/* Shards of all layers at once are counted by the first one's fold. */
float *bp_gradients_next(const bp_gradients *gradients, bp_member member)
{
    const bp_gradient_thread *thread = &gradients->thread[member.index];
    return thread->buffers + thread->fold[0].depth * gradients->layout->floats;
}

void bp_gradients_push(bp_gradients *gradients, bp_member member, size_t shard, size_t count)
{
    bp_node node = {shard, 0, bp_gradients_next(gradients, member)};
    bp_fold_push(&gradients->thread[member.index].fold[0], gradients->plan->arithmetic.kernels, count, node);
}

float *bp_gradients_total(bp_gradients *gradients, bp_member member, size_t count)
{
    if (member.threads == 1)
        return bp_fold_total(&gradients->thread[0].fold[0], gradients->plan->arithmetic.kernels, count);
    return fold_threads(gradients, member.threads, 0, 0, count);
}

static void reduce_buffers(bp_gradients *gradients, bp_member member, bp_tile *tile)
{
    const bp_layer *layer = &gradients->layout->layer[tile->layer];

    tile->dW = fold_threads(gradients, member.threads, tile->layer, tile->w - layer->w, tile->rows * BP_PANEL);
    if (tile->i == 0)
        tile->db = fold_threads(gradients, member.threads, tile->layer, tile->b - layer->w, BP_PANEL);
}

/* Shard by shard, in the member's scratch. */
static void compute_shards(bp_gradients *gradients, bp_member member, const bp_pass *pass, size_t m, const bp_stream *ahead,
                           bp_tile *tile)
{
    const bp_layer *layer = &gradients->layout->layer[tile->layer];
    const bp_kernels *kernels = gradients->plan->arithmetic.kernels;
    float *scratch = gradients->thread[member.index].scratch;
    size_t shard_rows = gradients->plan->layer[tile->layer].shard_rows, used = tile->rows * BP_PANEL;
    size_t floats = used + (tile->i == 0 ? BP_PANEL : 0);
    bp_fold fold;

    fold.depth = 0;
    for (size_t row = 0; row < m; row += shard_rows) {
        bp_span shard = {row, bp_size_min(shard_rows, m - row)};
        float *sum = scratch + fold.depth * BP_TILE_FLOATS;
        if (bp_gradients_are_sparse(gradients, tile->layer))
            sparse_sums(gradients, member.threads, layer, pass, shard, tile->i, tile->j, sum, tile->i == 0 ? sum + used : NULL);
        else
            tile_sums(&gradients->plan->arithmetic, layer, tile->layer, pass, shard, BP_CHAIN_WHOLE, tile->i, tile->j,
                      row + shard.count == m ? ahead : NULL, sum, tile->i == 0 ? sum + used : NULL);
        bp_fold_push(&fold, kernels, floats, (bp_node){row / shard_rows, 0, sum});
    }
    tile->dW = bp_fold_total(&fold, kernels, floats);
    if (tile->i == 0)
        tile->db = tile->dW + used;
}

/* One chain over all rows, of which `rows` are a part: the sums so far rest in the block. */
static void compute_part(bp_gradients *gradients, const bp_pass *pass, bp_span rows, size_t m, const bp_stream *ahead,
                         bp_tile *tile)
{
    const bp_layer *layer = &gradients->layout->layer[tile->layer];
    bp_chain chain = bp_chain_at(rows.first, rows.count, m);

    tile->dW = gradients->resting + tile->w;
    tile->db = tile->i == 0 ? gradients->resting + tile->b : NULL;
    tile_sums(&gradients->plan->arithmetic, layer, tile->layer, pass, rows, chain, tile->i, tile->j, ahead, tile->dW, tile->db);
}

/* Rows of a long chain that are walked at a time: 1,024 rows of one panel are 128 KiB. */
#define CHAIN_ROWS 1024

size_t bp_gradients_part(const bp_gradients *gradients, uint32_t layer, size_t m)
{
    return bp_gradients_are_sparse(gradients, layer) ? m : bp_plan_part(gradients->plan, layer, m);
}

size_t bp_plan_part(const bp_plan *plan, uint32_t layer, size_t m)
{
    if (plan->layer[layer].buffered || bp_plan_shards(&plan->layer[layer], m) > 1)
        return m;
    return bp_size_part(m, CHAIN_ROWS, BP_PANEL);
}

uint32_t bp_gradients_rows(const bp_gradients *gradients, bp_member member, const bp_tile *tile)
{
    if (!bp_gradients_are_sparse(gradients, tile->layer) || gradients->layout->layer[0].narrow)
        return UINT32_MAX;
    return bp_sparse_batch_columns(gradients->sparse, member.threads, tile->i);
}

const void *bp_gradients_panel(const bp_plan *plan, const bp_pass *pass, uint32_t layer, size_t j, bp_span rows)
{
    if (plan->arithmetic.terms)
        return blocks_at(&plan->arithmetic, pass, pass->packed_d[layer + 1].down, j, rows.first);
    return panel_at(pass, pass->d[layer + 1], j, rows.first);
}

size_t bp_gradients_panel_bytes(const bp_plan *plan, bp_span rows)
{
    if (plan->arithmetic.terms)
        return bp_row_blocks(rows.count) * bp_block_elements(&plan->arithmetic) * sizeof(uint16_t);
    return rows.count * BP_PANEL * sizeof(float);
}

void bp_gradients_tile(bp_gradients *gradients, bp_member member, const bp_pass *pass, bp_span rows, size_t m,
                       const bp_stream *ahead, bp_tile *tile)
{
    if (gradients->plan->layer[tile->layer].buffered)
        reduce_buffers(gradients, member, tile);
    else if (rows.count == m)
        compute_shards(gradients, member, pass, m, ahead, tile);
    else
        compute_part(gradients, pass, rows, m, ahead, tile);
}
