/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"

#include <stdlib.h>
#include <string.h>

#include "csv_column.h"
#include "csv_scan.h"
#include "dataset_read.h"
#include "error.h"
#include "memory.h"
#include "stream.h"

/* A first row without any number is a header: it names the columns, be they of numbers or of text. */
static bool looks_like_header(const bp_csv *csv)
{
    double value;

    for (size_t i = 0; i < csv->columns; i++) {
        bp_csv_kind kind = bp_csv_classify(bp_csv_at(csv, 0, i), &value);
        if (kind == BP_CSV_NUMBER || kind == BP_CSV_INFINITE)
            return false;
    }
    return true;
}

static bp_csv_field trim(bp_csv_field field)
{
    while (field.length && (field.text[0] == ' ' || field.text[0] == '\t')) {
        field.text++;
        field.length--;
    }
    while (field.length && (field.text[field.length - 1] == ' ' || field.text[field.length - 1] == '\t'))
        field.length--;
    return field;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bp_status check_unique(bp_dataset *dataset, uint64_t line, bp_error *error)
{
    size_t count = dataset->column_count, bytes = count * sizeof(char *);
    char **names = bp_allocate(&dataset->pool.allocator, bytes);
    bp_status status = BP_OK;

    if (!names)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    for (size_t i = 0; i < count; i++)
        names[i] = dataset->columns[i].name;
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count && status == BP_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = bp_fail_line(error, dataset->path, line, "two columns are named \"%.200s\"", names[i]);
    bp_release(&dataset->pool.allocator, names, bytes);
    return status;
}

static bp_status take_names(bp_dataset *dataset, const bp_csv *csv, bp_error *error)
{
    for (size_t i = 0; i < csv->columns; i++) {
        bp_csv_field name = trim(bp_csv_at(csv, 0, i));
        if (!name.length)
            return bp_fail_line(error, csv->path, csv->lines[0],
                                "the header has no name for column %zu (--header no: there is no header)", i + 1);
        dataset->columns[i].name = bp_pool_text(&dataset->pool, name.text, name.length, error);
        if (!dataset->columns[i].name)
            return BP_NO_MEMORY;
    }
    return check_unique(dataset, csv->lines[0], error);
}

static bp_status mark_categorical(bp_dataset *dataset, const bp_settings *settings, bool lenient, bp_error *error)
{
    const char *list = settings->categorical;
    bp_column *column;

    for (;;) {
        BP_TRY(bp_dataset_next_named(dataset, "categorical", lenient, &list, &column, error));
        if (!column)
            return BP_OK;
        column->categorical = true;
    }
}

static bp_status keep_lines(bp_dataset *dataset, const bp_csv *csv, uint64_t first, bp_error *error)
{
    uint64_t *lines = bp_pool_take_array(&dataset->pool, (size_t)dataset->rows, sizeof *lines, error);

    if (!lines)
        return BP_NO_MEMORY;
    memcpy(lines, csv->lines + first, (size_t)dataset->rows * sizeof *lines);
    dataset->lines = lines;
    return BP_OK;
}

static bp_status build(bp_dataset *dataset, const bp_csv *csv, const bp_settings *settings, bool lenient, bp_error *error)
{
    if (csv->rows == 0)
        return bp_fail_line(error, csv->path, 1, "the file is empty");
    bool header = settings->header == BP_HEADER_AUTO ? looks_like_header(csv) : settings->header == BP_HEADER_YES;
    if (header && csv->rows == 1)
        return bp_fail_line(error, csv->path, csv->lines[0], "a header and no row of data");
    dataset->rows = csv->rows - header;
    BP_TRY(bp_dataset_make_columns(dataset, csv->columns, error));
    if (header)
        BP_TRY(take_names(dataset, csv, error));
    else
        BP_TRY(bp_dataset_number_columns(dataset, 0, csv->columns, "column", error));
    BP_TRY(mark_categorical(dataset, settings, lenient, error));
    BP_TRY(keep_lines(dataset, csv, header, error));
    return bp_csv_fill(dataset, csv, header, error);
}

static bp_status read_text(const char *path, const bp_allocator *allocator, bp_csv *csv, size_t *capacity, bp_error *error)
{
    bp_stream *stream;
    void *text;

    BP_TRY(bp_stream_open(path, allocator, &stream, error));
    bp_status status = bp_stream_read_up_to(stream, SIZE_MAX / 4, &text, &csv->size, capacity, error);
    bp_stream_close(stream);
    BP_TRY(status);
    csv->text = text;
    return BP_OK;
}

static bp_status fill(bp_dataset *dataset, char separator, const bp_settings *settings, bool lenient, bp_error *error)
{
    bp_csv csv = {.allocator = dataset->pool.allocator, .path = dataset->path};
    size_t capacity;

    BP_TRY(read_text(dataset->path, &dataset->pool.allocator, &csv, &capacity, error));
    bp_status status = bp_csv_scan(&csv, separator, error);
    if (status == BP_OK)
        status = build(dataset, &csv, settings, lenient, error);
    bp_csv_release(&csv);
    bp_release(&dataset->pool.allocator, csv.text, capacity);
    return status;
}

bp_status bp_csv_read(const char *path, char separator, const bp_settings *settings, bool lenient, const bp_allocator *allocator,
                      bp_dataset **result, bp_error *error)
{
    bp_dataset *dataset;

    if (settings->target_file[0])
        return bp_fail(error, BP_INVALID, "%s: a CSV file holds its targets itself; --target-file is for IDX", path);
    BP_TRY(bp_dataset_new(path, allocator, &dataset, error));
    bp_status status = fill(dataset, separator, settings, lenient, error);
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return BP_OK;
}
