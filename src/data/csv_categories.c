/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_categories.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "hash.h"
#include "memory.h"
#include "size.h"

#define CATEGORIES_MAX ((size_t)INT32_MAX)
#define FIRST_ENTRIES ((size_t)32) /* a table may have thousands of columns of text */
#define FIRST_TEXT ((size_t)512)
#define TIMES 4 /* that a set grows at once: each growth stops the team */

/* The slot of a text, or the free one where it would go. The set has slots. */
static inline size_t slot_of(const bp_csv_set *set, bp_csv_field field, uint32_t hash)
{
    size_t mask = 2 * set->capacity - 1, slot;

    for (slot = hash & mask; set->slots[slot]; slot = (slot + 1) & mask) {
        const bp_csv_entry *e = &set->entries[set->slots[slot] - 1];
        if (e->hash == hash && e->length == field.length && memcmp(set->text + e->begin, field.text, field.length) == 0)
            break;
    }
    return slot;
}

int32_t bp_csv_set_find(const bp_csv_set *set, bp_csv_field field)
{
    if (set->capacity == 0)
        return BP_CSV_SET_FULL;
    uint32_t number = set->slots[slot_of(set, field, (uint32_t)XXH3_64bits(field.text, field.length))];
    return number ? (int32_t)(number - 1) : BP_CSV_SET_FULL;
}

int32_t bp_csv_set_number(bp_csv_set *set, bp_csv_field field)
{
    uint32_t hash = (uint32_t)XXH3_64bits(field.text, field.length);

    if (set->capacity == 0)
        return BP_CSV_SET_FULL;
    size_t slot = slot_of(set, field, hash);
    if (set->slots[slot])
        return (int32_t)(set->slots[slot] - 1);
    if (set->count == set->capacity || field.length > set->text_bytes - set->text_used)
        return BP_CSV_SET_FULL;
    memcpy(set->text + set->text_used, field.text, field.length);
    set->entries[set->count] = (bp_csv_entry){set->text_used, (uint32_t)field.length, hash};
    set->text_used += field.length;
    set->slots[slot] = (uint32_t)++set->count;
    return (int32_t)(set->count - 1);
}

bool bp_csv_set_is_filling(const bp_csv_set *set)
{
    return set->count >= set->capacity / 2 || set->text_used >= set->text_bytes / 2;
}

static void place(bp_csv_set *set, uint32_t number)
{
    size_t mask = 2 * set->capacity - 1, slot = set->entries[number].hash & mask;

    while (set->slots[slot])
        slot = (slot + 1) & mask;
    set->slots[slot] = number + 1;
}

static bp_status widen_entries(bp_csv_set *set, const bp_allocator *allocator, bp_error *error)
{
    size_t wider = set->capacity ? TIMES * set->capacity : FIRST_ENTRIES, bytes = set->capacity * sizeof *set->entries;
    void *entries = set->entries;

    if (set->capacity > CATEGORIES_MAX / TIMES)
        return bp_fail(error, BP_BAD_FILE, "a column of more than %zu categories", set->capacity);
    uint32_t *slots = bp_allocate_zeroed(allocator, 2 * wider * sizeof *slots);
    bp_status status = slots ? BP_OK : bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", 2 * wider * sizeof *slots);
    if (status == BP_OK)
        status = bp_grow(allocator, &entries, &bytes, wider * sizeof *set->entries, error);
    if (status != BP_OK) {
        bp_release(allocator, slots, 2 * wider * sizeof *slots);
        return status;
    }
    bp_release(allocator, set->slots, 2 * set->capacity * sizeof *slots);
    set->slots = slots;
    set->entries = entries;
    set->capacity = wider;
    for (size_t i = 0; i < set->count; i++)
        place(set, (uint32_t)i);
    return BP_OK;
}

static bp_status widen_text(bp_csv_set *set, size_t least, const bp_allocator *allocator, bp_error *error)
{
    size_t wanted = bp_size_max(bp_size_max(FIRST_TEXT, TIMES * set->text_bytes), set->text_used + least);
    void *text = set->text;
    bp_status status = bp_grow(allocator, &text, &set->text_bytes, wanted, error);

    set->text = text;
    return status;
}

bp_status bp_csv_set_widen(bp_csv_set *set, size_t least, const bp_allocator *allocator, bp_error *error)
{
    if (set->count >= set->capacity / 2)
        BP_TRY(widen_entries(set, allocator, error));
    if (set->text_used >= set->text_bytes / 2 || set->text_bytes - set->text_used < least)
        BP_TRY(widen_text(set, least, allocator, error));
    return BP_OK;
}

void bp_csv_set_release(bp_csv_set *set, const bp_allocator *allocator)
{
    bp_release(allocator, set->entries, set->capacity * sizeof *set->entries);
    bp_release(allocator, set->slots, 2 * set->capacity * sizeof *set->slots);
    bp_release(allocator, set->text, set->text_bytes);
    *set = (bp_csv_set){0};
}

/* ------------------------------------------------------------------------------------------------------------- union */

typedef struct reference {
    const char *text;
    size_t length;
    int32_t *rank; /* where its category's number goes */
} reference;

static int compare_references(const void *left, const void *right)
{
    const reference *l = left, *r = right;
    int order = memcmp(l->text, r->text, bp_size_min(l->length, r->length));
    return order ? order : (l->length > r->length) - (l->length < r->length);
}

/* Of every set's texts, each with its place among the ranks. */
static void refer(reference *list, const bp_csv_set *sets, size_t stride, size_t count, int32_t **ranks)
{
    for (size_t i = 0; i < count; i++) {
        const bp_csv_set *set = &sets[i * stride];
        for (size_t k = 0; k < set->count; k++)
            *list++ = (reference){set->text + set->entries[k].begin, set->entries[k].length, &ranks[i][k]};
    }
}

/* Numbers sorted texts; equal ones of several sets are one category. */
static size_t number_references(const reference *list, size_t total)
{
    size_t categories = 0;

    for (size_t i = 0; i < total; i++) {
        categories += i == 0 || compare_references(&list[i - 1], &list[i]) != 0;
        *list[i].rank = (int32_t)(categories - 1);
    }
    return categories;
}

static bp_status take_categories(bp_dataset *dataset, bp_column *column, const reference *list, size_t total, bp_error *error)
{
    column->category_count = number_references(list, total);
    if (column->category_count > CATEGORIES_MAX)
        return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" has more than %zu categories", dataset->path, column->name,
                       CATEGORIES_MAX);
    column->categories = bp_pool_take_array(&dataset->pool, column->category_count, sizeof *column->categories, error);
    if (!column->categories)
        return BP_NO_MEMORY;
    for (size_t i = 0, next = 0; i < total; i++) {
        if ((size_t)*list[i].rank != next)
            continue;
        column->categories[next] = bp_pool_text(&dataset->pool, list[i].text, list[i].length, error);
        if (!column->categories[next++])
            return BP_NO_MEMORY;
    }
    return BP_OK;
}

static bp_status take_ranks(const bp_csv_set *sets, size_t stride, size_t count, const bp_allocator *allocator, int32_t **ranks,
                            bp_error *error)
{
    for (size_t i = 0; i < count; i++) {
        ranks[i] = bp_allocate(allocator, sets[i * stride].count * sizeof **ranks);
        if (ranks[i])
            continue;
        while (i-- > 0)
            bp_release(allocator, ranks[i], sets[i * stride].count * sizeof **ranks);
        return bp_fail(error, BP_NO_MEMORY, "memory for a column's categories was refused");
    }
    return BP_OK;
}

bp_status bp_csv_set_unite(bp_dataset *dataset, bp_column *column, const bp_csv_set *sets, size_t stride, size_t count,
                           int32_t **ranks, bp_error *error)
{
    const bp_allocator *allocator = &dataset->pool.allocator;
    size_t total = 0;

    BP_TRY(take_ranks(sets, stride, count, allocator, ranks, error));
    for (size_t i = 0; i < count; i++)
        total += sets[i * stride].count;
    reference *list = bp_allocate(allocator, total * sizeof *list);
    bp_status status = list ? BP_OK : bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", total * sizeof *list);
    if (status == BP_OK) {
        refer(list, sets, stride, count, ranks);
        qsort(list, total, sizeof *list, compare_references);
        status = take_categories(dataset, column, list, total, error);
    }
    bp_release(allocator, list, total * sizeof *list);
    for (size_t i = 0; status != BP_OK && i < count; i++)
        bp_release(allocator, ranks[i], sets[i * stride].count * sizeof **ranks);
    return status;
}
