/* Examples out of a data set: memory for them, filled by a team.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "encoder_bind.h"
#include "error.h"
#include "examples.h"
#include "float_state.h"
#include "memory.h"
#include "pages.h"
#include "statistics.h"
#include "team.h"

/* ------------------------------------------------------------------------------------------------------------ examples */

/* Called twice: over an empty arena to measure, then over the block. */
static bp_destination carve(const bp_bound *a, bp_arena *arena)
{
    size_t rows = (size_t)a->dataset->rows;
    bool classed = a->encoder->class_count > 0;
    bp_destination to = {.from = 0};

    to.x = bp_arena_take(arena, a->borrow || a->sparse ? 0 : rows, a->encoder->inputs * sizeof *to.x);
    to.y = bp_arena_take(arena, a->with_targets && !classed ? rows : 0, a->encoder->target_count * sizeof *to.y);
    to.classes = bp_arena_take(arena, a->with_targets && classed ? rows : 0, sizeof *to.classes);
    to.weight = bp_arena_take(arena, a->weighs ? rows : 0, sizeof *to.weight);
    to.first = bp_arena_take(arena, a->sparse ? rows + 1 : 0, sizeof *to.first);
    to.column = bp_arena_take(arena, a->sparse ? (size_t)a->entry_count : 0, sizeof *to.column);
    to.value = bp_arena_take(arena, a->sparse ? (size_t)a->entry_count : 0, sizeof *to.value);
    return to;
}

/* Pieces that are not needed have no bytes. */
static void leave_out(const bp_bound *a, bp_destination *to)
{
    bool classed = a->encoder->class_count > 0;

    to->x = a->borrow || a->sparse ? NULL : to->x;
    to->first = a->sparse ? to->first : NULL;
    to->y = a->with_targets && !classed ? to->y : NULL;
    to->classes = a->with_targets && classed ? to->classes : NULL;
    to->weight = a->weighs ? to->weight : NULL;
}

/* Names or identifiers taken for categories make inputs without number: worth telling where memory does not suffice. */
static bp_status refuse_memory(const bp_bound *a, bp_error *error)
{
    const bp_encoder *encoder = a->encoder;
    const bp_feature *widest = encoder->features;

    for (size_t i = 1; i < encoder->feature_count; i++)
        if (encoder->features[i].category_count > widest->category_count)
            widest = &encoder->features[i];
    if (widest->category_count > encoder->inputs / 2)
        return bp_fail(error, BP_NO_MEMORY,
                       "%s: memory for %llu rows of %u inputs was refused; %zu of them are the categories of column \"%.100s\"",
                       a->dataset->path, (unsigned long long)a->dataset->rows, encoder->inputs, widest->category_count,
                       widest->name);
    return bp_fail(error, BP_NO_MEMORY, "%s: memory for %llu rows of %u inputs was refused", a->dataset->path,
                   (unsigned long long)a->dataset->rows, encoder->inputs);
}

static bp_status take_block(const bp_bound *a, bp_examples *e, bp_destination *to, bp_error *error)
{
    bp_arena arena = {0};

    carve(a, &arena);
    e->owned = bp_arena_commit(&arena, &e->allocator, &e->owned_size);
    if (!e->owned)
        return refuse_memory(a, error);
    *to = carve(a, &arena);
    leave_out(a, to);
    return BP_OK;
}

static void set_views(const bp_bound *a, const bp_destination *to, bp_examples *e)
{
    const bp_column *first = a->features[0].column;

    e->x_type = a->borrow ? BP_TYPE_U8 : BP_TYPE_F32;
    e->x = a->borrow ? first->data : to->x;
    e->x_stride = a->borrow ? first->stride : (size_t)e->inputs * sizeof(float);
    if (a->sparse)
        e->sparse = (bp_sparse){to->first, to->column, to->value};
    e->x_divisor = a->borrow ? (float)a->encoder->features[0].scale : 1;
    e->weight = to->weight;
    e->outputs = a->with_targets ? a->encoder->outputs : 0;
    e->classes = to->classes;
    e->y = to->y;
    e->y_stride = to->y ? a->encoder->target_count : 0;
}

/* ------------------------------------------------------------------------------------------------------------------- team */

typedef struct writing {
    const bp_bound *bound;
    const bp_destination *to;
    bp_range rows;
    bp_strange strange; /* of all threads */
    int failed;
} writing;

/* A team flushes subnormals; data have them. */
static BP_OUT_OF_LINE bp_status write_range(const bp_bound *a, const bp_destination *to, bp_range range, bp_strange *strange,
                                            bp_error *error)
{
    return bp_bound_write(a, to, range.first, range.end, strange, error);
}

static bp_status write_kept(const bp_bound *a, const bp_destination *to, bp_range range, bp_strange *strange, bp_error *error)
{
    bp_float_state state = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = write_range(a, to, range, strange, error);
    bp_float_end(state);
    return status;
}

/* A thread's room for rows that become sparse. */
static size_t spread_floats(const bp_bound *a)
{
    return BP_WRITE_ROWS * a->encoder->inputs;
}

static void write_part(void *context, bp_member member)
{
    writing *w = context;
    bp_strange strange = {0, 0};
    bp_destination own = *w->to;
    bp_range part = bp_team_range(member, w->rows.end - w->rows.first, BP_WRITE_ROWS);
    bp_range range = {w->rows.first + part.first, w->rows.first + part.end};

    own.spread = own.spread ? own.spread + member.index * spread_floats(w->bound) : NULL;
    if (write_kept(w->bound, &own, range, &strange, NULL) != BP_OK)
        __atomic_store_n(&w->failed, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&w->strange.missing, strange.missing, __ATOMIC_RELAXED);
    __atomic_fetch_add(&w->strange.categories, strange.categories, __ATOMIC_RELAXED);
}

/* What is wrong is looked for again by one thread: the first row that is wrong is told at any number of threads. */
static bp_status write_all(const bp_bound *a, const bp_destination *to, unsigned threads, bp_range rows, bp_strange *strange,
                           bp_error *error)
{
    writing w = {.bound = a, .to = to, .rows = rows};

    bp_team_run(threads, write_part, &w);
    strange->missing += w.strange.missing;
    strange->categories += w.strange.categories;
    return w.failed ? write_kept(a, to, rows, &w.strange, error) : BP_OK;
}

static unsigned count_threads(const bp_bound *a, uint64_t rows)
{
    uint64_t values = rows * (a->encoder->feature_count + a->encoder->inputs / 16 + 1); /* zeros are quick */
    return bp_data_threads(a->encoder->threads, values);
}

bp_status bp_bound_write_all(const bp_bound *a, const bp_destination *to, uint64_t begin, uint64_t end, bp_strange *strange,
                             bp_error *error)
{
    return write_all(a, to, count_threads(a, end - begin), (bp_range){(size_t)begin, (size_t)end}, strange, error);
}

static bp_status write_rows(const bp_bound *a, bp_destination *to, bp_examples *e, bp_error *error)
{
    unsigned threads = count_threads(a, a->dataset->rows);
    size_t bytes = a->row_entries ? threads * spread_floats(a) * sizeof(float) : 0; /* below 2^16 * 2^6 * 2^24 * 2^2 */

    if (bytes && !(to->spread = bp_allocate(&e->allocator, bytes)))
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", a->dataset->path, bytes);
    bp_status status = write_all(a, to, threads, (bp_range){0, (size_t)a->dataset->rows}, &e->strange, error);
    if (bytes)
        bp_release(&e->allocator, to->spread, bytes);
    return status;
}

static bp_status write_sparse(const bp_bound *a, const bp_destination *to, bp_error *error)
{
    bp_float_state state = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = bp_bound_write_entries(a, to, error);
    bp_float_end(state);
    return status;
}

static bp_status make_examples(const bp_bound *a, bp_examples **result, bp_error *error)
{
    bp_examples *e = bp_allocate_zeroed(&a->pool.allocator, sizeof *e);
    bp_destination to;

    if (!e)
        return bp_fail(error, BP_NO_MEMORY, "memory for examples was refused");
    e->allocator = a->pool.allocator;
    e->rows = a->dataset->rows;
    e->inputs = a->encoder->inputs;
    bp_status status = take_block(a, e, &to, error);
    if (status == BP_OK) {
        set_views(a, &to, e);
        status = a->sparse && !a->row_entries ? write_sparse(a, &to, error) : BP_OK;
        if (status == BP_OK)
            status = write_rows(a, &to, e, error);
    }
    if (status != BP_OK) {
        bp_examples_free(e);
        return status;
    }
    *result = e;
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status prepare(bp_bound *a, bp_error *error)
{
    if (a->dataset->bpd) /* windows are bound, one after another */
        return BP_OK;
    BP_TRY(bp_encoder_bind(a, error));
    BP_TRY(bp_bound_choose(a, error));
    return bp_bound_prepare(a, error);
}

bp_status bp_encoder_apply(const bp_encoder *encoder, const bp_dataset *dataset, int with_targets, const bp_allocator *allocator,
                           bp_examples **result, bp_error *error)
{
    bp_bound a = {.encoder = encoder, .dataset = dataset, .with_targets = with_targets != 0};
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);

    a.pool.allocator = bp_allocator_or_default(allocator);
    bp_status status = prepare(&a, error);
    bp_float_end(host); /* a team inherits the host's state */
    if (status == BP_OK && dataset->bpd)
        status = bp_pages_apply(encoder, dataset, with_targets != 0, &a.pool.allocator, result, error);
    else if (status == BP_OK)
        status = make_examples(&a, result, error);
    bp_pool_release(&a.pool);
    return status;
}
