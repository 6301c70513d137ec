/* SPDX-License-Identifier: Apache-2.0 */
#include "workspace.h"

#include "batch.h"
#include "cpu.h"
#include "error.h"
#include "feed.h"
#include "forward.h"
#include "loss.h"
#include "machine.h"
#include "network.h"
#include "size.h"

static bp_strip take_strip(const bp_workspace *workspace, bp_arena *arena)
{
    const bp_arithmetic *a = &workspace->weights.arithmetic;
    return (bp_strip){.room = a->terms ? bp_arena_take(arena, 1, bp_strip_bytes(&workspace->layout, a, false)) : NULL};
}

static void carve(bp_workspace *workspace, bp_arena *arena)
{
    const bp_layer *last = &workspace->layout.layer[workspace->layout.layers - 1];

    workspace->seat = bp_arena_take(arena, workspace->threads, sizeof *workspace->seat);
    for (unsigned t = 0; t < workspace->threads; t++) {
        bp_seat seat;
        bp_pass_carve(&seat.pass, &workspace->layout, workspace->weights.arithmetic.terms, BP_BLOCK_ROWS, false, arena);
        seat.pass.d[workspace->layout.layers] = bp_arena_take(arena, last->n_panels * seat.pass.ld, BP_PANEL * sizeof(float));
        seat.strip = take_strip(workspace, arena);
        seat.sparse = workspace->weights.arithmetic.terms ? NULL : bp_arena_take(arena, BP_BLOCK_ROWS, sizeof *seat.sparse);
        seat.weight = bp_arena_take(arena, BP_BLOCK_ROWS, sizeof(float));
        seat.losses = bp_arena_take(arena, BP_BLOCK_ROWS, sizeof(double));
        seat.values = bp_arena_take(arena, 2 * (size_t)last->n, sizeof(double));
        if (workspace->seat)
            workspace->seat[t] = seat;
    }
}

static bp_status take_memory(bp_workspace *workspace, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(workspace, &arena);
    workspace->memory = bp_arena_commit(&arena, &workspace->allocator, &workspace->bytes);
    if (!workspace->memory)
        return bp_fail(error, BP_NO_MEMORY, "a workspace: %zu bytes were refused", workspace->bytes);
    carve(workspace, &arena);
    return BP_OK;
}

static uint32_t machine_threads(void)
{
    bp_machine machine;

    bp_machine_read(&machine);
    return machine.threads;
}

bp_status bp_workspace_create(const bp_network *network, uint32_t threads, bp_isa isa, const bp_allocator *allocator,
                              bp_workspace **result, bp_error *error)
{
    bp_allocator chosen = bp_allocator_or_default(allocator);
    bp_arithmetic arithmetic;

    if (threads > BP_SEATS_MAX)
        return bp_fail(error, BP_INVALID, "a workspace for %u threads: at most %u are possible", threads, BP_SEATS_MAX);
    BP_TRY(bp_arithmetic_choose(network->precision, isa, &arithmetic, error));
    bp_workspace *workspace = bp_allocate(&chosen, sizeof *workspace);
    if (!workspace)
        return bp_fail(error, BP_NO_MEMORY, "a workspace: %zu bytes were refused", sizeof *workspace);
    *workspace = (bp_workspace){
        .allocator = chosen,
        .layout = network->layout,
        .precision = network->precision,
        .threads = threads ? threads : machine_threads(),
        .generation = bp_team_generation(),
    };
    workspace->weights = (bp_weights){.arithmetic = arithmetic, .layout = &workspace->layout};
    bp_status status = take_memory(workspace, error);
    if (status != BP_OK) {
        bp_workspace_free(workspace);
        return status;
    }
    *result = workspace;
    return BP_OK;
}

void bp_workspace_free(bp_workspace *workspace)
{
    if (!workspace)
        return;
    bp_allocator allocator = workspace->allocator;
    bp_release(&allocator, workspace->memory, workspace->bytes);
    bp_release(&allocator, workspace, sizeof *workspace);
}

typedef struct visit_work {
    bp_workspace *workspace;
    const bp_network *network;
    const bp_examples *examples;
    bp_rows rows;
    uint64_t base; /* what of the rows that were asked for `rows` begins with */
    bp_block_visit *visit;
    void *context;
} visit_work;

static void visit_blocks(void *context, bp_member member)
{
    const visit_work *work = context;
    const bp_workspace *workspace = work->workspace;
    bp_weights weights = workspace->weights;
    const bp_seat *seat = &workspace->seat[member.index];
    bp_pass pass = seat->pass;
    bp_batch batch = {.x = pass.a[0], .panel = bp_pass_panel(&pass)};
    bp_range range = bp_team_range(member, work->rows.count, BP_BLOCK_ROWS);

    pass.sparse = batch.sparse = work->examples->sparse.first ? seat->sparse : NULL;
    weights.parameters = work->network->parameters;
    bp_arithmetic_enter(&weights.arithmetic);
    for (size_t first = range.first; first < range.end; first += BP_BLOCK_ROWS) {
        bp_block_rows block = {seat, work->base + first, bp_size_min(BP_BLOCK_ROWS, range.end - first)};
        const uint64_t *rows = work->rows.index ? work->rows.index + first : NULL;
        bp_batch_gather(&batch, workspace->weights.arithmetic.kernels, work->examples, rows, first, 0, block.count);
        bp_forward(&weights, &pass, (bp_span){0, block.count}, seat->strip);
        work->visit(work->context, &block);
    }
    bp_arithmetic_leave(&weights.arithmetic);
}

static bp_status check(const bp_workspace *workspace, const bp_network *network, const bp_examples *examples, bp_rows rows,
                       bp_error *error)
{
    uint32_t inputs = network->layout.layer[0].k;

    if (workspace->generation != bp_team_generation())
        return bp_fail(error, BP_FORKED, "a workspace of the parent process: a child of fork may only free it");
    if (!bp_layout_equal(&workspace->layout, &network->layout))
        return bp_fail(error, BP_INVALID, "the workspace was made for a network with other layers");
    if (workspace->precision != network->precision)
        return bp_fail(error, BP_INVALID, "the workspace was made for a network of another precision");
    if (examples->inputs != inputs)
        return bp_fail(error, BP_INVALID, "the examples have %u inputs, the network has %u", examples->inputs, inputs);
    return bp_examples_check_rows(examples, rows, "row", error);
}

static void visit_rows(visit_work *work)
{
    size_t blocks = (work->rows.count + BP_BLOCK_ROWS - 1) / BP_BLOCK_ROWS;
    bp_team_run((unsigned)bp_size_min(work->workspace->threads, blocks), visit_blocks, work);
}

/* Segment after segment, cut at multiples of BP_BLOCK_ROWS too. */
static bp_status visit_segments(visit_work *work, bp_feed *feed, bp_rows rows, bp_error *error)
{
    BP_TRY(bp_feed_begin(feed, rows, 0, error));
    for (uint64_t used = 0; work->base < rows.count; work->base += used) {
        BP_TRY(bp_feed_next(feed, used, error));
        used = feed->segment.rows;
        if (work->base + used < rows.count)
            used -= used % BP_BLOCK_ROWS;
        work->rows = (bp_rows){NULL, used};
        visit_rows(work);
    }
    return BP_OK;
}

static bp_status visit_pages(visit_work *work, bp_rows rows, bp_error *error)
{
    bp_feed *feed;

    BP_TRY(bp_feed_create(work->examples, BP_BLOCK_ROWS, work->workspace->threads, &work->workspace->allocator, &feed, error));
    work->examples = &feed->segment;
    bp_status status = visit_segments(work, feed, rows, error);
    bp_feed_free(feed);
    return status;
}

bp_status bp_workspace_visit(bp_workspace *workspace, const bp_network *network, const bp_examples *examples, bp_rows rows,
                             bp_block_visit *visit, void *context, bp_error *error)
{
    if (!rows.index)
        rows.count = examples->rows;
    BP_TRY(check(workspace, network, examples, rows, error));
    visit_work work = {workspace, network, examples, rows, 0, visit, context};
    if (examples->pages)
        return visit_pages(&work, rows, error);
    visit_rows(&work);
    return BP_OK;
}

/* ---------------------------------------------------------------------------------------------------------- predict */

typedef struct prediction {
    const bp_workspace *workspace;
    const bp_network *network;
    float *y; /* [rows, outputs] */
} prediction;

static void copy_predictions(void *context, const bp_block_rows *block)
{
    const prediction *p = context;
    uint32_t last = p->network->layout.layers, n = p->network->layout.layer[last - 1].n;
    const bp_pass *pass = &block->seat->pass;
    bp_span rows = {0, block->count};

    bp_prediction_rows(p->workspace->weights.arithmetic.kernels, p->network->loss, n, pass, last, rows);
    bp_pass_unpack(pass, pass->a[last], rows, n, p->y + block->first * n);
}

bp_status bp_network_predict_rows(const bp_network *network, bp_workspace *workspace, const bp_examples *examples, bp_rows rows,
                                  float *y, bp_error *error)
{
    prediction p = {workspace, network, y};
    return bp_workspace_visit(workspace, network, examples, rows, copy_predictions, &p, error);
}

bp_status bp_network_predict(const bp_network *network, bp_workspace *workspace, uint64_t m, const float *x, float *y,
                             bp_error *error)
{
    bp_examples examples = {
        .rows = m,
        .inputs = network->layout.layer[0].k,
        .x_type = BP_TYPE_F32,
        .x = x,
        .x_stride = network->layout.layer[0].k * sizeof(float),
    };
    return bp_network_predict_rows(network, workspace, &examples, (bp_rows){NULL, m}, y, error);
}
