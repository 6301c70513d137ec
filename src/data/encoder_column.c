/* SPDX-License-Identifier: Apache-2.0 */
#include "encoder_column.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "sum.h"

/* ------------------------------------------------------------------------------------------------------------ numbers */

static bp_status find_range(const bp_dataset *dataset, const bp_column *column, bp_rows rows, bp_moments *result, bp_error *error)
{
    *result = (bp_moments){.low = INFINITY, .high = -INFINITY};
    for (uint64_t i = 0; i < rows.count; i++) {
        double value = bp_column_number(column, bp_rows_at(rows, i));
        if (!isfinite(value))
            return bp_dataset_fail(dataset, bp_rows_at(rows, i), error,
                                   isnan(value)
                                       ? "column \"%.200s\": a number is missing; fill it in, or leave out the row or the column"
                                       : "column \"%.200s\": a number is infinite",
                                   column->name);
        if (value < result->low)
            result->low = value;
        if (value > result->high)
            result->high = value;
    }
    return BP_OK;
}

/* Two passes: the deviations from the mean keep what a sum of squares would cancel. */
static void find_deviation(const bp_column *column, bp_rows rows, bp_moments *result)
{
    bp_sum sum, squares;

    bp_sum_start(&sum);
    for (uint64_t i = 0; i < rows.count; i++)
        bp_sum_add(&sum, bp_column_number(column, bp_rows_at(rows, i)));
    result->mean = bp_sum_total(&sum) / (double)rows.count;
    bp_sum_start(&squares);
    for (uint64_t i = 0; i < rows.count; i++) {
        double deviation = bp_column_number(column, bp_rows_at(rows, i)) - result->mean;
        bp_sum_add(&squares, deviation * deviation);
    }
    result->deviation = sqrt(bp_sum_total(&squares) / (double)rows.count);
}

static bp_status find_moments(const bp_dataset *dataset, const bp_column *column, bp_rows rows, bp_scale rule, bp_byte_sums *sums,
                              bp_moments *result, bp_error *error)
{
    if (column->type == BP_TYPE_U8) {
        *result = bp_byte_moments(dataset, column, rows, sums);
        return BP_OK;
    }
    BP_TRY(find_range(dataset, column, rows, result, error));
    if (rule == BP_SCALE_AUTO || rule == BP_SCALE_STANDARD)
        find_deviation(column, rows, result);
    return BP_OK;
}

bp_status bp_column_fit_scale(const bp_dataset *dataset, const bp_column *column, bp_rows rows, bp_scale rule, bp_byte_sums *sums,
                              double *mean, double *scale, bp_error *error)
{
    bp_moments found;

    *mean = 0;
    *scale = column->type == BP_TYPE_U8 && rule == BP_SCALE_AUTO ? 255 : 1;
    if (column->type == BP_TYPE_U8 && (rule == BP_SCALE_AUTO || rule == BP_SCALE_NONE))
        return BP_OK;
    BP_TRY(find_moments(dataset, column, rows, rule, sums, &found, error));
    if (rule == BP_SCALE_NONE)
        return BP_OK;
    if (found.low == found.high) {
        *mean = found.low;
    } else if (rule == BP_SCALE_RANGE) {
        *mean = found.low;
        *scale = found.high - found.low;
    } else {
        *mean = found.mean;
        *scale = found.deviation;
    }
    if (!isfinite(*mean) || !isfinite(*scale))
        return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" has numbers too large to be scaled", dataset->path, column->name);
    if (*scale == 0) /* deviations too small to be squared */
        *scale = 1;
    *mean += 0.0; /* -0 becomes 0, which JSON keeps */
    return BP_OK;
}

bp_status bp_column_fit_weight(const bp_dataset *dataset, const bp_column *column, bp_rows rows, double *mean, bp_error *error)
{
    bp_moments found;
    bp_sum sum;

    BP_TRY(find_range(dataset, column, rows, &found, error));
    bp_sum_start(&sum);
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = bp_rows_at(rows, i);
        double weight = bp_column_number(column, row);
        if (weight < 0)
            return bp_dataset_fail(dataset, row, error, "column \"%.200s\": a weight is negative", column->name);
        bp_sum_add(&sum, weight);
    }
    *mean = bp_sum_total(&sum) / (double)rows.count;
    if (!(*mean > 0) || !isfinite(*mean))
        return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\": the weights' mean is %s", dataset->path, column->name,
                       *mean > 0 ? "infinite" : "0");
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------- categories */

bp_status bp_column_fit_categories(bp_pool *pool, const bp_column *column, bp_rows rows, char ***categories, size_t *count,
                                   bp_error *error)
{
    bool *seen = bp_allocate_zeroed(&pool->allocator, column->category_count);
    bp_status status = BP_OK;

    if (!seen)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", column->category_count);
    for (uint64_t i = 0; i < rows.count; i++) {
        int32_t code = bp_column_code(column, bp_rows_at(rows, i));
        if (code >= 0)
            seen[code] = true;
    }
    *count = 0;
    *categories = bp_pool_take_array(pool, column->category_count, sizeof **categories, error);
    if (!*categories)
        status = BP_NO_MEMORY;
    for (size_t i = 0; i < column->category_count && status == BP_OK; i++)
        if (seen[i]) {
            char *text = bp_pool_text(pool, column->categories[i], strlen(column->categories[i]), error);
            (*categories)[(*count)++] = text;
            status = text ? BP_OK : BP_NO_MEMORY;
        }
    bp_release(&pool->allocator, seen, column->category_count);
    return status;
}

static int compare_numbers(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}

static bp_status gather_integers(const bp_dataset *dataset, const bp_column *column, bp_rows rows, double *values, bp_error *error)
{
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = bp_rows_at(rows, i);
        values[i] = bp_column_number(column, row) + 0.0; /* -0 is the class 0 */
        if (isnan(values[i]))
            return bp_dataset_fail(dataset, row, error, "column \"%.200s\": the target is missing", column->name);
        if (floor(values[i]) != values[i] || fabs(values[i]) > 0x1p53)
            return bp_dataset_fail(dataset, row, error, "column \"%.200s\": %g is no whole number, so no class", column->name,
                                   values[i]);
    }
    return BP_OK;
}

static uint64_t sort_and_unite(double *values, uint64_t count)
{
    uint64_t kept = 1;

    qsort(values, count, sizeof *values, compare_numbers);
    for (uint64_t i = 1; i < count; i++)
        if (values[i] != values[kept - 1])
            values[kept++] = values[i];
    return kept;
}

static bp_status take_integers(bp_pool *pool, const double *found, size_t count, double **values, char ***names, bp_error *error)
{
    char name[32];

    *values = bp_pool_take_array(pool, count, sizeof **values, error);
    *names = *values ? bp_pool_take_array(pool, count, sizeof **names, error) : NULL;
    if (!*names)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        int length = snprintf(name, sizeof name, "%lld", (long long)found[i]);
        (*values)[i] = found[i];
        (*names)[i] = bp_pool_text(pool, name, (size_t)length, error);
        if (!(*names)[i])
            return BP_NO_MEMORY;
    }
    return BP_OK;
}

bp_status bp_column_fit_integers(bp_pool *pool, const bp_dataset *dataset, const bp_column *column, bp_rows rows, double **values,
                                 char ***names, size_t *count, bp_error *error)
{
    size_t bytes = (size_t)rows.count * sizeof(double);
    double *found = rows.count > SIZE_MAX / sizeof *found ? NULL : bp_allocate(&pool->allocator, bytes);

    if (!found)
        return bp_fail(error, BP_NO_MEMORY, "memory for %llu classes was refused", (unsigned long long)rows.count);
    bp_status status = gather_integers(dataset, column, rows, found, error);
    if (status == BP_OK) {
        *count = (size_t)sort_and_unite(found, rows.count);
        if (*count > BP_CLASSES_MAX)
            status = bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" has %zu classes, more than %zu", dataset->path,
                             column->name, *count, BP_CLASSES_MAX);
        else
            status = take_integers(pool, found, *count, values, names, error);
    }
    bp_release(&pool->allocator, found, bytes);
    return status;
}
