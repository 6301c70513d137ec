/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpd.h"
#include "entries.h"
#include "error.h"
#include "file.h"
#include "float_state.h"
#include "memory.h"
#include "settings.h"
#include "size.h"
#include "text.h"

/* ------------------------------------------------------------------------------------------------ making and freeing */

bp_status bp_dataset_new(const char *path, const bp_allocator *allocator, bp_dataset **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_dataset *dataset = bp_allocate_zeroed(&memory, sizeof *dataset);

    if (!dataset)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for a data set was refused", path);
    dataset->pool.allocator = memory;
    dataset->path = bp_pool_text(&dataset->pool, path, strlen(path), error);
    if (!dataset->path) {
        bp_dataset_free(dataset);
        return BP_NO_MEMORY;
    }
    *result = dataset;
    return BP_OK;
}

void bp_dataset_close(bp_dataset *dataset)
{
    if (dataset->bpd)
        bp_file_close(dataset->bpd->fd);
    dataset->bpd = NULL;
}

void bp_dataset_free(bp_dataset *dataset)
{
    if (!dataset)
        return;
    bp_dataset_close(dataset);
    bp_allocator memory = dataset->pool.allocator;
    bp_pool_release(&dataset->pool);
    bp_release(&memory, dataset, sizeof *dataset);
}

bp_status bp_dataset_make_columns(bp_dataset *dataset, uint64_t count, bp_error *error)
{
    if (count > BP_COLUMNS_MAX)
        return bp_fail(error, BP_BAD_FILE, "%s: %llu columns, more than %llu", dataset->path, (unsigned long long)count,
                       (unsigned long long)BP_COLUMNS_MAX);
    size_t bytes = (size_t)count * sizeof *dataset->columns;
    dataset->columns = bp_pool_take(&dataset->pool, bytes, error);
    if (!dataset->columns)
        return BP_NO_MEMORY;
    memset(dataset->columns, 0, bytes);
    dataset->column_count = (size_t)count;
    return BP_OK;
}

bp_status bp_dataset_number_columns(bp_dataset *dataset, size_t first, size_t count, const char *prefix, bp_error *error)
{
    char name[32];

    for (size_t i = 0; i < count; i++) {
        int length = snprintf(name, sizeof name, "%s%zu", prefix, i + 1);
        dataset->columns[first + i].name = bp_pool_text(&dataset->pool, name, (size_t)length, error);
        if (!dataset->columns[first + i].name)
            return BP_NO_MEMORY;
    }
    return BP_OK;
}

/* -------------------------------------------------------------------------------------------------- arrays of a host */

static size_t array_stride(const bp_array *array)
{
    return array->stride ? (size_t)array->stride : (size_t)array->columns * bp_type_size((bp_type)array->type);
}

static bool has_nan(const bp_column *column, uint64_t rows)
{
    if (!column->data || (column->type != BP_TYPE_F32 && column->type != BP_TYPE_F64))
        return false;
    for (uint64_t row = 0; row < rows; row++)
        if (isnan(bp_column_number(column, row)))
            return true;
    return false;
}

void bp_dataset_set_matrix(bp_dataset *dataset, size_t first, const bp_array *array, bp_role role)
{
    size_t size = bp_type_size((bp_type)array->type);

    for (size_t i = 0; i < array->columns; i++) {
        bp_column *column = &dataset->columns[first + i];
        column->role = role;
        column->type = (bp_type)array->type;
        column->data = array->data ? (const char *)array->data + i * size : NULL;
        column->stride = array_stride(array);
        column->has_missing = has_nan(column, dataset->rows);
    }
}

static bp_status check_array(const bp_array *array, const char *name, uint64_t rows, bp_error *error)
{
    size_t width, bytes;

    if (!array->data || array->rows == 0 || array->columns == 0)
        return bp_fail(error, BP_INVALID, "%s has no elements", name);
    if (array->type < BP_TYPE_U8 || array->type > BP_TYPE_F64)
        return bp_fail(error, BP_INVALID, "%s has no type that there is (%d)", name, (int)array->type);
    if (array->rows != rows)
        return bp_fail(error, BP_INVALID, "%s has %llu rows, x has %llu", name, (unsigned long long)array->rows,
                       (unsigned long long)rows);
    if (!bp_size_mul((size_t)array->columns, bp_type_size((bp_type)array->type), &width) || width > SIZE_MAX / 2 ||
        !bp_size_mul((size_t)array->rows, bp_size_max(width, (size_t)array->stride), &bytes))
        return bp_fail(error, BP_INVALID, "%s is larger than memory can be", name);
    if (array->stride && (array->stride < width || array->stride % bp_type_size((bp_type)array->type)))
        return bp_fail(error, BP_INVALID, "%s has a stride of %llu bytes where a row has %zu", name,
                       (unsigned long long)array->stride, width);
    return BP_OK;
}

static bp_status check_arrays(const bp_array *x, const bp_array *y, const bp_array *weight, bp_error *error)
{
    if (!x)
        return bp_fail(error, BP_INVALID, "x has no elements");
    BP_TRY(check_array(x, "x", x->rows, error));
    if (y)
        BP_TRY(check_array(y, "y", x->rows, error));
    if (weight) {
        BP_TRY(check_array(weight, "weight", x->rows, error));
        if (weight->columns != 1)
            return bp_fail(error, BP_INVALID, "weight has %llu columns, not 1", (unsigned long long)weight->columns);
    }
    if (x->columns > BP_COLUMNS_MAX || (y && y->columns > BP_COLUMNS_MAX - x->columns))
        return bp_fail(error, BP_INVALID, "more than %llu columns", (unsigned long long)BP_COLUMNS_MAX);
    return BP_OK;
}

static bp_status borrow_columns(bp_dataset *dataset, const bp_array *x, const bp_array *y, const bp_array *weight, bp_error *error)
{
    size_t inputs = (size_t)x->columns, targets = y ? (size_t)y->columns : 0;

    dataset->rows = x->rows;
    dataset->numbered = true;
    BP_TRY(bp_dataset_make_columns(dataset, inputs + targets + (weight ? 1 : 0), error));
    BP_TRY(bp_dataset_number_columns(dataset, 0, inputs, "x", error));
    bp_dataset_set_matrix(dataset, 0, x, BP_ROLE_INPUT);
    if (y) {
        BP_TRY(bp_dataset_number_columns(dataset, inputs, targets, "y", error));
        bp_dataset_set_matrix(dataset, inputs, y, BP_ROLE_TARGET);
    }
    if (weight) {
        dataset->columns[inputs + targets].name = bp_pool_text(&dataset->pool, "weight", strlen("weight"), error);
        if (!dataset->columns[inputs + targets].name)
            return BP_NO_MEMORY;
        bp_dataset_set_matrix(dataset, inputs + targets, weight, BP_ROLE_WEIGHT);
    }
    return BP_OK;
}

bp_status bp_dataset_borrow(const bp_array *x, const bp_array *y, const bp_array *weight, const bp_allocator *allocator,
                            bp_dataset **result, bp_error *error)
{
    bp_dataset *dataset;

    BP_TRY(check_arrays(x, y, weight, error));
    BP_TRY(bp_dataset_new("data", allocator, &dataset, error));
    bp_status status = borrow_columns(dataset, x, y, weight, error);
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------- accessors */

size_t bp_type_size(bp_type type)
{
    return type == BP_TYPE_U8 ? 1 : type == BP_TYPE_F64 ? 8 : 4;
}

double bp_column_number(const bp_column *column, uint64_t row)
{
    if (column->entries)
        return bp_entries_number(column->entries, row, column->place);
    const void *at = (const char *)column->data + row * column->stride;

    switch (column->type) {
    case BP_TYPE_U8:
        return *(const uint8_t *)at;
    case BP_TYPE_I32:
        return *(const int32_t *)at;
    case BP_TYPE_F32:
        return (double)*(const float *)at;
    default:
        return *(const double *)at;
    }
}

int32_t bp_column_code(const bp_column *column, uint64_t row)
{
    return *(const int32_t *)(const void *)((const char *)column->data + row * column->stride);
}

const char *bp_column_text(const bp_column *column, uint64_t row, char number[32])
{
    if (column->categorical) {
        int32_t code = bp_column_code(column, row);
        return code < 0 ? "" : column->categories[code];
    }
    double value = bp_column_number(column, row);
    if (isnan(value))
        return "";
    if (column->type == BP_TYPE_F32)
        bp_text_f32((float)value, number);
    else
        bp_text_f64(value, number);
    return number;
}

const bp_column *bp_dataset_find(const bp_dataset *dataset, const char *name, size_t place)
{
    if (place < dataset->column_count && strcmp(dataset->columns[place].name, name) == 0)
        return &dataset->columns[place];
    for (size_t i = 0; i < dataset->column_count; i++)
        if (strcmp(dataset->columns[i].name, name) == 0)
            return &dataset->columns[i];
    return NULL;
}

uint64_t bp_dataset_rows(const bp_dataset *dataset)
{
    return dataset->rows;
}

uint64_t bp_dataset_skipped(const bp_dataset *dataset)
{
    return dataset->skipped;
}

int bp_dataset_is_paged(const bp_dataset *dataset)
{
    return dataset->bpd != NULL;
}

bp_status bp_dataset_check_shuffle(const bp_dataset *dataset, const bp_settings *settings, bp_error *error)
{
    bp_settings full;

    bp_settings_complete(settings, &full);
    if (!dataset->bpd || full.shuffle != BP_SHUFFLE_FULL || bp_settings_full_batch(&full))
        return BP_OK;
    return bp_fail(error, BP_INVALID,
                   "%s is larger than the memory for data, and shuffle full takes rows from everywhere: say --shuffle blocks, or "
                   "--memory BYTES if there is more",
                   dataset->path);
}

uint64_t bp_dataset_columns(const bp_dataset *dataset)
{
    return dataset->column_count;
}

bp_status bp_dataset_column(const bp_dataset *dataset, uint64_t column, bp_column_info *result, bp_error *error)
{
    if (column >= dataset->column_count)
        return bp_fail(error, BP_INVALID, "column %llu of %zu", (unsigned long long)column, dataset->column_count);
    const bp_column *c = &dataset->columns[column];
    *result = (bp_column_info){.name = c->name,
                               .role = (int32_t)c->role,
                               .categorical = c->categorical,
                               .type = (int32_t)c->type,
                               .has_missing = c->has_missing,
                               .categories = c->category_count};
    return BP_OK;
}

const char *bp_dataset_category(const bp_dataset *dataset, uint64_t column, uint64_t category)
{
    if (column >= dataset->column_count || category >= dataset->columns[column].category_count)
        return NULL;
    return dataset->columns[column].categories[category];
}

/* One that is in the file only. */
static bp_status write_far_field(const bp_dataset *dataset, uint64_t row, size_t column, char *text, size_t capacity,
                                 bp_error *error)
{
    bp_column copy = dataset->columns[column];
    double element = 0; /* the largest type */
    char number[32];

    BP_TRY(bp_bpd_read_element(dataset->bpd, column, row, &element, error));
    copy.data = &element;
    if (capacity)
        snprintf(text, capacity, "%s", bp_column_text(&copy, 0, number));
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status write_field(const bp_dataset *dataset, uint64_t row, uint64_t column, char *text, size_t capacity,
                                            bp_error *error)
{
    char number[32];

    if (column >= dataset->column_count || row >= dataset->rows)
        return bp_fail(error, BP_INVALID, "row %llu, column %llu of a data set of %llu rows and %zu columns",
                       (unsigned long long)row, (unsigned long long)column, (unsigned long long)dataset->rows,
                       dataset->column_count);
    const bp_column *c = &dataset->columns[column];
    if (dataset->bpd && !c->data)
        return write_far_field(dataset, row, (size_t)column, text, capacity, error);
    if (capacity)
        snprintf(text, capacity, "%s", bp_column_text(c, row, number));
    return BP_OK;
}

bp_status bp_dataset_text(const bp_dataset *dataset, uint64_t row, uint64_t column, char *text, size_t capacity, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = write_field(dataset, row, column, text, capacity, error);
    bp_float_end(host);
    return status;
}

bp_status bp_dataset_fail(const bp_dataset *dataset, uint64_t row, bp_error *error, const char *format, ...)
{
    char cause[800];
    va_list arguments;

    if (!error)
        return BP_BAD_FILE;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    if (dataset->lines || dataset->first_line)
        return bp_fail_line(error, dataset->path, dataset->lines ? dataset->lines[row] : dataset->first_line + row, "%s", cause);
    return bp_fail(error, BP_BAD_FILE, "%s: row %llu: %s", dataset->path, (unsigned long long)(dataset->first_row + row + 1),
                   cause);
}
