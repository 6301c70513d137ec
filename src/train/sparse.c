/* SPDX-License-Identifier: Apache-2.0 */
#include "sparse.h"

#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

/* ------------------------------------------------------------------------------------------------------------- memory */

static uint64_t row_at(const uint64_t *rows, uint64_t first, size_t r)
{
    return rows ? rows[r] : first + r;
}

static size_t entries_of(const bp_examples *examples, uint64_t row)
{
    return (size_t)(examples->sparse.first[row + 1] - examples->sparse.first[row]);
}

/* Entries that a minibatch of `most` rows has at most: as many as all rows, or the longest one in each place. */
static size_t most_entries(const bp_examples *examples, bp_rows rows, size_t most)
{
    size_t all = 0, longest = 0, longest_times;

    for (uint64_t i = 0; i < rows.count; i++) {
        size_t count = entries_of(examples, row_at(rows.index, 0, i));
        longest = bp_size_max(longest, count);
        if (!bp_size_add(all, count, &all))
            return SIZE_MAX;
    }
    return bp_size_mul(longest, most, &longest_times) ? bp_size_min(all, longest_times) : all;
}

static void carve(bp_sparse_batch *batch, const bp_plan *plan, size_t entries, bp_arena *arena)
{
    size_t rows = plan->chunk ? plan->threads * bp_size_min(plan->chunk, plan->batch) : plan->batch;

    batch->rows = bp_arena_take(arena, rows, sizeof *batch->rows);
    if (plan->chunk)
        return;
    batch->group = bp_arena_take(arena, plan->threads * (batch->groups + 1), sizeof *batch->group);
    batch->place = bp_arena_take(arena, entries, sizeof *batch->place);
    batch->row = bp_arena_take(arena, entries, sizeof *batch->row);
    batch->value = bp_arena_take(arena, entries, sizeof *batch->value);
}

bp_status bp_sparse_batch_begin(bp_sparse_batch *batch, const bp_layout *layout, const bp_plan *plan, const bp_examples *examples,
                                bp_rows rows, const bp_allocator *allocator, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    if (!examples->sparse.first || plan->arithmetic.terms || plan->tiny)
        return BP_OK;
    size_t entries = most_entries(examples, rows, plan->batch);
    batch->allocator = *allocator;
    batch->groups = layout->layer[0].k_panels;
    carve(batch, plan, entries, &arena);
    batch->memory = bp_arena_commit(&arena, allocator, &batch->bytes);
    if (!batch->memory)
        return bp_fail(error, BP_NO_MEMORY, "minibatches of up to %zu entries: %zu bytes were refused", entries, batch->bytes);
    carve(batch, plan, entries, &arena);
    return BP_OK;
}

void bp_sparse_batch_end(bp_sparse_batch *batch)
{
    if (batch->memory)
        bp_release(&batch->allocator, batch->memory, batch->bytes);
    *batch = (bp_sparse_batch){.memory = NULL};
}

/* -------------------------------------------------------------------------------------------------------------- lists */

/* A member's groups: group g begins at place g. */
static size_t *groups_of(const bp_sparse_batch *batch, unsigned member)
{
    return batch->group + member * (batch->groups + 1);
}

/* Where each group begins, one place late: so that each is there when its entries have been placed. */
static void count_groups(const bp_sparse_batch *batch, bp_span own, size_t begin, size_t *group)
{
    memset(group, 0, (batch->groups + 1) * sizeof *group);
    for (size_t r = own.first; r < own.first + own.count; r++)
        for (size_t e = 0; e < batch->rows[r].count; e++)
            group[batch->rows[r].column[e] / BP_PANEL + 1]++;
    group[0] = begin;
    for (size_t g = 0, next = begin; g < batch->groups; g++) {
        size_t count = group[g + 1];
        group[g + 1] = next;
        next += count;
    }
}

static void place_entries(const bp_sparse_batch *batch, bp_span own, size_t *group)
{
    for (size_t r = own.first; r < own.first + own.count; r++) {
        const bp_sparse_row *row = &batch->rows[r];
        for (size_t e = 0; e < row->count; e++) {
            size_t to = group[row->column[e] / BP_PANEL + 1]++;
            batch->place[to] = row->column[e] % BP_PANEL;
            batch->row[to] = (uint32_t)r;
            batch->value[to] = row->value[e];
        }
    }
}

void bp_sparse_batch_list(const bp_sparse_batch *batch, bp_member member, const bp_examples *examples, const uint64_t *rows,
                          uint64_t first, bp_span own)
{
    size_t *group = groups_of(batch, member.index), begin = 0;

    for (size_t r = 0; r < own.first; r++)
        begin += entries_of(examples, row_at(rows, first, r));
    count_groups(batch, own, begin, group);
    place_entries(batch, own, group);
}

/* The first entry in [begin, end) whose row is `row` or behind it. */
static size_t find_row(const uint32_t *rows, size_t begin, size_t end, size_t row)
{
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (rows[middle] < row)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

uint32_t bp_sparse_batch_columns(const bp_sparse_batch *batch, unsigned members, size_t i)
{
    uint32_t columns = 0;

    for (unsigned t = 0; t < members; t++) {
        const size_t *group = groups_of(batch, t);
        for (size_t e = group[i]; e < group[i + 1]; e++)
            columns |= UINT32_C(1) << batch->place[e];
    }
    return columns;
}

bp_sparse_group bp_sparse_batch_group(const bp_sparse_batch *batch, unsigned member, size_t i, bp_span rows)
{
    const size_t *group = groups_of(batch, member);
    size_t first = find_row(batch->row, group[i], group[i + 1], rows.first);
    size_t end = find_row(batch->row, first, group[i + 1], rows.first + rows.count);

    return (bp_sparse_group){batch->place + first, batch->row + first, batch->value + first, end - first};
}
