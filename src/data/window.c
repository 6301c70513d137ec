/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <string.h>

#include "ahead.h"
#include "error.h"
#include "memory.h"

bp_status bp_window_make(bp_window *window, const bp_dataset *file, bp_pool *pool, bp_error *error)
{
    window->dataset = *file;
    window->dataset.columns = bp_pool_take_array(pool, file->column_count, sizeof *file->columns, error);
    if (!window->dataset.columns)
        return BP_NO_MEMORY;
    memcpy(window->dataset.columns, file->columns, file->column_count * sizeof *file->columns);
    for (size_t i = 0; i < file->column_count; i++)
        window->dataset.columns[i].stride = bp_type_size(file->columns[i].type);
    window->dataset.bpd = NULL;
    window->dataset.rows = 0;
    window->bpd = file->bpd;
    return BP_OK;
}

void bp_window_show(bp_window *window, uint64_t number, const void *bytes)
{
    const bp_bpd *bpd = window->bpd;

    window->dataset.rows = bp_bpd_block_rows(bpd, number);
    window->dataset.first_row = number * BP_BPD_ROWS;
    for (size_t i = 0; i < window->dataset.column_count; i++)
        window->dataset.columns[i].data = bp_bpd_elements(bpd, number, bytes, i);
}

typedef struct walk {
    bp_rows rows;
    bp_window_taker *take;
    void *context;
    bp_window window;
    uint64_t index[BP_BPD_ROWS]; /* of the block's chosen rows, in it */
} walk;

static bp_status take_block(walk *w, const bp_ahead_block *block, bp_error *error)
{
    bp_rows own = {w->rows.index ? w->index : NULL, block->end - block->first};

    bp_window_show(&w->window, block->number, block->bytes);
    for (uint64_t place = block->first; w->rows.index && place < block->end; place++)
        w->index[place - block->first] = w->rows.index[place] - block->number * BP_BPD_ROWS;
    return w->take(w->context, &w->window.dataset, own, error);
}

static bp_status take_blocks(walk *w, bp_ahead *ahead, bp_error *error)
{
    bp_ahead_block block;

    BP_TRY(bp_ahead_begin(ahead, w->rows, 0, error));
    for (;;) {
        BP_TRY(bp_ahead_next(ahead, &block, error));
        if (block.first == block.end)
            return BP_OK;
        BP_TRY(take_block(w, &block, error));
    }
}

/* A block's rows fit its index. */
static bp_status check_order(bp_rows rows, bp_error *error)
{
    for (uint64_t i = 1; rows.index && i < rows.count; i++)
        if (rows.index[i] <= rows.index[i - 1])
            return bp_fail(error, BP_INVALID, "rows of data larger than memory have to ascend");
    return BP_OK;
}

static bp_status walk_file(const bp_dataset *file, bp_rows rows, bp_window_taker *take, void *context, bp_error *error)
{
    const bp_allocator *allocator = &file->pool.allocator;
    bp_pool pool = {.allocator = *allocator};
    bp_ahead *ahead = NULL;

    BP_TRY(check_order(rows, error));
    walk *w = bp_allocate(allocator, sizeof *w);
    if (!w)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", sizeof *w);
    *w = (walk){.rows = rows, .take = take, .context = context};
    bp_status status = bp_window_make(&w->window, file, &pool, error);
    if (status == BP_OK)
        status = bp_ahead_create(file->bpd, false, allocator, &ahead, error);
    if (status == BP_OK)
        status = take_blocks(w, ahead, error);
    bp_ahead_free(ahead);
    bp_pool_release(&pool);
    bp_release(allocator, w, sizeof *w);
    return status;
}

bp_status bp_window_walk(const bp_dataset *dataset, bp_rows rows, bp_window_taker *take, void *context, bp_error *error)
{
    if (dataset->bpd)
        return walk_file(dataset, rows, take, context, error);
    return take(context, dataset, rows, error);
}
