/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_worker.h"

#include <math.h>

#include "decimal.h"
#include "error.h"

_Static_assert(BP_CSV_ROOM >= 2 * BP_DECIMAL_ROOM, "a number at the text's end is read eight bytes at a time");

static void put_missing(bp_csv_worker *w, size_t column, uint64_t row)
{
    void *data = w->storage->data[column];

    w->seen[column] |= BP_CSV_SEEN_MISSING;
    if (w->modes[column] == BP_CSV_F32)
        ((float *)data)[row] = NAN;
    else if (w->modes[column] == BP_CSV_F64)
        ((double *)data)[row] = (double)NAN;
}

static inline void put_number(bp_csv_worker *w, size_t column, uint64_t row, double value)
{
    void *data = w->storage->data[column];

    if (w->modes[column] == BP_CSV_F64) {
        ((double *)data)[row] = value;
        return;
    }
    bool wide = (double)(float)value != value;
    if (wide)
        w->seen[column] |= BP_CSV_SEEN_WIDE;
    if (w->modes[column] == BP_CSV_GUESS)
        return;
    if (wide)
        w->modes[column] = BP_CSV_SKIP;
    else
        ((float *)data)[row] = (float)value;
}

static void put_field(bp_csv_worker *w, size_t column, uint64_t row, bp_csv_field field)
{
    double value;

    switch (bp_csv_classify(w->storage->table->dialect, field, &value)) {
    case BP_CSV_MISSING:
        put_missing(w, column, row);
        break;
    case BP_CSV_NUMBER:
        put_number(w, column, row, value);
        break;
    case BP_CSV_INFINITE:
        if (w->cursor.row_line < w->infinite[column])
            w->infinite[column] = w->cursor.row_line;
        break;
    case BP_CSV_TEXT:
        w->seen[column] |= BP_CSV_SEEN_TEXT;
        w->modes[column] = BP_CSV_SKIP;
        break;
    }
}

static bp_status fail_changed(const bp_csv_worker *w, bp_error *error)
{
    return bp_fail_line(error, w->cursor.path, w->cursor.row_line, "the file has changed while it was read");
}

/* BP_CSV_SET_FULL: not known, though all are. */
static inline int32_t number_of(bp_csv_worker *w, size_t set, bp_csv_field field)
{
    return w->storage->known ? bp_csv_set_find(&w->sets[set], field) : bp_csv_set_number(&w->sets[set], field);
}

static bp_status put_category(bp_csv_worker *w, size_t column, uint64_t row, bp_csv_field field, bp_error *error)
{
    int32_t code = -1;

    if (bp_csv_is_missing(w->storage->table->dialect, bp_csv_trim(field))) {
        w->seen[column] |= BP_CSV_SEEN_MISSING;
    } else {
        code = number_of(w, w->storage->set_of[column], field);
        if (code == BP_CSV_SET_FULL) {
            if (w->storage->known)
                return fail_changed(w, error);
            w->full = w->storage->set_of[column];
            w->full_length = field.length;
            return BP_CANCELLED;
        }
    }
    ((int32_t *)w->storage->data[column])[row] = code;
    return BP_OK;
}

static bp_status take_field(bp_csv_worker *w, size_t column, uint64_t row, bp_error *error)
{
    bp_csv_field field;

    BP_TRY(bp_csv_take_field(&w->cursor, &field, error));
    if (w->modes[column] == BP_CSV_CODES)
        return put_category(w, column, row, field, error);
    if (w->modes[column] != BP_CSV_SKIP)
        put_field(w, column, row, field);
    return BP_OK;
}

/* A number that stands there as it is. */
static inline bool take_number(bp_csv_worker *w, size_t column, uint64_t row)
{
    const bp_csv_dialect *dialect = w->storage->table->dialect;
    const char *at = w->cursor.at;
    double value;

    if (w->modes[column] == BP_CSV_SKIP || w->modes[column] == BP_CSV_CODES)
        return false;
    const char *end = bp_decimal_read(at, dialect->point, &value);
    if (!end || !bp_csv_ends_field(&w->cursor, end))
        return false;
    w->cursor.at += end - at;
    if (dialect->missing_numbers && bp_csv_is_missing_number(dialect, value))
        put_missing(w, column, row);
    else
        put_number(w, column, row, value);
    return true;
}

/* Numbers that stand there as they are, separators behind them: most of a table. Returns the column of the first field that is
 * none, or the last one; the loop has nothing in memory but the fields and where they go. */
static size_t take_numbers(bp_csv_worker *w, uint64_t row)
{
    const char *const begin = w->cursor.at, *at = begin, *end;
    const char separator = w->cursor.separator, point = w->storage->table->dialect->point;
    const size_t last = w->storage->columns - 1;
    const unsigned char *const modes = w->modes;
    void *const *const data = w->storage->data;
    size_t column = 0;
    double value;

    for (; column < last && (modes[column] == BP_CSV_F64 || modes[column] == BP_CSV_F32); column++, at = end + 1) {
        if (!(end = bp_decimal_read(at, point, &value)) || *end != separator)
            break;
        if (modes[column] == BP_CSV_F64)
            ((double *)data[column])[row] = value;
        else if ((double)(float)value == value)
            ((float *)data[column])[row] = (float)value;
        else
            break;
    }
    w->cursor.at += at - begin;
    return column;
}

static bp_status take_row(bp_csv_worker *w, uint64_t row, bp_error *error)
{
    size_t columns = w->storage->columns;

    for (size_t column = w->storage->table->dialect->missing_numbers ? 0 : take_numbers(w, row);; w->cursor.at++) {
        if (!take_number(w, column, row))
            BP_TRY(take_field(w, column, row, error));
        bool more = *w->cursor.at == w->cursor.separator;
        if (++column == columns && !more)
            return BP_OK;
        if (column == columns || !more)
            return bp_csv_fail_count(&w->cursor, columns, column, error);
    }
}

static bp_status take_rows(bp_csv_worker *w, const bp_csv_segment *segment, bp_error *error)
{
    uint64_t row = segment->row - w->storage->first, end = row + segment->rows;

    for (; bp_csv_find_row(&w->cursor); row++) {
        if (row == end) /* the storage ends here, too */
            return fail_changed(w, error);
        if (w->storage->lines)
            w->storage->lines[row] = w->cursor.row_line;
        BP_TRY(take_row(w, row, error));
        bp_csv_end_row(&w->cursor);
    }
    return row == end ? BP_OK : fail_changed(w, error);
}

bp_status bp_csv_take_segment(bp_csv_worker *worker, const bp_csv_segment *segment, bp_error *error)
{
    const bp_csv_table *table = worker->storage->table;
    size_t size = (size_t)(segment->end - segment->begin);
    char *text = worker->buffer;

    BP_TRY(bp_csv_source_read(table->source, segment->begin, text, size, error));
    text[size] = '\n';
    memset(text + size + 1, 0, BP_CSV_ROOM - 1);
    worker->cursor = (bp_csv_cursor){.path = table->source->path,
                                     .separator = table->dialect->separator,
                                     .at = text,
                                     .end = text + size,
                                     .row_line = segment->line};
    return take_rows(worker, segment, error);
}
