/* SPDX-License-Identifier: Apache-2.0 */
#include "bpd_write.h"

#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

/* --------------------------------------------------------------------------------------------------------------- header */

typedef struct header {
    const bp_allocator *allocator;
    void *bytes;
    size_t size;
    size_t capacity;
} header;

static bp_status add(header *h, const void *bytes, size_t size, bp_error *error)
{
    BP_TRY(bp_grow(h->allocator, &h->bytes, &h->capacity, h->size + size, error));
    memcpy((char *)h->bytes + h->size, bytes, size);
    h->size += size;
    return BP_OK;
}

static bp_status add_column(header *h, const bp_column *column, bp_error *error)
{
    bp_bpd_column entry = {
        .type = (uint8_t)column->type,
        .flags = (uint8_t)((column->categorical ? BP_BPD_CATEGORICAL : 0) | (column->has_missing ? BP_BPD_MISSING : 0) |
                           (column->role == BP_ROLE_TARGET ? BP_BPD_TARGET : 0)),
        .name_length = (uint32_t)strlen(column->name),
        .categories = (uint32_t)column->category_count,
    };

    BP_TRY(add(h, &entry, sizeof entry, error));
    BP_TRY(add(h, column->name, entry.name_length, error));
    for (size_t i = 0; i < column->category_count; i++) {
        uint32_t length = (uint32_t)strlen(column->categories[i]);
        BP_TRY(add(h, &length, sizeof length, error));
        BP_TRY(add(h, column->categories[i], length, error));
    }
    return BP_OK;
}

static bp_status fill_header(header *h, const bp_dataset *dataset, bp_error *error)
{
    static const char padding[BP_BPD_UNIT];
    bp_bpd_head head = {
        .magic = BP_BPD_MAGIC,
        .version = BP_BPD_VERSION,
        .block_rows = (uint32_t)BP_BPD_ROWS,
        .rows = dataset->rows,
        .columns = (uint32_t)dataset->column_count,
        .flags = (dataset->integer_classes ? BP_BPD_INTEGER_CLASSES : 0U) | (dataset->numbered ? BP_BPD_NUMBERED : 0U),
    };

    BP_TRY(add(h, &head, sizeof head, error));
    for (size_t i = 0; i < dataset->column_count; i++)
        BP_TRY(add_column(h, &dataset->columns[i], error));
    BP_TRY(add(h, padding, bp_size_round_up(h->size, BP_BPD_UNIT) - h->size, error));
    head.bytes = h->size;
    memcpy(h->bytes, &head, sizeof head);
    bp_bpd_header_sum(h->bytes, h->size, head.checksum);
    memcpy(h->bytes, &head, sizeof head);
    return BP_OK;
}

static bp_status write_header(bp_replacement *file, const bp_dataset *dataset, bp_error *error)
{
    header h = {.allocator = &dataset->pool.allocator};
    bp_status status = fill_header(&h, dataset, error);

    if (status == BP_OK)
        status = bp_replacement_write(file, h.bytes, h.size, error);
    bp_release(h.allocator, h.bytes, h.capacity);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- blocks */

static void copy_elements(const bp_column *column, uint64_t first, uint64_t rows, unsigned char *to)
{
    size_t size = bp_type_size(column->type);
    const unsigned char *from = (const unsigned char *)column->data + first * column->stride;

    if (column->stride == size)
        memcpy(to, from, (size_t)rows * size);
    else
        for (uint64_t row = 0; row < rows; row++)
            memcpy(to + row * size, from + row * column->stride, size);
}

static bp_status write_chunk(bp_bpd_writer *w, size_t index, uint64_t first, uint64_t rows, bp_error *error)
{
    const bp_column *column = &w->dataset->columns[index];
    size_t bytes = (size_t)bp_bpd_chunk_bytes(column->type, rows);
    unsigned char *chunk = w->chunk;

    memset(chunk + bytes - BP_BPD_UNIT, 0, BP_BPD_UNIT);
    memset(chunk, 0, BP_BPD_UNIT);
    copy_elements(column, first, rows, chunk + BP_BPD_UNIT);
    uint64_t sum = bp_bpd_sum(chunk + BP_BPD_UNIT, bytes - BP_BPD_UNIT, w->block * w->dataset->column_count + index);
    memcpy(chunk, &sum, sizeof sum);
    return bp_replacement_write(&w->file, chunk, bytes, error);
}

bp_status bp_bpd_write_rows(bp_bpd_writer *w, uint64_t rows, bp_error *error)
{
    for (uint64_t first = 0; first < rows; first += BP_BPD_ROWS, w->block++)
        for (size_t i = 0; i < w->dataset->column_count; i++)
            BP_TRY(write_chunk(w, i, first, bp_size_min(rows - first, BP_BPD_ROWS), error));
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------------- whole */

/* Lengths have 32 bits in the file; a reader's are far below. */
static bp_status check(const bp_dataset *dataset, bp_error *error)
{
    if (dataset->bpd)
        return bp_fail(error, BP_INVALID, "%s: larger than memory, so packed already", dataset->path);
    if (dataset->entries)
        return bp_fail(error, BP_INVALID, "%s: it is sparse, and a .bpd file holds every 0: it would be much larger",
                       dataset->path);
    for (size_t i = 0; i < dataset->column_count; i++) {
        const bp_column *column = &dataset->columns[i];
        bool fits = strlen(column->name) <= UINT32_MAX && column->category_count <= UINT32_MAX;
        for (size_t k = 0; k < column->category_count && fits; k++)
            fits = strlen(column->categories[k]) <= UINT32_MAX;
        if (!fits)
            return bp_fail(error, BP_INVALID, "%s: column \"%.200s\" has more text than a .bpd file can hold", dataset->path,
                           column->name);
    }
    return BP_OK;
}

#define CHUNK_BYTES ((size_t)bp_bpd_chunk_bytes(BP_TYPE_F64, BP_BPD_ROWS))

bp_status bp_bpd_write_begin(bp_bpd_writer *w, const bp_dataset *dataset, const char *path, bp_error *error)
{
    BP_TRY(check(dataset, error));
    w->dataset = dataset;
    w->block = 0;
    w->chunk = bp_allocate(&dataset->pool.allocator, CHUNK_BYTES);
    if (!w->chunk)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", CHUNK_BYTES);
    bp_status status = bp_replacement_begin(&w->file, path, error);
    if (status == BP_OK) {
        status = write_header(&w->file, dataset, error);
        if (status != BP_OK)
            bp_replacement_abandon(&w->file);
    }
    if (status != BP_OK)
        bp_release(&dataset->pool.allocator, w->chunk, CHUNK_BYTES);
    return status;
}

bp_status bp_bpd_write_end(bp_bpd_writer *w, bp_status status, bp_error *error)
{
    bp_release(&w->dataset->pool.allocator, w->chunk, CHUNK_BYTES);
    if (status == BP_OK)
        return bp_replacement_commit(&w->file, error);
    bp_replacement_abandon(&w->file);
    return status;
}

bp_status bp_dataset_pack(const bp_dataset *dataset, const char *path, bp_error *error)
{
    bp_bpd_writer writer;

    BP_TRY(bp_bpd_write_begin(&writer, dataset, path, error));
    return bp_bpd_write_end(&writer, bp_bpd_write_rows(&writer, dataset->rows, error), error);
}
