/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset_matrix.h"

#include <string.h>

#include "error.h"
#include "memory.h"

bp_status bp_elements_check_end(bp_stream *stream, const char *path, const bp_elements *elements, size_t size, bp_error *error)
{
    unsigned long long rows = elements->rows, columns = elements->columns;
    unsigned char more;
    size_t got;

    if (size < elements->bytes)
        return bp_fail_offset(error, path, elements->begin + size,
                              "truncated: the header tells of %zu bytes (%llu rows of %llu), %zu are there", elements->bytes, rows,
                              columns, size);
    BP_TRY(bp_stream_read(stream, &more, 1, &got, error));
    if (got)
        return bp_fail_offset(error, path, elements->begin + size,
                              "too long: the header tells of %zu bytes (%llu rows of %llu), more follow", elements->bytes, rows,
                              columns);
    return BP_OK;
}

bp_status bp_elements_read(bp_stream *stream, const char *path, const bp_allocator *allocator, const bp_elements *elements,
                           void **block, bp_error *error)
{
    size_t size, capacity;

    BP_TRY(bp_stream_read_up_to(stream, elements->bytes, block, &size, &capacity, error));
    bp_status status = bp_elements_check_end(stream, path, elements, size, error);
    if (status != BP_OK)
        bp_release(allocator, *block, capacity);
    return status;
}

static void set_columns(bp_dataset *dataset, size_t first, const bp_matrix *matrix, bp_role role)
{
    size_t count = matrix->by_columns ? 1 : (size_t)matrix->columns, size = bp_type_size(matrix->type);
    bp_array array = {.data = matrix->data, .type = (int32_t)matrix->type, .rows = matrix->rows, .columns = count};

    for (size_t i = 0; i < matrix->columns; i += count) {
        bp_dataset_set_matrix(dataset, first + i, &array, role);
        array.data = (const char *)array.data + (size_t)matrix->rows * size;
    }
}

static bp_status name_targets(bp_dataset *dataset, size_t first, size_t count, const char *name, bp_error *error)
{
    if (count > 1)
        return bp_dataset_number_columns(dataset, first, count, "y", error);
    dataset->columns[first].name = bp_pool_text(&dataset->pool, name, strlen(name), error);
    return dataset->columns[first].name ? BP_OK : BP_NO_MEMORY;
}

bp_status bp_dataset_set_matrices(bp_dataset *dataset, const bp_matrix *x, const bp_matrix *y, const char *target_name,
                                  bp_error *error)
{
    if (y->data && y->rows != x->rows)
        return bp_fail(error, BP_BAD_FILE, "%s: %llu rows, but %llu rows of targets belong to them", dataset->path,
                       (unsigned long long)x->rows, (unsigned long long)y->rows);
    dataset->rows = x->rows;
    dataset->numbered = true;
    BP_TRY(bp_dataset_make_columns(dataset, x->columns + (y->data ? y->columns : 0), error));
    BP_TRY(bp_dataset_number_columns(dataset, 0, (size_t)x->columns, "x", error));
    set_columns(dataset, 0, x, BP_ROLE_INPUT);
    if (!y->data)
        return BP_OK;
    BP_TRY(name_targets(dataset, (size_t)x->columns, (size_t)y->columns, target_name, error));
    set_columns(dataset, (size_t)x->columns, y, BP_ROLE_TARGET);
    return BP_OK;
}
