/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"

#include <math.h>
#include <stdlib.h>

#include "error.h"
#include "memory.h"
#include "random.h"
#include "size.h"

uint64_t bp_split_key(uint64_t seed, uint64_t row)
{
    philox4x32_ctr_t bits = bp_random(seed, BP_STREAM_SPLIT, 0, 0, row);
    return (uint64_t)bits.v[1] << 32 | bits.v[0];
}

typedef struct valued_row {
    double value;
    uint64_t row;
} valued_row;

static int compare_values(const void *left, const void *right)
{
    const valued_row *l = left, *r = right;

    if (l->value != r->value)
        return l->value < r->value ? -1 : 1;
    return (l->row > r->row) - (l->row < r->row);
}

static int compare_groups(const void *left, const void *right)
{
    const bp_group *l = left, *r = right;

    if (l->key != r->key)
        return l->key < r->key ? -1 : 1;
    return (l->first > r->first) - (l->first < r->first);
}

static bp_status fill_values(const bp_dataset *dataset, const bp_column *column, bp_rows rows, valued_row *list, bp_error *error)
{
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = rows.index ? rows.index[i] : i;
        double value = column->categorical ? bp_column_code(column, row) : bp_column_number(column, row);
        if (isnan(value) || (column->categorical && value < 0))
            return bp_dataset_fail(dataset, row, error, "the row has no value in column \"%.200s\", by which rows are grouped",
                                   column->name);
        list[i] = (valued_row){value, row};
    }
    return BP_OK;
}

static void collect(const valued_row *list, uint64_t count, uint64_t seed, bp_groups *groups)
{
    for (uint64_t i = 0; i < count; i++) {
        if (i == 0 || list[i].value != list[i - 1].value)
            groups->list[groups->count++] = (bp_group){bp_split_key(seed, list[i].row), i, 0};
        groups->members[i] = list[i].row;
        groups->list[groups->count - 1].count++;
    }
    qsort(groups->list, groups->count, sizeof *groups->list, compare_groups);
}

static valued_row *carve(bp_groups *groups, uint64_t rows, bp_arena *arena)
{
    groups->members = bp_arena_take(arena, (size_t)rows, sizeof *groups->members);
    groups->list = bp_arena_take(arena, (size_t)rows, sizeof *groups->list);
    return bp_arena_take(arena, (size_t)rows, sizeof(valued_row));
}

bp_status bp_groups_find(const bp_dataset *dataset, const bp_settings *settings, bp_rows rows, bp_groups *result, bp_error *error)
{
    const bp_column *column = bp_dataset_find(dataset, settings->group, 0);
    bp_groups groups = {.count = 0};
    bp_arena arena = {.base = NULL};

    if (!column)
        return bp_fail(error, BP_INVALID, "group: no column is named \"%.200s\"", settings->group);
    carve(&groups, rows.count, &arena);
    groups.memory = bp_arena_commit(&arena, &dataset->pool.allocator, &groups.bytes);
    if (!groups.memory)
        return bp_fail(error, BP_NO_MEMORY, "memory to group %llu rows was refused", (unsigned long long)rows.count);
    valued_row *list = carve(&groups, rows.count, &arena);
    bp_status status = fill_values(dataset, column, rows, list, error);
    if (status != BP_OK) {
        bp_groups_free(dataset, &groups);
        return status;
    }
    qsort(list, rows.count, sizeof *list, compare_values);
    collect(list, rows.count, settings->seed, &groups);
    *result = groups;
    return BP_OK;
}

void bp_groups_free(const bp_dataset *dataset, bp_groups *groups)
{
    bp_release(&dataset->pool.allocator, groups->memory, groups->bytes);
}
