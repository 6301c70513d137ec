/* Reading a .bpd file as a data set. Whole in memory, numbers that many columns of one type hold lie row by row, as they do in the
 * files of matrices, so that bytes can serve as they are; other columns lie alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bpd.h"
#include "error.h"
#include "free_memory.h"
#include "memory.h"
#include "size.h"

#define MATRIX_LEAST 16     /* columns: a cache line of f32, so that reading one column is no waste of lines */
#define TILE ((uint64_t)64) /* rows copied column by column while they stay in cache */

/* How many columns from `first` on are numbers of one type. */
static size_t count_alike(const bp_dataset *dataset, size_t first)
{
    size_t end = first;

    while (end < dataset->column_count && !dataset->columns[end].categorical &&
           dataset->columns[end].type == dataset->columns[first].type)
        end++;
    return end - first;
}

static bp_status take_columns(bp_dataset *dataset, size_t first, size_t count, bp_error *error)
{
    size_t size = bp_type_size(dataset->columns[first].type);
    char *memory = bp_pool_take_array(&dataset->pool, (size_t)dataset->rows, count * size, error);

    if (!memory)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        dataset->columns[first + i].data = memory + i * size;
        dataset->columns[first + i].stride = count * size;
    }
    return BP_OK;
}

static bp_status take_memory(bp_dataset *dataset, bp_error *error)
{
    for (size_t i = 0, count; i < dataset->column_count; i += count) {
        count = count_alike(dataset, i);
        count = count < MATRIX_LEAST ? 1 : count;
        BP_TRY(take_columns(dataset, i, count, error));
    }
    return BP_OK;
}

static void copy_tile(const bp_column *column, uint64_t row, uint64_t first, uint64_t end, const unsigned char *elements)
{
    size_t size = bp_type_size(column->type);
    unsigned char *to = (unsigned char *)column->data + row * column->stride; /* memory of take_columns */

    for (uint64_t i = first; i < end; i++)
        memcpy(to + i * column->stride, elements + i * size, size);
}

static void copy_block(const bp_dataset *dataset, uint64_t block, const void *buffer)
{
    uint64_t rows = bp_bpd_block_rows(dataset->bpd, block);

    for (uint64_t first = 0; first < rows; first += TILE)
        for (size_t i = 0; i < dataset->column_count; i++)
            copy_tile(&dataset->columns[i], block * BP_BPD_ROWS, first, bp_size_min(first + TILE, rows),
                      bp_bpd_elements(dataset->bpd, block, buffer, i));
}

static bp_status fill(bp_dataset *dataset, bp_error *error)
{
    const bp_allocator *allocator = &dataset->pool.allocator;
    size_t bytes = bp_bpd_block_bytes(dataset->bpd, 0);
    bp_status status = take_memory(dataset, error);

    if (status != BP_OK)
        return status;
    void *buffer = bp_allocate(allocator, bytes);
    if (!buffer)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    for (uint64_t block = 0; block < bp_bpd_blocks(dataset->bpd) && status == BP_OK; block++) {
        status = bp_bpd_read_block(dataset->bpd, block, buffer, error);
        if (status == BP_OK)
            copy_block(dataset, block, buffer);
    }
    bp_release(allocator, buffer, bytes);
    return status;
}

/* ------------------------------------------------------------------------------------------------------- what fits memory */

/* Bytes of what an encoder makes of a row: f32 for a number, but for bytes, and a sparse entry for a category. */
static uint64_t encoded_bytes(const bp_column *column)
{
    return column->categorical ? 2 * sizeof(float) : column->type == BP_TYPE_U8 ? 1 : sizeof(float);
}

/* Columns are fewer than 2^24, so that a row has less than 2^28 bytes; rows are fewer than the file's bytes. */
static bool fits(const bp_dataset *dataset)
{
    size_t row = 0, all;

    for (size_t i = 0; i < dataset->column_count; i++)
        row += bp_type_size(dataset->columns[i].type) + (size_t)encoded_bytes(&dataset->columns[i]);
    return bp_size_mul(row, (size_t)dataset->rows, &all) && all <= dataset->bpd->limit;
}

/* A quarter is left for the network, and for what others take meanwhile. */
static uint64_t limit_of(const bp_settings *settings)
{
    return settings->memory ? settings->memory : bp_free_memory("") / 4 * 3;
}

static bp_status fetch_column(bp_dataset *dataset, size_t index, bp_error *error)
{
    bp_column *column = &dataset->columns[index];
    void *elements = bp_pool_take_array(&dataset->pool, (size_t)dataset->rows, column->stride, error);

    if (!elements)
        return BP_NO_MEMORY;
    column->data = elements;
    return bp_bpd_read_column(dataset->bpd, index, elements, error);
}

bp_status bp_bpd_fetch(bp_dataset *dataset, const bp_settings *settings, bp_error *error)
{
    for (size_t i = 0; dataset->bpd && i < dataset->column_count; i++) {
        const bp_column *column = &dataset->columns[i];
        bool wanted = column->role == BP_ROLE_TARGET || column->role == BP_ROLE_WEIGHT;
        if (wanted || strcmp(column->name, settings->group) == 0)
            BP_TRY(fetch_column(dataset, i, error));
    }
    return BP_OK;
}

bp_status bp_bpd_read(const char *path, const bp_settings *settings, const bp_allocator *allocator, bp_dataset **result,
                      bp_error *error)
{
    bp_dataset *dataset;

    BP_TRY(bp_bpd_open(path, allocator, &dataset, error));
    dataset->bpd->limit = limit_of(settings);
    if (!fits(dataset)) {
        *result = dataset;
        return BP_OK;
    }
    bp_status status = fill(dataset, error);
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    bp_dataset_close(dataset);
    *result = dataset;
    return BP_OK;
}
