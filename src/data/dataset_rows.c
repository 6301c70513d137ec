/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset_rows.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"

static bool lacks_targets(const bp_dataset *dataset)
{
    for (size_t i = 0; i < dataset->column_count; i++)
        if (dataset->columns[i].role == BP_ROLE_TARGET && dataset->columns[i].has_missing)
            return true;
    return false;
}

static void mark_rows(const bp_dataset *dataset, bool *skipped)
{
    for (size_t i = 0; i < dataset->column_count; i++) {
        const bp_column *column = &dataset->columns[i];
        if (column->role != BP_ROLE_TARGET || !column->has_missing)
            continue;
        for (uint64_t row = 0; row < dataset->rows; row++)
            skipped[row] |= column->categorical ? bp_column_code(column, row) < 0 : isnan(bp_column_number(column, row)) != 0;
    }
}

/* Each row that stays moves to behind the one before it. */
static uint64_t close_up(void *data, size_t stride, size_t size, uint64_t rows, const bool *skipped)
{
    uint64_t kept = 0;

    for (uint64_t row = 0; row < rows; row++)
        if (!skipped[row]) {
            memmove((char *)data + kept * stride, (const char *)data + row * stride, size);
            kept++;
        }
    return kept;
}

/* Lines that were one after the other are no longer. */
static bp_status number_lines(bp_dataset *dataset, const bool *skipped, bp_error *error)
{
    uint64_t *lines = (uint64_t *)(uintptr_t)dataset->lines; /* the pool's */

    if (!lines && !dataset->first_line)
        return BP_OK;
    if (!lines) {
        lines = bp_pool_take_array(&dataset->pool, (size_t)dataset->rows, sizeof *lines, error);
        if (!lines)
            return BP_NO_MEMORY;
        for (uint64_t row = 0; row < dataset->rows; row++)
            lines[row] = dataset->first_line + row;
    }
    close_up(lines, sizeof *lines, sizeof *lines, dataset->rows, skipped);
    dataset->lines = lines;
    dataset->first_line = 0;
    return BP_OK;
}

static bp_status skip(bp_dataset *dataset, bool *skipped, bp_error *error)
{
    uint64_t kept = 0;

    mark_rows(dataset, skipped);
    for (uint64_t row = 0; row < dataset->rows; row++)
        kept += !skipped[row];
    if (!kept)
        return bp_fail(error, BP_BAD_FILE, "%s: every row lacks a target", dataset->path);
    BP_TRY(number_lines(dataset, skipped, error));
    for (size_t i = 0; i < dataset->column_count; i++) {
        bp_column *column = &dataset->columns[i];
        close_up((void *)(uintptr_t)column->data, column->stride, bp_type_size(column->type), dataset->rows, skipped);
        column->has_missing = column->has_missing && column->role != BP_ROLE_TARGET;
    }
    dataset->skipped = dataset->rows - kept;
    dataset->rows = kept;
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status skip_rows(bp_dataset *dataset, bp_error *error)
{
    bool *skipped = bp_allocate_zeroed(&dataset->pool.allocator, (size_t)dataset->rows);
    uint64_t rows = dataset->rows;

    if (!skipped)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory to leave out rows was refused", dataset->path);
    bp_status status = skip(dataset, skipped, error);
    bp_release(&dataset->pool.allocator, skipped, (size_t)rows);
    return status;
}

bp_status bp_dataset_skip_rows(bp_dataset *dataset, bp_error *error)
{
    if (!lacks_targets(dataset))
        return BP_OK;
    if (dataset->bpd)
        return bp_fail(error, BP_INVALID, "%s: missing-targets skip needs rows in memory: leave them out before packing",
                       dataset->path);
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = skip_rows(dataset, error);
    bp_float_end(host);
    return status;
}
