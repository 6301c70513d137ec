/* Examples whose inputs stay in a file: one walk over it for targets, weights, and what cannot be encoded.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "examples.h"
#include "float_state.h"
#include "memory.h"
#include "pages.h"
#include "size.h"

#define SCRATCH ((size_t)4 << 20) /* bytes of inputs encoded at a time, to be looked at and forgotten */

typedef struct application {
    bp_examples *examples;
    bp_ahead *ahead;
    bp_destination all; /* of the whole file; x is the scratch */
    uint64_t piece;     /* rows of the scratch */
} application;

/* Called twice: over an empty arena to measure, then over the block. */
static void carve(application *a, bp_arena *arena)
{
    const bp_bound *bound = &a->examples->pages->bound;
    size_t rows = (size_t)a->examples->rows;

    if (bound->with_targets && bound->encoder->class_count)
        a->all.classes = bp_arena_take(arena, rows, sizeof *a->all.classes);
    else if (bound->with_targets)
        a->all.y = bp_arena_take(arena, rows, bound->encoder->target_count * sizeof *a->all.y);
    if (bound->weighs)
        a->all.weight = bp_arena_take(arena, rows, sizeof *a->all.weight);
}

static bp_status take_memory(application *a, bp_error *error)
{
    bp_examples *e = a->examples;
    bp_arena arena = {.base = NULL};

    carve(a, &arena);
    e->owned = bp_arena_commit(&arena, &e->allocator, &e->owned_size);
    if (!e->owned)
        return bp_fail(error, BP_NO_MEMORY, "targets of %llu rows: memory was refused", (unsigned long long)e->rows);
    carve(a, &arena);
    a->piece = bp_size_round_up(bp_size_min(SCRATCH / (e->inputs * sizeof(float)), BP_BPD_ROWS) + 1, BP_WRITE_ROWS);
    return BP_OK;
}

static bp_destination destination_of(const application *a, uint64_t first_row)
{
    size_t width = a->examples->pages->bound.encoder->target_count;

    return (bp_destination){
        .x = a->all.x,
        .y = a->all.y ? a->all.y + first_row * width : NULL,
        .classes = a->all.classes ? a->all.classes + first_row : NULL,
        .weight = a->all.weight ? a->all.weight + first_row : NULL,
    };
}

static bp_status apply_to_block(const application *a, bp_error *error)
{
    const bp_pages *pages = a->examples->pages;
    bp_destination to = destination_of(a, pages->window.dataset.first_row);
    uint64_t rows = pages->window.dataset.rows;

    for (; to.from < rows; to.from += a->piece)
        BP_TRY(
            bp_bound_write_all(&pages->bound, &to, to.from, bp_size_min(to.from + a->piece, rows), &a->examples->strange, error));
    return BP_OK;
}

static bp_status apply_to_blocks(const application *a, bp_error *error)
{
    bp_ahead_block block;

    BP_TRY(bp_ahead_begin(a->ahead, (bp_rows){NULL, a->examples->rows}, 0, error));
    for (;;) {
        BP_TRY(bp_ahead_next(a->ahead, &block, error));
        if (block.first == block.end)
            return BP_OK;
        bp_window_show(&a->examples->pages->window, block.number, block.bytes);
        BP_TRY(apply_to_block(a, error));
    }
}

static void set_views(application *a)
{
    bp_examples *e = a->examples;
    const bp_bound *bound = &e->pages->bound;

    e->x_type = BP_TYPE_F32;
    e->x_stride = e->inputs * sizeof(float);
    e->x_divisor = 1;
    e->outputs = bound->with_targets ? bound->encoder->outputs : 0;
    e->classes = a->all.classes;
    e->y = a->all.y;
    e->y_stride = a->all.y ? bound->encoder->target_count : 0;
    e->weight = a->all.weight;
}

static bp_status fill(application *a, bp_error *error)
{
    bp_examples *e = a->examples;

    BP_TRY(take_memory(a, error));
    set_views(a);
    size_t bytes = (size_t)a->piece * e->inputs * sizeof(float);
    a->all.x = bp_allocate(&e->allocator, bytes);
    bp_status status = a->all.x ? bp_ahead_create(e->pages->file->bpd, false, &e->allocator, &a->ahead, error)
                                : bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    if (status == BP_OK)
        status = apply_to_blocks(a, error);
    bp_ahead_free(a->ahead);
    bp_release(&e->allocator, a->all.x, bytes);
    return status;
}

bp_status bp_pages_apply(const bp_encoder *encoder, const bp_dataset *file, bool with_targets, const bp_allocator *allocator,
                         bp_examples **result, bp_error *error)
{
    application a = {.examples = bp_allocate_zeroed(allocator, sizeof *a.examples)};

    if (!a.examples)
        return bp_fail(error, BP_NO_MEMORY, "memory for examples was refused");
    a.examples->allocator = *allocator;
    a.examples->rows = file->rows;
    a.examples->inputs = encoder->inputs;
    bp_status status = bp_pages_create(encoder, file, with_targets, allocator, &a.examples->pages, error);
    if (status == BP_OK)
        status = fill(&a, error);
    if (status != BP_OK) {
        bp_examples_free(a.examples);
        return status;
    }
    *result = a.examples;
    return BP_OK;
}
