/* SPDX-License-Identifier: Apache-2.0 */
#include "encoder_column.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

/* ------------------------------------------------------------------------------------------------------------ numbers */

bool bp_column_needs_range(const bp_column *column, bp_scale rule)
{
    return column->type != BP_TYPE_U8 || (rule != BP_SCALE_AUTO && rule != BP_SCALE_NONE);
}

bool bp_column_needs_deviation(const bp_column *column, bp_scale rule)
{
    return bp_column_needs_range(column, rule) && (rule == BP_SCALE_AUTO || rule == BP_SCALE_STANDARD);
}

/* Of numbers that differ, or are as they are. */
static bp_scaling scale_by(const bp_column_statistics *found, bp_scale rule)
{
    double fill = isfinite(found->mean) ? found->mean : found->low; /* a sum may overflow where no mean is subtracted */

    if (rule == BP_SCALE_NONE)
        return (bp_scaling){0, 1, fill};
    if (rule == BP_SCALE_RANGE)
        return (bp_scaling){found->low, found->high - found->low, fill};
    return (bp_scaling){found->mean, found->deviation, found->mean};
}

bp_status bp_column_scale(const char *path, const bp_column *column, const bp_column_statistics *found, bp_scale rule,
                          bp_scaling *result, bp_error *error)
{
    bp_scaling scaling = {0, column->type == BP_TYPE_U8 && rule == BP_SCALE_AUTO ? 255 : 1, 0};

    if (bp_column_needs_range(column, rule) && found->low <= found->high) { /* else all are missing */
        if (found->low < found->high || rule == BP_SCALE_NONE)
            scaling = scale_by(found, rule);
        else /* its own mean may differ from a constant by rounding */
            scaling = (bp_scaling){found->low, 1, found->low};
    }
    if (!isfinite(scaling.mean) || !isfinite(scaling.scale))
        return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" has numbers too large to be scaled", path, column->name);
    if (scaling.scale == 0) /* deviations too small to be squared */
        scaling.scale = 1;
    scaling.mean += 0.0; /* -0 becomes 0, which JSON keeps */
    scaling.fill += 0.0;
    *result = scaling;
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------- categories */

bp_status bp_column_categories(bp_pool *pool, const bp_column *column, const bp_column_statistics *found, uint64_t least,
                               char ***categories, size_t *count, bp_error *error)
{
    size_t kept = 0;

    for (size_t i = 0; i < column->category_count; i++)
        kept += found->counts[i] >= least;
    *count = 0;
    *categories = bp_pool_take_array(pool, kept, sizeof **categories, error);
    if (!*categories)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < column->category_count; i++) {
        if (found->counts[i] < least)
            continue;
        char *text = bp_pool_text(pool, column->categories[i], strlen(column->categories[i]), error);
        if (!text)
            return BP_NO_MEMORY;
        (*categories)[(*count)++] = text;
    }
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------------ integers */

static int compare_numbers(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}

static bp_status gather_integers(const bp_dataset *block, const bp_column *column, bp_rows rows, double *values, bp_error *error)
{
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = bp_rows_at(rows, i);
        values[i] = bp_column_number(column, row) + 0.0; /* -0 is the class 0 */
        if (isnan(values[i]))
            return bp_dataset_fail(block, row, error, BP_TARGET_MISSING, column->name);
        if (floor(values[i]) != values[i] || fabs(values[i]) > 0x1p53)
            return bp_dataset_fail(block, row, error, "column \"%.200s\": %g is no whole number, so no class", column->name,
                                   values[i]);
    }
    return BP_OK;
}

static size_t sort_and_unite(double *values, size_t count)
{
    size_t kept = 1;

    qsort(values, count, sizeof *values, compare_numbers);
    for (size_t i = 1; i < count; i++)
        if (values[i] != values[kept - 1])
            values[kept++] = values[i];
    return kept;
}

bp_status bp_integers_add(bp_integers *integers, const bp_dataset *block, size_t column, bp_rows rows, bp_error *error)
{
    void *values = integers->values;
    size_t need;

    if (!rows.count)
        return BP_OK;
    if (!bp_size_add(integers->count, (size_t)rows.count, &need) || !bp_size_mul(need, sizeof(double), &need))
        return bp_fail(error, BP_NO_MEMORY, "memory for %llu classes was refused", (unsigned long long)rows.count);
    bp_status status = bp_grow(&integers->allocator, &values, &integers->bytes, need, error);
    integers->values = values;
    BP_TRY(status);
    BP_TRY(gather_integers(block, &block->columns[column], rows, integers->values + integers->count, error));
    integers->count = sort_and_unite(integers->values, integers->count + (size_t)rows.count);
    if (integers->count > BP_CLASSES_MAX)
        return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" has %zu classes, more than %zu", block->path,
                       block->columns[column].name, integers->count, BP_CLASSES_MAX);
    return BP_OK;
}

void bp_integers_release(bp_integers *integers)
{
    bp_release(&integers->allocator, integers->values, integers->bytes);
}

int32_t bp_place_of_number(const double *values, size_t count, double value)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (values[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && values[low] == value ? (int32_t)low : -1;
}

bp_status bp_integers_take(bp_pool *pool, const bp_integers *integers, double **values, char ***names, bp_error *error)
{
    char name[32];

    *values = bp_pool_take_array(pool, integers->count, sizeof **values, error);
    *names = *values ? bp_pool_take_array(pool, integers->count, sizeof **names, error) : NULL;
    if (!*names)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < integers->count; i++) {
        int length = snprintf(name, sizeof name, "%lld", (long long)integers->values[i]);
        (*values)[i] = integers->values[i];
        (*names)[i] = bp_pool_text(pool, name, (size_t)length, error);
        if (!(*names)[i])
            return BP_NO_MEMORY;
    }
    return BP_OK;
}
