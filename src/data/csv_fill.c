/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_fill.h"

#include "csv_filling.h"
#include "error.h"
#include "memory.h"
#include "size.h"

#define SAMPLES ((size_t)4) /* segments that types are guessed from: 1 MiB of text */

/* ------------------------------------------------------------------------------------------------------------ modes */

static bp_csv_mode fitting_mode(unsigned char seen)
{
    return seen & BP_CSV_SEEN_TEXT ? BP_CSV_CODES : seen & BP_CSV_SEEN_WIDE ? BP_CSV_F64 : BP_CSV_F32;
}

static bp_status guess_modes(bp_csv_filling *f, bp_error *error)
{
    bp_range all = {0, f->table->survey->count};

    for (size_t c = 0; c < f->storage.columns; c++)
        f->modes[c] = f->dataset->columns[c].categorical ? BP_CSV_SKIP : BP_CSV_GUESS;
    bp_csv_filling_set_modes(f);
    BP_TRY(bp_csv_pass_run(&f->pass, all, bp_size_min(SAMPLES, all.end), error));
    bp_csv_pass_forget(&f->pass); /* those of a few segments need not be the text's first */
    for (size_t c = 0; c < f->storage.columns; c++)
        f->modes[c] = f->modes[c] == BP_CSV_SKIP ? BP_CSV_CODES : (unsigned char)fitting_mode(bp_csv_filling_seen(f, c));
    return BP_OK;
}

static bool keeps_data(const bp_csv_filling *f)
{
    return f->table->window >= f->dataset->rows;
}

/* --------------------------------------------------------------------------------------------------------- categories */

typedef struct renumbering {
    const bp_csv_filling *filling;
    int32_t **ranks; /* [threads] */
    int32_t *codes;
    atomic_size_t next; /* segment */
} renumbering;

static void renumber(void *context, bp_member member)
{
    renumbering *r = context;
    const bp_csv_survey *survey = r->filling->table->survey;
    size_t index;

    (void)member;
    while ((index = atomic_fetch_add(&r->next, 1)) < survey->count) {
        const bp_csv_segment *segment = &survey->segments[index];
        const int32_t *ranks = r->ranks[r->filling->pass.owner[index]];
        for (uint64_t row = segment->row; row < segment->row + segment->rows; row++)
            if (r->codes[row] >= 0)
                r->codes[row] = ranks[r->codes[row]];
    }
}

/* Numbers of sets become places among the sorted categories. */
static bp_status end_categories(bp_csv_filling *f, size_t column, bp_error *error)
{
    const bp_allocator *allocator = &f->dataset->pool.allocator;
    const bp_csv_set *sets = f->pass.workers[0].sets + f->storage.set_of[column];
    unsigned threads = f->pass.threads;
    renumbering r = {.filling = f, .codes = f->storage.data[column]};

    r.ranks = bp_allocate(allocator, threads * sizeof *r.ranks);
    if (!r.ranks)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for categories was refused", f->dataset->path);
    bp_status status = bp_csv_set_unite(f->dataset, &f->dataset->columns[column], sets, f->pass.set_count, threads, r.ranks, error);
    if (status == BP_OK) {
        if (keeps_data(f))
            bp_team_run(threads, renumber, &r);
        for (unsigned i = 0; i < threads; i++)
            bp_release(allocator, r.ranks[i], sets[i * f->pass.set_count].count * sizeof **r.ranks);
    }
    bp_release(allocator, r.ranks, threads * sizeof *r.ranks);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- columns */

static void keep_infinite(bp_csv_filling *f, size_t column)
{
    for (unsigned i = 0; i < f->pass.threads; i++)
        if (f->pass.workers[i].infinite[column] < f->infinite[column])
            f->infinite[column] = f->pass.workers[i].infinite[column];
}

/* The column's data are those of the data set from here on, where they are whole. */
static bp_status end_data(bp_csv_filling *f, size_t column, bp_error *error)
{
    bp_column *c = &f->dataset->columns[column];
    void *data = f->storage.data[column];

    if (!keeps_data(f)) {
        bp_csv_filling_drop_column(f, column);
        return BP_OK;
    }
    c->data = data;
    f->storage.data[column] = NULL;
    return bp_pool_adopt(&f->dataset->pool, data, bp_csv_filling_column_bytes(f, column), error);
}

static bp_status end_column(bp_csv_filling *f, size_t column, unsigned char seen, bp_error *error)
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
    return end_data(f, column, error);
}

/* Columns that fit are done; the others get the mode that all fields so far fit. *left: how many. */
static bp_status end_pass(bp_csv_filling *f, size_t *left, bp_error *error)
{
    *left = 0;
    for (size_t c = 0; c < f->storage.columns; c++) {
        unsigned char seen = bp_csv_filling_seen(f, c);
        if (f->modes[c] == BP_CSV_SKIP)
            continue;
        if (f->modes[c] != BP_CSV_CODES && fitting_mode(seen) > (bp_csv_mode)f->modes[c]) {
            bp_csv_filling_drop_column(f, c);
            f->modes[c] = (unsigned char)fitting_mode(seen);
            ++*left;
        } else {
            BP_TRY(end_column(f, c, seen, error));
            f->modes[c] = BP_CSV_SKIP;
        }
    }
    bp_csv_filling_drop_sets(f);
    return BP_OK;
}

static bp_status refuse_infinite(const bp_csv_filling *f, bp_error *error)
{
    size_t first = 0;

    for (size_t c = 1; c < f->storage.columns; c++)
        if (f->infinite[c] < f->infinite[first])
            first = c;
    if (f->infinite[first] == BP_CSV_NOWHERE)
        return BP_OK;
    return bp_fail_line(error, f->dataset->path, f->infinite[first], "column \"%.200s\": an infinite number, or one beyond 1.8e308",
                        f->dataset->columns[first].name);
}

static bp_status fill_columns(bp_csv_filling *f, bp_error *error)
{
    size_t left;

    BP_TRY(guess_modes(f, error));
    do {
        BP_TRY(bp_csv_filling_make_storage(f, f->pass.threads, error));
        bp_csv_filling_set_modes(f);
        for (size_t first = 0; first < f->table->survey->count;)
            BP_TRY(bp_csv_filling_take_window(f, first, 0, &first, error));
        BP_TRY(end_pass(f, &left, error));
    } while (left);
    return refuse_infinite(f, error);
}

/* ------------------------------------------------------------------------------------------------------------- whole */

/* Rows that are lines need but the first one's number. */
static bp_status prepare_lines(bp_csv_filling *f, bp_error *error)
{
    if (f->table->survey->plain) {
        f->dataset->first_line = f->table->survey->segments[0].line;
        return BP_OK;
    }
    if (!keeps_data(f))
        return BP_OK;
    f->storage.lines = bp_pool_take_array(&f->dataset->pool, (size_t)f->dataset->rows, sizeof *f->storage.lines, error);
    f->dataset->lines = f->storage.lines;
    return f->storage.lines ? BP_OK : BP_NO_MEMORY;
}

bp_status bp_csv_fill(bp_dataset *dataset, const bp_csv_table *table, bp_error *error)
{
    bp_csv_filling f;

    BP_TRY(bp_csv_filling_begin(&f, dataset, table, error));
    bp_status status = prepare_lines(&f, error);
    if (status == BP_OK)
        status = fill_columns(&f, error);
    bp_csv_filling_end(&f);
    return status;
}
