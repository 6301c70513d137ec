/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_filling.h"

#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

#define CELLS_MAX ((size_t)1 << 22)     /* columns times threads: tens of bytes each */
#define LONG_SEGMENT ((size_t)64 << 20) /* bytes from which on one thread's copy is enough */

/* ------------------------------------------------------------------------------------------------------------ modes */

void bp_csv_filling_set_modes(bp_csv_filling *f)
{
    for (unsigned i = 0; i < f->pass.threads; i++) {
        memcpy(f->pass.workers[i].modes, f->modes, f->storage.columns);
        memset(f->pass.workers[i].seen, 0, f->storage.columns);
        for (size_t c = 0; c < f->storage.columns; c++)
            f->pass.workers[i].infinite[c] = BP_CSV_NOWHERE;
    }
}

unsigned char bp_csv_filling_seen(const bp_csv_filling *f, size_t column)
{
    unsigned char seen = 0;

    for (unsigned i = 0; i < f->pass.threads; i++)
        seen |= f->pass.workers[i].seen[column];
    return seen;
}

/* ----------------------------------------------------------------------------------------------------------- storage */

size_t bp_csv_filling_column_bytes(const bp_csv_filling *f, size_t column)
{
    return (size_t)f->table->window *
           (f->modes[column] == BP_CSV_F64 ? sizeof(double) : sizeof(float)); /* at most 4 times the text, or a few MiB */
}

void bp_csv_filling_drop_column(bp_csv_filling *f, size_t column)
{
    bp_release(&f->dataset->pool.allocator, f->storage.data[column], bp_csv_filling_column_bytes(f, column));
    f->storage.data[column] = NULL;
}

/* The sets of all workers lie in one block. */
void bp_csv_filling_drop_sets(bp_csv_filling *f)
{
    size_t count = f->set_copies * f->pass.set_count;
    bp_csv_set *sets = f->pass.workers[0].sets;

    for (size_t i = 0; i < count; i++)
        bp_csv_set_release(&sets[i], &f->dataset->pool.allocator);
    bp_release(&f->dataset->pool.allocator, sets, count * sizeof *sets);
    for (unsigned i = 0; i < f->pass.threads; i++)
        f->pass.workers[i].sets = NULL;
    f->pass.set_count = 0;
}

static bp_status make_sets(bp_csv_filling *f, unsigned copies, bp_error *error)
{
    size_t count = 0;

    for (size_t c = 0; c < f->storage.columns; c++)
        if (f->modes[c] == BP_CSV_CODES)
            f->storage.set_of[c] = count++;
    bp_csv_set *sets = bp_allocate_zeroed(&f->dataset->pool.allocator, copies * count * sizeof *sets);
    if (!sets)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for categories was refused", f->dataset->path);
    f->pass.set_count = count;
    f->set_copies = copies;
    for (unsigned i = 0; i < f->pass.threads; i++)
        f->pass.workers[i].sets = sets + i % copies * count;
    return BP_OK;
}

bp_status bp_csv_filling_make_storage(bp_csv_filling *f, unsigned copies, bp_error *error)
{
    BP_TRY(make_sets(f, copies, error));
    for (size_t c = 0; c < f->storage.columns; c++) {
        if (f->modes[c] == BP_CSV_SKIP)
            continue;
        f->storage.data[c] = bp_allocate_in_passing(&f->dataset->pool.allocator, bp_csv_filling_column_bytes(f, c));
        if (!f->storage.data[c])
            return bp_fail(error, BP_NO_MEMORY, "%s: a column of %zu bytes of memory was refused", f->dataset->path,
                           bp_csv_filling_column_bytes(f, c));
    }
    return BP_OK;
}

/* ----------------------------------------------------------------------------------------------------------- windows */

bp_status bp_csv_filling_take_window(bp_csv_filling *f, size_t first, uint64_t held, size_t *end, bp_error *error)
{
    const bp_csv_survey *survey = f->table->survey;
    uint64_t room = f->table->window - held;

    for (*end = first; *end < survey->count && survey->segments[*end].rows <= room; ++*end)
        room -= survey->segments[*end].rows;
    f->storage.first = survey->segments[first].row - held;
    BP_TRY(bp_csv_pass_run(&f->pass, (bp_range){first, *end}, *end - first, error));
    return bp_csv_pass_error(&f->pass, error);
}

/* ------------------------------------------------------------------------------------------------------------- whole */

/* One block of memory for all that is known beforehand. */
static void place(bp_arena *arena, bp_csv_filling *f)
{
    size_t columns = f->storage.columns, room = f->table->survey->longest + BP_CSV_ROOM;

    f->pass.workers = bp_arena_take(arena, f->pass.threads, sizeof *f->pass.workers);
    f->modes = bp_arena_take(arena, columns, 1);
    f->infinite = bp_arena_take(arena, columns, sizeof *f->infinite);
    f->pass.again = bp_arena_take(arena, f->pass.threads, sizeof *f->pass.again);
    f->pass.owner = bp_arena_take(arena, f->table->survey->count, sizeof *f->pass.owner);
    f->storage.data = bp_arena_take(arena, columns, sizeof *f->storage.data);
    f->storage.set_of = bp_arena_take(arena, columns, sizeof *f->storage.set_of);
    for (unsigned i = 0; i < f->pass.threads; i++) {
        bp_csv_worker w = {.storage = &f->storage, .abandoned = BP_CSV_NOWHERE, .error_segment = BP_CSV_NOWHERE};
        w.modes = bp_arena_take(arena, columns, 1);
        w.seen = bp_arena_take(arena, columns, 1);
        w.infinite = bp_arena_take(arena, columns, sizeof *w.infinite);
        w.buffer = bp_arena_take(arena, room, 1);
        if (arena->base)
            f->pass.workers[i] = w;
    }
}

static unsigned team_size(const bp_dataset *dataset, const bp_csv_table *table)
{
    size_t most = bp_size_max(1, CELLS_MAX / dataset->column_count);

    if (table->survey->longest >= LONG_SEGMENT)
        return 1;
    return (unsigned)bp_size_min(table->threads, bp_size_min(table->survey->count, most));
}

bp_status bp_csv_filling_begin(bp_csv_filling *f, bp_dataset *dataset, const bp_csv_table *table, bp_error *error)
{
    bp_arena arena = {0};

    *f = (bp_csv_filling){.dataset = dataset,
                          .table = table,
                          .storage = {.table = table, .columns = dataset->column_count},
                          .pass = {.table = table, .threads = team_size(dataset, table), .bad = BP_CSV_NOWHERE}};
    place(&arena, f);
    f->memory = bp_arena_commit(&arena, &dataset->pool.allocator, &f->bytes);
    if (!f->memory)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", dataset->path, f->bytes);
    place(&arena, f);
    for (size_t c = 0; c < f->storage.columns; c++) {
        f->infinite[c] = BP_CSV_NOWHERE;
        f->storage.data[c] = NULL;
    }
    return BP_OK;
}

void bp_csv_filling_end(bp_csv_filling *f)
{
    for (size_t c = 0; c < f->storage.columns; c++)
        bp_csv_filling_drop_column(f, c);
    bp_csv_filling_drop_sets(f);
    bp_release(&f->dataset->pool.allocator, f->memory, f->bytes);
}
