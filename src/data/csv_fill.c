/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_fill.h"

#include <string.h>

#include "csv_pass.h"
#include "error.h"
#include "memory.h"
#include "size.h"
#include "team.h"

#define SAMPLES ((size_t)4)             /* segments that types are guessed from: 1 MiB of text */
#define CELLS_MAX ((size_t)1 << 22)     /* columns times threads: tens of bytes each */
#define LONG_SEGMENT ((size_t)64 << 20) /* bytes from which on one thread's copy is enough */

typedef struct filling {
    bp_dataset *dataset;
    const bp_csv_table *table;
    bp_csv_storage storage;
    bp_csv_pass pass;
    unsigned char *modes;        /* [columns]: of this pass; BP_CSV_SKIP once a column is done */
    uint64_t *infinite;          /* [columns]: over all workers */
    const int32_t *const *ranks; /* of the column whose codes are renumbered */
    int32_t *codes;
    atomic_size_t next; /* segment to renumber */
} filling;

/* ------------------------------------------------------------------------------------------------------------ modes */

static void set_modes(filling *f)
{
    for (unsigned i = 0; i < f->pass.threads; i++) {
        memcpy(f->pass.workers[i].modes, f->modes, f->storage.columns);
        memset(f->pass.workers[i].seen, 0, f->storage.columns);
        for (size_t c = 0; c < f->storage.columns; c++)
            f->pass.workers[i].infinite[c] = BP_CSV_NOWHERE;
    }
}

static unsigned char seen_by_all(const filling *f, size_t column)
{
    unsigned char seen = 0;

    for (unsigned i = 0; i < f->pass.threads; i++)
        seen |= f->pass.workers[i].seen[column];
    return seen;
}

static bp_csv_mode fitting_mode(unsigned char seen)
{
    return seen & BP_CSV_SEEN_TEXT ? BP_CSV_CODES : seen & BP_CSV_SEEN_WIDE ? BP_CSV_F64 : BP_CSV_F32;
}

static bp_status guess_modes(filling *f, bp_error *error)
{
    for (size_t c = 0; c < f->storage.columns; c++)
        f->modes[c] = f->dataset->columns[c].categorical ? BP_CSV_SKIP : BP_CSV_GUESS;
    set_modes(f);
    BP_TRY(bp_csv_pass_run(&f->pass, bp_size_min(SAMPLES, f->table->survey->count), error));
    bp_csv_pass_forget(&f->pass); /* those of a few segments need not be the text's first */
    for (size_t c = 0; c < f->storage.columns; c++)
        f->modes[c] = f->modes[c] == BP_CSV_SKIP ? BP_CSV_CODES : (unsigned char)fitting_mode(seen_by_all(f, c));
    return BP_OK;
}

/* ----------------------------------------------------------------------------------------------------------- storage */

static size_t column_bytes(const filling *f, size_t column)
{
    return (size_t)f->dataset->rows *
           (f->modes[column] == BP_CSV_F64 ? sizeof(double) : sizeof(float)); /* at most 4 times the text */
}

static void drop_column(filling *f, size_t column)
{
    bp_release(&f->dataset->pool.allocator, f->storage.data[column], column_bytes(f, column));
    f->storage.data[column] = NULL;
}

/* The sets of all workers lie in one block. */
static void drop_sets(filling *f)
{
    size_t count = f->pass.threads * f->pass.set_count;
    bp_csv_set *sets = f->pass.workers[0].sets;

    for (size_t i = 0; i < count; i++)
        bp_csv_set_release(&sets[i], &f->dataset->pool.allocator);
    bp_release(&f->dataset->pool.allocator, sets, count * sizeof *sets);
    for (unsigned i = 0; i < f->pass.threads; i++)
        f->pass.workers[i].sets = NULL;
    f->pass.set_count = 0;
}

static bp_status make_sets(filling *f, bp_error *error)
{
    size_t count = 0;

    for (size_t c = 0; c < f->storage.columns; c++)
        if (f->modes[c] == BP_CSV_CODES)
            f->storage.set_of[c] = count++;
    bp_csv_set *sets = bp_allocate_zeroed(&f->dataset->pool.allocator, f->pass.threads * count * sizeof *sets);
    if (!sets)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for categories was refused", f->dataset->path);
    f->pass.set_count = count;
    for (unsigned i = 0; i < f->pass.threads; i++)
        f->pass.workers[i].sets = sets + i * count;
    return BP_OK;
}

static bp_status make_storage(filling *f, bp_error *error)
{
    BP_TRY(make_sets(f, error));
    for (size_t c = 0; c < f->storage.columns; c++) {
        if (f->modes[c] == BP_CSV_SKIP)
            continue;
        f->storage.data[c] = bp_allocate_in_passing(&f->dataset->pool.allocator, column_bytes(f, c));
        if (!f->storage.data[c])
            return bp_fail(error, BP_NO_MEMORY, "%s: a column of %zu bytes of memory was refused", f->dataset->path,
                           column_bytes(f, c));
    }
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------- categories */

static void renumber(void *context, bp_member member)
{
    filling *f = context;
    size_t index;

    (void)member;
    while ((index = atomic_fetch_add(&f->next, 1)) < f->table->survey->count) {
        const bp_csv_segment *segment = &f->table->survey->segments[index];
        const int32_t *ranks = f->ranks[f->pass.owner[index]];
        for (uint64_t row = segment->row; row < segment->row + segment->rows; row++)
            if (f->codes[row] >= 0)
                f->codes[row] = ranks[f->codes[row]];
    }
}

/* Numbers of sets become places among the sorted categories. */
static bp_status end_categories(filling *f, size_t column, bp_error *error)
{
    const bp_allocator *allocator = &f->dataset->pool.allocator;
    const bp_csv_set *sets = f->pass.workers[0].sets + f->storage.set_of[column];
    int32_t **ranks = bp_allocate(allocator, f->pass.threads * sizeof *ranks);

    if (!ranks)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for categories was refused", f->dataset->path);
    bp_status status =
        bp_csv_set_unite(f->dataset, &f->dataset->columns[column], sets, f->pass.set_count, f->pass.threads, ranks, error);
    if (status == BP_OK) {
        f->ranks = (const int32_t *const *)ranks;
        f->codes = f->storage.data[column];
        atomic_store(&f->next, 0);
        bp_team_run(f->pass.threads, renumber, f);
        for (unsigned i = 0; i < f->pass.threads; i++)
            bp_release(allocator, ranks[i], sets[i * f->pass.set_count].count * sizeof **ranks);
    }
    bp_release(allocator, ranks, f->pass.threads * sizeof *ranks);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- columns */

static void keep_infinite(filling *f, size_t column)
{
    for (unsigned i = 0; i < f->pass.threads; i++)
        if (f->pass.workers[i].infinite[column] < f->infinite[column])
            f->infinite[column] = f->pass.workers[i].infinite[column];
}

/* The column's data are those of the data set from here on. */
static bp_status end_column(filling *f, size_t column, unsigned char seen, bp_error *error)
{
    bp_column *c = &f->dataset->columns[column];
    bp_csv_mode mode = (bp_csv_mode)f->modes[column];

    if (mode == BP_CSV_CODES)
        BP_TRY(end_categories(f, column, error));
    else
        keep_infinite(f, column);
    c->categorical = mode == BP_CSV_CODES;
    c->has_missing = seen & BP_CSV_SEEN_MISSING;
    c->type = mode == BP_CSV_CODES ? BP_TYPE_I32 : mode == BP_CSV_F64 ? BP_TYPE_F64 : BP_TYPE_F32;
    c->stride = bp_type_size(c->type);
    c->data = f->storage.data[column];
    f->storage.data[column] = NULL;
    return bp_pool_adopt(&f->dataset->pool, (void *)c->data, column_bytes(f, column), error);
}

/* Columns that fit are done; the others get the mode that all fields so far fit. *left: how many. */
static bp_status end_pass(filling *f, size_t *left, bp_error *error)
{
    *left = 0;
    for (size_t c = 0; c < f->storage.columns; c++) {
        unsigned char seen = seen_by_all(f, c);
        if (f->modes[c] == BP_CSV_SKIP)
            continue;
        if (f->modes[c] != BP_CSV_CODES && fitting_mode(seen) > (bp_csv_mode)f->modes[c]) {
            drop_column(f, c);
            f->modes[c] = (unsigned char)fitting_mode(seen);
            ++*left;
        } else {
            BP_TRY(end_column(f, c, seen, error));
            f->modes[c] = BP_CSV_SKIP;
        }
    }
    drop_sets(f);
    return BP_OK;
}

static bp_status refuse_infinite(const filling *f, bp_error *error)
{
    size_t first = 0;

    for (size_t c = 1; c < f->storage.columns; c++)
        if (f->infinite[c] < f->infinite[first])
            first = c;
    if (f->infinite[first] == BP_CSV_NOWHERE)
        return BP_OK;
    return bp_dataset_fail(f->dataset, f->infinite[first], error, "column \"%.200s\": an infinite number, or one beyond 1.8e308",
                           f->dataset->columns[first].name);
}

static bp_status fill_columns(filling *f, bp_error *error)
{
    size_t left;

    BP_TRY(guess_modes(f, error));
    do {
        BP_TRY(make_storage(f, error));
        set_modes(f);
        BP_TRY(bp_csv_pass_run(&f->pass, f->table->survey->count, error));
        BP_TRY(bp_csv_pass_error(&f->pass, error));
        BP_TRY(end_pass(f, &left, error));
    } while (left);
    return refuse_infinite(f, error);
}

/* ------------------------------------------------------------------------------------------------------------- whole */

/* One block of memory for all that is known beforehand. */
static void place(bp_arena *arena, filling *f)
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

static void begin_filling(filling *f)
{
    f->pass.bad = BP_CSV_NOWHERE;
    for (size_t c = 0; c < f->storage.columns; c++) {
        f->infinite[c] = BP_CSV_NOWHERE;
        f->storage.data[c] = NULL;
    }
}

static unsigned team_size(const bp_dataset *dataset, const bp_csv_table *table)
{
    size_t most = bp_size_max(1, CELLS_MAX / dataset->column_count);

    if (table->survey->longest >= LONG_SEGMENT)
        return 1;
    return (unsigned)bp_size_min(table->threads, bp_size_min(table->survey->count, most));
}

/* Rows that are lines need but the first one's number. */
static bp_status prepare_lines(filling *f, bp_error *error)
{
    if (f->table->survey->plain) {
        f->dataset->first_line = f->table->survey->segments[0].line;
        return BP_OK;
    }
    f->storage.lines = bp_pool_take_array(&f->dataset->pool, (size_t)f->dataset->rows, sizeof *f->storage.lines, error);
    f->dataset->lines = f->storage.lines;
    return f->storage.lines ? BP_OK : BP_NO_MEMORY;
}

bp_status bp_csv_fill(bp_dataset *dataset, const bp_csv_table *table, bp_error *error)
{
    filling f = {.dataset = dataset,
                 .table = table,
                 .storage = {.table = table, .columns = dataset->column_count},
                 .pass = {.table = table}};
    bp_arena arena = {0};

    f.pass.threads = team_size(dataset, table);
    BP_TRY(prepare_lines(&f, error));
    place(&arena, &f);
    size_t bytes = arena.used;
    arena = (bp_arena){.base = bp_allocate(&dataset->pool.allocator, bytes)};
    if (!arena.base)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", dataset->path, bytes);
    place(&arena, &f);
    begin_filling(&f);
    bp_status status = fill_columns(&f, error);
    for (size_t c = 0; c < f.storage.columns; c++)
        drop_column(&f, c);
    drop_sets(&f);
    bp_release(&dataset->pool.allocator, arena.base, bytes);
    return status;
}
