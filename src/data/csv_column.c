/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_column.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "text.h"

#define TILE ((uint64_t)256) /* rows whose text stays in cache while it is taken apart column by column */

/* What is known of a column while its fields go by. */
typedef struct numbers {
    double *values; /* [rows], NULL once the column is categorical */
    size_t bytes;
    bool missing;
    bool wide; /* some value is no f32 */
    bool infinite;
    uint64_t infinite_row;
} numbers;

/* `word` in lower case; only ASCII letters fold, whatever the host's locale. */
static bool is_word(bp_csv_field field, const char *word)
{
    if (field.length != strlen(word))
        return false;
    for (size_t i = 0; i < field.length; i++) {
        char c = field.text[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != word[i])
            return false;
    }
    return true;
}

static bool is_missing(bp_csv_field field)
{
    if (field.length > 4)
        return false;
    return field.length == 0 || is_word(field, "?") || is_word(field, "na") || is_word(field, "nan") || is_word(field, "null");
}

static bool is_infinite_word(bp_csv_field field)
{
    if (field.length && (field.text[0] == '+' || field.text[0] == '-'))
        field = (bp_csv_field){field.text + 1, field.length - 1};
    return is_word(field, "inf") || is_word(field, "infinity");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bp_csv_kind bp_csv_classify(bp_csv_field field, double *value)
{
    while (field.length && is_blank(field.text[0]))
        field = (bp_csv_field){field.text + 1, field.length - 1};
    while (field.length && is_blank(field.text[field.length - 1]))
        field.length--;
    *value = 0;
    if (bp_text_parse_f64(field.text, field.length, value))
        return BP_CSV_NUMBER;
    if (is_missing(field))
        return BP_CSV_MISSING;
    return isinf(*value) || is_infinite_word(field) ? BP_CSV_INFINITE : BP_CSV_TEXT;
}

static void drop_values(const bp_allocator *allocator, numbers *n)
{
    bp_release(allocator, n->values, n->bytes);
    n->values = NULL;
}

/* Takes one column through a tile of rows; the first text ends it. */
static void parse_tile(const bp_csv *csv, const bp_allocator *allocator, numbers *n, size_t column, uint64_t first, uint64_t begin,
                       uint64_t end)
{
    double value;

    for (uint64_t row = begin; row < end; row++) {
        bp_csv_kind kind = bp_csv_classify(bp_csv_at(csv, first + row, column), &value);
        if (kind == BP_CSV_TEXT) {
            drop_values(allocator, n);
            return;
        }
        if (kind == BP_CSV_INFINITE && !n->infinite) {
            n->infinite = true;
            n->infinite_row = row;
        }
        n->missing |= kind == BP_CSV_MISSING;
        n->wide |= kind == BP_CSV_NUMBER && (double)(float)value != value;
        n->values[row] = kind == BP_CSV_MISSING ? (double)NAN : value;
    }
}

static bp_status begin_columns(const bp_dataset *dataset, numbers *list, bp_error *error)
{
    size_t bytes = (size_t)dataset->rows * sizeof(double); /* as many rows as fields at least, so it fits */

    for (size_t i = 0; i < dataset->column_count; i++) {
        if (dataset->columns[i].categorical)
            continue;
        list[i].bytes = bytes;
        list[i].values = bp_allocate(&dataset->pool.allocator, bytes);
        if (!list[i].values)
            return bp_fail(error, BP_NO_MEMORY, "%s: a column of %zu bytes of memory was refused", dataset->path, bytes);
    }
    return BP_OK;
}

static void parse_numbers(const bp_dataset *dataset, const bp_csv *csv, uint64_t first, numbers *list)
{
    for (uint64_t begin = 0; begin < dataset->rows; begin += TILE) {
        uint64_t end = begin + TILE < dataset->rows ? begin + TILE : dataset->rows;
        for (size_t i = 0; i < dataset->column_count; i++)
            if (list[i].values)
                parse_tile(csv, &dataset->pool.allocator, &list[i], i, first, begin, end);
    }
}

/* Hands the numbers over to the data set, in f32 where that loses nothing. */
static bp_status end_numbers(bp_dataset *dataset, bp_column *column, numbers *n, bp_error *error)
{
    double *values = n->values;

    if (n->infinite)
        return bp_dataset_fail(dataset, n->infinite_row, error, "column \"%.200s\": an infinite number, or one beyond 1.8e308",
                               column->name);
    column->has_missing = n->missing;
    column->type = n->wide ? BP_TYPE_F64 : BP_TYPE_F32;
    column->stride = bp_type_size(column->type);
    if (n->wide) {
        n->values = NULL;
        column->data = values;
        return bp_pool_adopt(&dataset->pool, values, n->bytes, error);
    }
    float *narrow = bp_pool_take_array(&dataset->pool, (size_t)dataset->rows, sizeof *narrow, error);
    if (!narrow)
        return BP_NO_MEMORY;
    for (uint64_t row = 0; row < dataset->rows; row++)
        narrow[row] = (float)values[row];
    column->data = narrow;
    drop_values(&dataset->pool.allocator, n);
    return BP_OK;
}

static bp_status fill_columns(bp_dataset *dataset, const bp_csv *csv, uint64_t first, numbers *list, bp_error *error)
{
    BP_TRY(begin_columns(dataset, list, error));
    parse_numbers(dataset, csv, first, list);
    for (size_t i = 0; i < dataset->column_count; i++) {
        bp_column *column = &dataset->columns[i];
        if (list[i].values)
            BP_TRY(end_numbers(dataset, column, &list[i], error));
        else
            BP_TRY(bp_csv_fill_categories(dataset, i, csv, first, error));
    }
    return BP_OK;
}

bp_status bp_csv_fill(bp_dataset *dataset, const bp_csv *csv, uint64_t first, bp_error *error)
{
    const bp_allocator *allocator = &dataset->pool.allocator;
    size_t bytes = dataset->column_count * sizeof(numbers);
    numbers *list = bp_allocate_zeroed(allocator, bytes);

    if (!list)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", dataset->path, bytes);
    bp_status status = fill_columns(dataset, csv, first, list, error);
    for (size_t i = 0; i < dataset->column_count; i++)
        drop_values(allocator, &list[i]);
    bp_release(allocator, list, bytes);
    return status;
}
