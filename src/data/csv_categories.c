/* The distinct texts of a column: found by hashing, numbered as they come, then sorted.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "csv_column.h"
#include "error.h"
#include "hash.h"
#include "memory.h"
#include "size.h"

#define CATEGORIES_MAX ((size_t)INT32_MAX)

typedef struct entry {
    const char *text;
    size_t length;
    int32_t code; /* in order of appearance */
} entry;

/* Open addressing: a slot holds an entry's number + 1, 0 where it is free; at most half of the slots are taken. */
typedef struct set {
    bp_allocator allocator;
    entry *entries;
    size_t entry_bytes;
    size_t count;
    uint32_t *slots;
    size_t slot_count; /* a power of two */
} set;

static void place(set *s, uint32_t number)
{
    const entry *e = &s->entries[number];
    size_t slot = XXH3_64bits(e->text, e->length) & (s->slot_count - 1);

    while (s->slots[slot])
        slot = (slot + 1) & (s->slot_count - 1);
    s->slots[slot] = number + 1;
}

static bp_status widen(set *s, bp_error *error)
{
    size_t wider = s->slot_count ? 2 * s->slot_count : 256;
    uint32_t *slots = bp_allocate_zeroed(&s->allocator, wider * sizeof *slots);

    if (!slots)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", wider * sizeof *slots);
    bp_release(&s->allocator, s->slots, s->slot_count * sizeof *slots);
    s->slots = slots;
    s->slot_count = wider;
    for (size_t i = 0; i < s->count; i++)
        place(s, (uint32_t)i);
    return BP_OK;
}

static bp_status add(set *s, bp_csv_field field, bp_error *error)
{
    void *entries = s->entries;

    if (s->count == CATEGORIES_MAX)
        return bp_fail(error, BP_BAD_FILE, "more than %zu categories", CATEGORIES_MAX);
    bp_status status = bp_grow(&s->allocator, &entries, &s->entry_bytes, (s->count + 1) * sizeof *s->entries, error);
    s->entries = entries;
    BP_TRY(status);
    s->entries[s->count] = (entry){field.text, field.length, (int32_t)s->count};
    s->count++;
    if (2 * s->count > s->slot_count)
        return widen(s, error);
    place(s, (uint32_t)(s->count - 1));
    return BP_OK;
}

static bp_status find_or_add(set *s, bp_csv_field field, int32_t *code, bp_error *error)
{
    if (s->slot_count) {
        size_t slot = XXH3_64bits(field.text, field.length) & (s->slot_count - 1);
        for (; s->slots[slot]; slot = (slot + 1) & (s->slot_count - 1)) {
            const entry *e = &s->entries[s->slots[slot] - 1];
            if (e->length == field.length && memcmp(e->text, field.text, field.length) == 0) {
                *code = e->code;
                return BP_OK;
            }
        }
    }
    *code = (int32_t)s->count;
    return add(s, field, error);
}

static int compare_entries(const void *left, const void *right)
{
    const entry *l = left, *r = right;
    int order = memcmp(l->text, r->text, bp_size_min(l->length, r->length));
    return order ? order : (l->length > r->length) - (l->length < r->length);
}

/* What the fields of one column become. */
typedef struct column_source {
    const bp_csv *csv;
    size_t index;
    uint64_t first;
    uint64_t rows;
} column_source;

static bp_status number_fields(const column_source *source, set *s, int32_t *codes, bool *missing, bp_error *error)
{
    double value;

    for (uint64_t row = 0; row < source->rows; row++) {
        bp_csv_field field = bp_csv_at(source->csv, source->first + row, source->index);
        if (bp_csv_classify(field, &value) != BP_CSV_MISSING) {
            BP_TRY(find_or_add(s, field, &codes[row], error));
        } else {
            codes[row] = -1;
            *missing = true;
        }
    }
    return BP_OK;
}

/* ranks[code] is where a code's text stands among the sorted ones. */
static void renumber(int32_t *codes, uint64_t rows, const int32_t *ranks)
{
    for (uint64_t row = 0; row < rows; row++)
        if (codes[row] >= 0)
            codes[row] = ranks[codes[row]];
}

static bp_status sort_categories(bp_dataset *dataset, bp_column *column, set *s, int32_t *codes, bp_error *error)
{
    size_t bytes = s->count * sizeof(int32_t);
    int32_t *ranks = bp_allocate(&s->allocator, bytes);

    if (!ranks)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    if (s->count)
        qsort(s->entries, s->count, sizeof *s->entries, compare_entries);
    column->category_count = s->count;
    for (size_t i = 0; i < s->count; i++) {
        ranks[s->entries[i].code] = (int32_t)i;
        column->categories[i] = bp_pool_text(&dataset->pool, s->entries[i].text, s->entries[i].length, error);
        if (!column->categories[i]) {
            bp_release(&s->allocator, ranks, bytes);
            return BP_NO_MEMORY;
        }
    }
    renumber(codes, dataset->rows, ranks);
    bp_release(&s->allocator, ranks, bytes);
    return BP_OK;
}

static bp_status fill_categories(bp_dataset *dataset, bp_column *column, const column_source *source, set *s, bp_error *error)
{
    int32_t *codes = bp_pool_take_array(&dataset->pool, (size_t)dataset->rows, sizeof *codes, error);

    if (!codes)
        return BP_NO_MEMORY;
    column->data = codes;
    column->stride = sizeof *codes;
    column->type = BP_TYPE_I32;
    column->categorical = true;
    BP_TRY(number_fields(source, s, codes, &column->has_missing, error));
    column->categories = bp_pool_take_array(&dataset->pool, s->count, sizeof *column->categories, error);
    if (!column->categories)
        return BP_NO_MEMORY;
    return sort_categories(dataset, column, s, codes, error);
}

bp_status bp_csv_fill_categories(bp_dataset *dataset, size_t column, const bp_csv *csv, uint64_t first, bp_error *error)
{
    set s = {.allocator = dataset->pool.allocator};
    column_source source = {csv, column, first, dataset->rows};
    bp_status status = fill_categories(dataset, &dataset->columns[column], &source, &s, error);

    bp_release(&s.allocator, s.entries, s.entry_bytes);
    bp_release(&s.allocator, s.slots, s.slot_count * sizeof *s.slots);
    return status;
}
