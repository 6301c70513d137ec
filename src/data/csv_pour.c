/* All rows once more, now that every column's type and categories are known: window by window, to where they are wanted.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "csv_filling.h"
#include "error.h"

/* ---------------------------------------------------------------------------------------------------------- known texts */

/* A set of the categories in their order, so that a text's number is its code. */
static bp_status know_categories(bp_csv_filling *f, const bp_column *column, bp_csv_set *set, bp_error *error)
{
    for (size_t i = 0; i < column->category_count; i++) {
        bp_csv_field text = {column->categories[i], strlen(column->categories[i])};
        while (bp_csv_set_number(set, text) == BP_CSV_SET_FULL)
            BP_TRY(bp_csv_set_widen(set, text.length, &f->dataset->pool.allocator, error));
    }
    return BP_OK;
}

static bp_csv_mode mode_of(const bp_column *column)
{
    return column->categorical ? BP_CSV_CODES : column->type == BP_TYPE_F64 ? BP_CSV_F64 : BP_CSV_F32;
}

static bp_status prepare(bp_csv_filling *f, bp_error *error)
{
    for (size_t c = 0; c < f->storage.columns; c++)
        f->modes[c] = (unsigned char)mode_of(&f->dataset->columns[c]);
    BP_TRY(bp_csv_filling_make_storage(f, 1, error));
    f->storage.known = true;
    for (size_t c = 0; c < f->storage.columns; c++)
        if (f->modes[c] == BP_CSV_CODES)
            BP_TRY(know_categories(f, &f->dataset->columns[c], &f->pass.workers[0].sets[f->storage.set_of[c]], error));
    bp_csv_filling_set_modes(f);
    return BP_OK;
}

/* -------------------------------------------------------------------------------------------------------------- windows */

/* What has been met is what types were made for. */
static bp_status check_unchanged(const bp_csv_filling *f, bp_error *error)
{
    bool same = true;

    for (size_t c = 0; c < f->storage.columns && same; c++) {
        same = !(bp_csv_filling_seen(f, c) & ~(f->dataset->columns[c].has_missing ? BP_CSV_SEEN_MISSING : 0));
        for (unsigned i = 0; i < f->pass.threads && same; i++)
            same = f->pass.workers[i].infinite[c] == BP_CSV_NOWHERE;
    }
    return same ? BP_OK : bp_fail(error, BP_BAD_FILE, "%s: the file has changed while it was read", f->dataset->path);
}

static void set_data(const bp_csv_filling *f, bool there)
{
    for (size_t c = 0; c < f->storage.columns; c++)
        f->dataset->columns[c].data = there ? f->storage.data[c] : NULL;
}

/* Rows from `first` on become the storage's first ones. */
static void hold_rows(const bp_csv_filling *f, uint64_t first, uint64_t count)
{
    for (size_t c = 0; c < f->storage.columns; c++) {
        size_t size = f->dataset->columns[c].stride;
        memmove(f->storage.data[c], (char *)f->storage.data[c] + first * size, (size_t)count * size);
    }
}

static bp_status pour_windows(bp_csv_filling *f, const bp_csv_sink *sink, bp_error *error)
{
    const bp_csv_survey *survey = f->table->survey;
    uint64_t held = 0;

    for (size_t first = 0; first < survey->count;) {
        BP_TRY(bp_csv_filling_take_window(f, first, held, &first, error));
        BP_TRY(check_unchanged(f, error));
        bool last = first == survey->count;
        uint64_t rows = (last ? f->dataset->rows : survey->segments[first].row) - f->storage.first;
        held = last ? 0 : rows % sink->grain;
        if (rows > held)
            BP_TRY(sink->take(sink->context, rows - held, error));
        hold_rows(f, rows - held, held);
    }
    return BP_OK;
}

bp_status bp_csv_pour(bp_dataset *dataset, const bp_csv_table *table, const bp_csv_sink *sink, bp_error *error)
{
    bp_csv_filling f;

    BP_TRY(bp_csv_filling_begin(&f, dataset, table, error));
    bp_status status = prepare(&f, error);
    set_data(&f, true);
    if (status == BP_OK)
        status = pour_windows(&f, sink, error);
    set_data(&f, false);
    bp_csv_filling_end(&f);
    return status;
}
