/* SPDX-License-Identifier: Apache-2.0 */
#include "bpd.h"

#include <string.h>

#include "bpd_header.h"
#include "error.h"
#include "file.h"
#include "hash.h"
#include "memory.h"
#include "size.h"

uint64_t bp_bpd_sum(const void *elements, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(elements, bytes, seed);
}

void bp_bpd_header_sum(const void *header, size_t bytes, uint8_t digest[16])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits(header, bytes));
    memcpy(digest, canonical.digest, 16);
}

/* ---------------------------------------------------------------------------------------------------------------- sizes */

/* Where chunks begin in a block of `rows` rows. Columns are fewer than 2^24 and a chunk below 2^17 bytes: no overflow. */
static uint64_t *place_chunks(bp_dataset *dataset, uint64_t rows, bp_error *error)
{
    uint64_t *places = bp_pool_take_array(&dataset->pool, dataset->column_count + 1, sizeof *places, error);

    if (!places)
        return NULL;
    places[0] = 0;
    for (size_t i = 0; i < dataset->column_count; i++)
        places[i + 1] = places[i] + bp_bpd_chunk_bytes(dataset->columns[i].type, rows);
    return places;
}

static bp_status place_blocks(bp_dataset *dataset, uint64_t size, bp_error *error)
{
    bp_bpd *bpd = dataset->bpd;
    uint64_t last = bp_bpd_blocks(bpd) - 1;
    size_t bytes;

    bpd->full = place_chunks(dataset, BP_BPD_ROWS, error);
    bpd->ragged = bpd->full ? place_chunks(dataset, bp_bpd_block_rows(bpd, last), error) : NULL;
    if (!bpd->ragged)
        return BP_NO_MEMORY;
    if (!bp_size_mul((size_t)last, (size_t)bpd->full[dataset->column_count], &bytes) ||
        !bp_size_add(bytes, (size_t)bpd->ragged[dataset->column_count], &bytes) ||
        !bp_size_add(bytes, (size_t)bpd->begin, &bytes) || bytes != size)
        return bp_fail(error, BP_BAD_FILE, "%s: %llu rows of %zu columns make a file of another size than its %llu bytes",
                       dataset->path, (unsigned long long)dataset->rows, dataset->column_count, (unsigned long long)size);
    return BP_OK;
}

uint64_t bp_bpd_blocks(const bp_bpd *bpd)
{
    return (bpd->dataset->rows - 1) / BP_BPD_ROWS + 1;
}

uint64_t bp_bpd_block_rows(const bp_bpd *bpd, uint64_t block)
{
    return bp_size_min(bpd->dataset->rows - block * BP_BPD_ROWS, BP_BPD_ROWS);
}

static const uint64_t *places_of(const bp_bpd *bpd, uint64_t block)
{
    return block + 1 < bp_bpd_blocks(bpd) ? bpd->full : bpd->ragged;
}

size_t bp_bpd_block_bytes(const bp_bpd *bpd, uint64_t block)
{
    return (size_t)places_of(bpd, block)[bpd->dataset->column_count];
}

/* -------------------------------------------------------------------------------------------------------------- opening */

static bp_status open_bpd(bp_dataset *dataset, bp_error *error)
{
    uint64_t size;
    bp_bpd *bpd = bp_pool_take(&dataset->pool, sizeof *bpd, error);

    if (!bpd)
        return BP_NO_MEMORY;
    *bpd = (bp_bpd){.dataset = dataset};
    BP_TRY(bp_file_open_read(dataset->path, &bpd->fd, &size, error));
    dataset->bpd = bpd;
    BP_TRY(bp_bpd_read_header(dataset, bpd->fd, size, &bpd->begin, error));
    return place_blocks(dataset, size, error);
}

bp_status bp_bpd_open(const char *path, const bp_allocator *allocator, bp_dataset **result, bp_error *error)
{
    bp_dataset *dataset;
    bp_error own;

    error = error ? error : &own; /* pointers that are NULL leave the status there */
    BP_TRY(bp_dataset_new(path, allocator, &dataset, error));
    bp_status status = open_bpd(dataset, error);
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------------- blocks */

static bp_status check_codes(const bp_bpd *bpd, const bp_column *column, uint64_t first, uint64_t rows, const void *elements,
                             bp_error *error)
{
    const int32_t *codes = elements;

    for (uint64_t row = 0; row < rows; row++)
        if (codes[row] < -1 || codes[row] >= (int64_t)column->category_count)
            return bp_dataset_fail(bpd->dataset, first + row, error, "column \"%.200s\": category %d of %zu", column->name,
                                   (int)codes[row], column->category_count);
    return BP_OK;
}

static bp_status check_chunk(const bp_bpd *bpd, uint64_t block, size_t index, const unsigned char *chunk, size_t bytes,
                             bp_error *error)
{
    const bp_column *column = &bpd->dataset->columns[index];
    uint64_t unit[BP_BPD_UNIT / sizeof(uint64_t)], rest = 0;

    memcpy(unit, chunk, sizeof unit);
    for (size_t i = 1; i < sizeof unit / sizeof *unit; i++)
        rest |= unit[i];
    if (rest || unit[0] != bp_bpd_sum(chunk + BP_BPD_UNIT, bytes - BP_BPD_UNIT, block * bpd->dataset->column_count + index))
        return bp_fail(error, BP_BAD_FILE,
                       "%s: column \"%.200s\" is damaged between rows %llu and %llu: its checksum is not the one that stands there",
                       bpd->dataset->path, column->name, (unsigned long long)(block * BP_BPD_ROWS + 1),
                       (unsigned long long)(block * BP_BPD_ROWS + bp_bpd_block_rows(bpd, block)));
    if (!column->categorical)
        return BP_OK;
    return check_codes(bpd, column, block * BP_BPD_ROWS, bp_bpd_block_rows(bpd, block), chunk + BP_BPD_UNIT, error);
}

static uint64_t offset_of(const bp_bpd *bpd, uint64_t block)
{
    return bpd->begin + block * bpd->full[bpd->dataset->column_count];
}

/* Bytes that are still in a second-level cache when they are checked. */
#define PIECE ((uint64_t)256 << 10)

static size_t end_of_piece(const uint64_t *places, size_t first, size_t end)
{
    size_t next = first + 1;

    while (next < end && places[next + 1] - places[first] <= PIECE)
        next++;
    return next;
}

bp_status bp_bpd_read_columns(const bp_bpd *bpd, uint64_t block, size_t first, size_t end, void *buffer, bp_error *error)
{
    const uint64_t *places = places_of(bpd, block);
    unsigned char *bytes = buffer;

    for (size_t next; first < end; first = next) {
        next = end_of_piece(places, first, end);
        BP_TRY(bp_file_read_at(bpd->fd, offset_of(bpd, block) + places[first], bytes + places[first],
                               (size_t)(places[next] - places[first]), bpd->dataset->path, error));
        for (size_t i = first; i < next; i++)
            BP_TRY(check_chunk(bpd, block, i, bytes + places[i], (size_t)(places[i + 1] - places[i]), error));
    }
    return BP_OK;
}

bp_status bp_bpd_read_block(const bp_bpd *bpd, uint64_t block, void *buffer, bp_error *error)
{
    return bp_bpd_read_columns(bpd, block, 0, bpd->dataset->column_count, buffer, error);
}

void bp_bpd_will_need(const bp_bpd *bpd, uint64_t block)
{
    bp_file_will_need(bpd->fd, offset_of(bpd, block), bp_bpd_block_bytes(bpd, block));
}

const void *bp_bpd_elements(const bp_bpd *bpd, uint64_t block, const void *buffer, size_t column)
{
    return (const unsigned char *)buffer + places_of(bpd, block)[column] + BP_BPD_UNIT;
}

static bp_status read_chunks(const bp_bpd *bpd, size_t index, unsigned char *chunk, unsigned char *elements, bp_error *error)
{
    size_t size = bp_type_size(bpd->dataset->columns[index].type);

    for (uint64_t block = 0; block < bp_bpd_blocks(bpd); block++) {
        const uint64_t *places = places_of(bpd, block);
        size_t bytes = (size_t)(places[index + 1] - places[index]);
        BP_TRY(bp_file_read_at(bpd->fd, offset_of(bpd, block) + places[index], chunk, bytes, bpd->dataset->path, error));
        BP_TRY(check_chunk(bpd, block, index, chunk, bytes, error));
        memcpy(elements + block * BP_BPD_ROWS * size, chunk + BP_BPD_UNIT, (size_t)bp_bpd_block_rows(bpd, block) * size);
    }
    return BP_OK;
}

bp_status bp_bpd_read_column(const bp_bpd *bpd, size_t column, void *elements, bp_error *error)
{
    const bp_allocator *allocator = &bpd->dataset->pool.allocator;
    size_t bytes = (size_t)bp_bpd_chunk_bytes(bpd->dataset->columns[column].type, BP_BPD_ROWS);
    void *chunk = bp_allocate(allocator, bytes);

    if (!chunk)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    bp_status status = read_chunks(bpd, column, chunk, elements, error);
    bp_release(allocator, chunk, bytes);
    return status;
}

bp_status bp_bpd_read_element(const bp_bpd *bpd, size_t column, uint64_t row, void *element, bp_error *error)
{
    const bp_column *c = &bpd->dataset->columns[column];
    uint64_t block = row / BP_BPD_ROWS;
    size_t size = bp_type_size(c->type);
    uint64_t offset = offset_of(bpd, block) + places_of(bpd, block)[column] + BP_BPD_UNIT + row % BP_BPD_ROWS * size;

    BP_TRY(bp_file_read_at(bpd->fd, offset, element, size, bpd->dataset->path, error));
    return c->categorical ? check_codes(bpd, c, row, 1, element, error) : BP_OK;
}
