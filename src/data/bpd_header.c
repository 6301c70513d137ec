/* SPDX-License-Identifier: Apache-2.0 */
#include "bpd_header.h"

#include <stdlib.h>
#include <string.h>

#include "bpd.h"
#include "error.h"
#include "file.h"
#include "memory.h"
#include "text.h"

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

static bp_status read_columns(bp_dataset *dataset, int fd, const bp_bpd_head *head, void *header, bp_error *error)
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

bp_status bp_bpd_read_header(bp_dataset *dataset, int fd, uint64_t size, uint64_t *end, bp_error *error)
{
    bp_bpd_head head;

    if (size < sizeof head)
        return bp_fail(error, BP_BAD_FILE, "%s: no .bpd file: it is shorter than a header", dataset->path);
    BP_TRY(bp_file_read_at(fd, 0, &head, sizeof head, dataset->path, error));
    BP_TRY(check_head(dataset->path, &head, size, error));
    void *header = bp_allocate(&dataset->pool.allocator, (size_t)head.bytes);
    if (!header)
        return bp_fail(error, BP_NO_MEMORY, "%s: %llu bytes for the header were refused", dataset->path,
                       (unsigned long long)head.bytes);
    bp_status status = read_columns(dataset, fd, &head, header, error);
    bp_release(&dataset->pool.allocator, header, (size_t)head.bytes);
    *end = head.bytes;
    return status;
}
