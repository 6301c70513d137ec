/* SPDX-License-Identifier: Apache-2.0 */
#include "npy_parts.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "npy.h"
#include "size.h"

/* What is done with a part's elements, which have been checked. */
typedef bp_status visit(bp_npy_parts *parts, const bp_npy_block *block, void *context, bp_error *error);

static bool is_missing(const bp_npy_block *block, size_t i)
{
    float single;
    double real;

    if (block->header->kind == BP_NPY_F4) {
        memcpy(&single, block->elements + i * sizeof single, sizeof single);
        return isnan(single);
    }
    if (block->header->kind != BP_NPY_F8)
        return false;
    memcpy(&real, block->elements + i * sizeof real, sizeof real);
    return isnan(real);
}

static bp_status fail_changed(const bp_npy_parts *parts, bp_error *error)
{
    return bp_fail(error, BP_BAD_FILE, "%s: the file has changed while it was read", parts->dataset->path);
}

static bp_status walk_elements(bp_npy_parts *parts, bp_stream *stream, bool *narrow, visit *look, void *context, bp_error *error)
{
    const bp_elements *all = &parts->header.elements;
    bp_npy_block block = {parts->dataset->path, &parts->header, parts->room, 0, 0};
    size_t size = bp_npy_size(parts->header.kind), read = 0, got = 0;

    for (; read < all->bytes; read += got) {
        size_t wanted = bp_size_min(parts->bytes, all->bytes - read);
        BP_TRY(bp_stream_read(stream, parts->room, wanted, &got, error));
        if (got < wanted)
            return bp_elements_check_end(stream, block.path, all, read + got, error);
        block.first = read / size;
        block.count = got / size;
        BP_TRY(bp_npy_check(&block, narrow, error));
        BP_TRY(look(parts, &block, context, error));
    }
    return bp_elements_check_end(stream, block.path, all, read, error);
}

/* ----------------------------------------------------------------------------------------------------------- first pass */

static bp_status note_missing(bp_npy_parts *parts, const bp_npy_block *block, void *context, bp_error *error)
{
    bool *missing = context; /* [inputs] */
    (void)error;

    for (size_t i = 0; i < block->count; i++)
        if (is_missing(block, i))
            missing[i % parts->inputs] = true;
    return BP_OK;
}

static bp_status make_columns(bp_npy_parts *parts, const bp_settings *settings, const bool *missing, bp_error *error)
{
    const bp_elements *all = &parts->header.elements;
    bp_matrix x = {.type = bp_npy_type(parts->header.kind, parts->narrow), .rows = all->rows, .columns = all->columns}, y = {0};

    if (settings->target_file[0])
        BP_TRY(bp_npy_read_matrix(parts->dataset, settings->target_file, &y, error));
    BP_TRY(bp_dataset_set_matrices(parts->dataset, &x, &y, "y", error));
    for (size_t i = 0; i < parts->inputs; i++)
        parts->dataset->columns[i].has_missing = missing[i];
    return BP_OK;
}

static bp_status survey(bp_npy_parts *parts, bp_stream *stream, const bp_settings *settings, bp_error *error)
{
    const bp_allocator *allocator = &parts->dataset->pool.allocator;
    bool *missing = bp_allocate_zeroed(allocator, parts->inputs * sizeof *missing);

    parts->room = bp_allocate(allocator, parts->bytes);
    bp_status status = missing && parts->room ? BP_OK
                                              : bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused",
                                                        parts->dataset->path, parts->bytes);
    if (status == BP_OK)
        status = walk_elements(parts, stream, &parts->narrow, note_missing, missing, error);
    if (status == BP_OK)
        status = make_columns(parts, settings, missing, error);
    bp_release(allocator, missing, parts->inputs * sizeof *missing);
    if (status != BP_OK)
        bp_npy_parts_end(parts);
    return status;
}

static bp_status open_file(const bp_npy_parts *parts, bp_npy_header *header, bp_stream **stream, bp_error *error)
{
    const char *path = parts->dataset->path;

    BP_TRY(bp_stream_open(path, &parts->dataset->pool.allocator, stream, error));
    bp_status status = bp_npy_read_header(*stream, path, header, error);
    if (status != BP_OK)
        bp_stream_close(*stream);
    return status;
}

bp_status bp_npy_parts_begin(bp_npy_parts *parts, bp_dataset *dataset, const bp_settings *settings, uint64_t bytes, uint64_t grain,
                             bp_error *error)
{
    bp_stream *stream;
    bp_status status = BP_OK;

    *parts = (bp_npy_parts){.dataset = dataset, .narrow = true};
    BP_TRY(open_file(parts, &parts->header, &stream, error));
    const bp_elements *all = &parts->header.elements;
    size_t row = all->rows ? all->bytes / (size_t)all->rows : 0;
    parts->inputs = (size_t)all->columns;
    if (row && !(parts->header.fortran && all->columns > 1) && all->bytes > bytes && grain < all->rows) {
        parts->rows = bp_size_max((size_t)(bytes / row / grain), 1) * grain;
        parts->bytes = bp_size_min((size_t)parts->rows * row, all->bytes);
        status = survey(parts, stream, settings, error);
    }
    bp_stream_close(stream);
    return status;
}

void bp_npy_parts_end(bp_npy_parts *parts)
{
    bp_release(&parts->dataset->pool.allocator, parts->room, parts->bytes);
    parts->room = NULL;
}

/* ---------------------------------------------------------------------------------------------------------- second pass */

typedef struct pouring {
    bp_npy_take *take;
    void *context;
    bool narrow; /* so far */
} pouring;

static bool is_as_before(const bp_npy_parts *parts, const bp_npy_block *block, bool narrow)
{
    if (parts->narrow && !narrow)
        return false;
    for (size_t i = 0; i < block->count; i++)
        if (is_missing(block, i) && !parts->dataset->columns[i % parts->inputs].has_missing)
            return false;
    return true;
}

/* Inputs lie in the room, targets in their matrix. */
static void show_part(const bp_npy_parts *parts, const bp_npy_block *block)
{
    bp_dataset *dataset = parts->dataset;
    size_t size = bp_type_size(dataset->columns[0].type), before = block->first ? (size_t)parts->rows : 0;

    for (size_t i = 0; i < dataset->column_count; i++) {
        bp_column *column = &dataset->columns[i];
        column->data = i < parts->inputs ? (const void *)(parts->room + i * size)
                                         : (const void *)((const char *)column->data + before * column->stride);
    }
}

static bp_status pour_part(bp_npy_parts *parts, const bp_npy_block *block, void *context, bp_error *error)
{
    pouring *p = context;

    if (!is_as_before(parts, block, p->narrow))
        return fail_changed(parts, error);
    bp_npy_convert(block, parts->dataset->columns[0].type);
    show_part(parts, block);
    return p->take(p->context, block->count / parts->inputs, error);
}

static bool is_same(const bp_npy_header *a, const bp_npy_header *b)
{
    return a->kind == b->kind && a->swapped == b->swapped && a->fortran == b->fortran && a->elements.begin == b->elements.begin &&
           a->elements.bytes == b->elements.bytes && a->elements.rows == b->elements.rows &&
           a->elements.columns == b->elements.columns;
}

bp_status bp_npy_parts_pour(bp_npy_parts *parts, bp_npy_take *take, void *context, bp_error *error)
{
    pouring p = {take, context, true};
    bp_npy_header header;
    bp_stream *stream;

    BP_TRY(open_file(parts, &header, &stream, error));
    bp_status status = is_same(&header, &parts->header) ? walk_elements(parts, stream, &p.narrow, pour_part, &p, error)
                                                        : fail_changed(parts, error);
    bp_stream_close(stream);
    return status;
}
