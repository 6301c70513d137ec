/* SPDX-License-Identifier: Apache-2.0 */
#include "bpd.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "hash.h"
#include "memory.h"
#include "size.h"
#include "text.h"

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

/* --------------------------------------------------------------------------------------------------------------- header */

/* What is left of the header, and where it lies in the file. */
typedef struct cursor {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    size_t at;
} cursor;

static const void *take(cursor *c, size_t size, bp_error *error)
{
    if (size > c->size - c->at) {
        bp_fail_offset(error, c->path, c->at, "the header ends within the columns");
        return NULL;
    }
    c->at += size;
    return c->bytes + c->at - size;
}

static char *take_text(cursor *c, bp_pool *pool, size_t length, bp_error *error)
{
    const char *text = take(c, length, error);

    if (!text)
        return NULL;
    if (length == 0 || bp_text_utf8_prefix(text, length) != length) {
        bp_fail_offset(error, c->path, c->at - length, length ? "a name that is not UTF-8" : "an empty name");
        return NULL;
    }
    return bp_pool_text(pool, text, length, error);
}

/* A status for a pointer that says no more than that something failed: memory, or the file. */
static bp_status status_of(const bp_error *error)
{
    return (bp_status)error->status;
}

static bp_status read_categories(cursor *c, bp_dataset *dataset, bp_column *column, uint32_t count, bp_error *error)
{
    if (count > (c->size - c->at) / (sizeof(uint32_t) + 1))
        return bp_fail_offset(error, c->path, c->at, "%u categories, more than the header has room for", count);
    column->categories = bp_pool_take_array(&dataset->pool, count, sizeof *column->categories, error);
    if (!column->categories)
        return BP_NO_MEMORY;
    column->category_count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length;
        const void *bytes = take(c, sizeof length, error);
        if (!bytes)
            return status_of(error);
        memcpy(&length, bytes, sizeof length);
        column->categories[i] = take_text(c, &dataset->pool, length, error);
        if (!column->categories[i])
            return status_of(error);
        if (i && strcmp(column->categories[i - 1], column->categories[i]) >= 0)
            return bp_fail_offset(error, c->path, c->at - length, "categories that are not in order");
    }
    return BP_OK;
}

static bool is_sound(const bp_bpd_column *entry)
{
    bool categorical = entry->flags & BP_BPD_CATEGORICAL, whole = entry->type == BP_TYPE_U8 || entry->type == BP_TYPE_I32;

    return entry->type <= BP_TYPE_F64 && !entry->reserved && entry->flags < 8 &&
           (categorical ? entry->type == BP_TYPE_I32 : !entry->categories && !(whole && entry->flags & BP_BPD_MISSING));
}

static bp_status read_column_entry(cursor *c, bp_dataset *dataset, bp_column *column, bp_error *error)
{
    bp_bpd_column entry;
    const void *bytes = take(c, sizeof entry, error);

    if (!bytes)
        return status_of(error);
    memcpy(&entry, bytes, sizeof entry);
    if (!is_sound(&entry))
        return bp_fail_offset(error, c->path, c->at - sizeof entry, "a column of a kind that there is not");
    column->type = (bp_type)entry.type;
    column->categorical = entry.flags & BP_BPD_CATEGORICAL;
    column->has_missing = entry.flags & BP_BPD_MISSING;
    column->role = entry.flags & BP_BPD_TARGET ? BP_ROLE_TARGET : BP_ROLE_INPUT;
    column->stride = bp_type_size(column->type);
    column->name = take_text(c, &dataset->pool, entry.name_length, error);
    if (!column->name)
        return status_of(error);
    return column->categorical ? read_categories(c, dataset, column, entry.categories, error) : BP_OK;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bp_status refuse_twins(bp_dataset *dataset, bp_error *error)
{
    char **names = bp_pool_take_array(&dataset->pool, dataset->column_count, sizeof *names, error);

    if (!names)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < dataset->column_count; i++)
        names[i] = dataset->columns[i].name;
    qsort(names, dataset->column_count, sizeof *names, compare_names);
    for (size_t i = 1; i < dataset->column_count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return bp_fail(error, BP_BAD_FILE, "%s: two columns are named \"%.200s\"", dataset->path, names[i]);
    return BP_OK;
}

/* Behind the columns stand the zeros that fill the last unit, and nothing else. */
static bp_status check_rest(const cursor *c, bp_error *error)
{
    static const unsigned char zeros[BP_BPD_UNIT];
    size_t rest = c->size - c->at;

    if (rest >= sizeof zeros || memcmp(c->bytes + c->at, zeros, rest) != 0)
        return bp_fail_offset(error, c->path, c->at, "the header goes on behind its columns");
    return BP_OK;
}

static bp_status parse_columns(bp_dataset *dataset, const bp_bpd_head *head, const void *header, bp_error *error)
{
    cursor c = {dataset->path, header, (size_t)head->bytes, sizeof *head};

    if (head->columns > (head->bytes - sizeof *head) / sizeof(bp_bpd_column))
        return bp_fail_offset(error, dataset->path, 32, "%u columns, more than the header has room for", head->columns);
    dataset->rows = head->rows;
    dataset->integer_classes = head->flags & BP_BPD_INTEGER_CLASSES;
    dataset->numbered = head->flags & BP_BPD_NUMBERED;
    BP_TRY(bp_dataset_make_columns(dataset, head->columns, error));
    for (size_t i = 0; i < dataset->column_count; i++)
        BP_TRY(read_column_entry(&c, dataset, &dataset->columns[i], error));
    BP_TRY(check_rest(&c, error));
    return refuse_twins(dataset, error);
}

static bp_status check_head(const char *path, const bp_bpd_head *head, uint64_t size, bp_error *error)
{
    if (memcmp(head->magic, BP_BPD_MAGIC, sizeof head->magic) != 0)
        return bp_fail_offset(error, path, 0, "no .bpd file: it does not begin as one");
    BP_TRY(bp_check_version(path, ".bpd file", head->version, 1, BP_BPD_VERSION, error));
    if (head->block_rows != BP_BPD_ROWS || head->reserved || head->flags & ~3U)
        return bp_fail_offset(error, path, 12, "a header that version %d does not have", BP_BPD_VERSION);
    if (head->rows < 1 || head->columns < 1)
        return bp_fail_offset(error, path, 16, "a file without rows or columns");
    if (head->bytes < sizeof *head || head->bytes % BP_BPD_UNIT || head->bytes > size)
        return bp_fail_offset(error, path, 24, "a header of %llu bytes in a file of %llu", (unsigned long long)head->bytes,
                              (unsigned long long)size);
    return BP_OK;
}

static bp_status read_header(bp_dataset *dataset, int fd, bp_bpd_head *head, void *header, bp_error *error)
{
    uint8_t digest[16], *sum = (uint8_t *)header + offsetof(bp_bpd_head, checksum);

    BP_TRY(bp_file_read_at(fd, 0, header, (size_t)head->bytes, dataset->path, error));
    memset(sum, 0, sizeof head->checksum);
    bp_bpd_header_sum(header, (size_t)head->bytes, digest);
    if (memcmp(digest, head->checksum, sizeof digest) != 0)
        return bp_fail(error, BP_BAD_FILE, "%s: the header is damaged: its checksum is not the one that stands in it",
                       dataset->path);
    return parse_columns(dataset, head, header, error);
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
    bp_bpd_head head;
    uint64_t size;
    bp_bpd *bpd = bp_pool_take(&dataset->pool, sizeof *bpd, error);

    if (!bpd)
        return BP_NO_MEMORY;
    *bpd = (bp_bpd){.dataset = dataset};
    BP_TRY(bp_file_open_read(dataset->path, &bpd->fd, &size, error));
    dataset->bpd = bpd;
    if (size < sizeof head)
        return bp_fail(error, BP_BAD_FILE, "%s: no .bpd file: it is shorter than a header", dataset->path);
    BP_TRY(bp_file_read_at(bpd->fd, 0, &head, sizeof head, dataset->path, error));
    BP_TRY(check_head(dataset->path, &head, size, error));
    bpd->begin = head.bytes;
    void *header = bp_allocate(&dataset->pool.allocator, (size_t)head.bytes);
    if (!header)
        return bp_fail(error, BP_NO_MEMORY, "%s: %llu bytes for the header were refused", dataset->path,
                       (unsigned long long)head.bytes);
    bp_status status = read_header(dataset, bpd->fd, &head, header, error);
    bp_release(&dataset->pool.allocator, header, (size_t)head.bytes);
    return status == BP_OK ? place_blocks(dataset, size, error) : status;
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
