/* SPDX-License-Identifier: Apache-2.0 */
#include "examples.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "pages.h"
#include "size.h"
#include "sum.h"

#define INPUTS_MAX ((uint64_t)1 << 24)

static bp_status check_floats(const bp_array *array, const char *name, uint64_t rows, bool bytes_too, bp_error *error)
{
    size_t width;
    bool bytes = array->type == BP_TYPE_U8 && bytes_too;

    if (!array->data || !array->rows || !array->columns || array->columns > INPUTS_MAX)
        return bp_fail(error, BP_INVALID, "%s has %llu rows and %llu columns", name, (unsigned long long)array->rows,
                       (unsigned long long)array->columns);
    if (array->type != BP_TYPE_F32 && !bytes)
        return bp_fail(error, BP_INVALID, "%s is not of f32%s", name, bytes_too ? " or u8" : "");
    if (array->rows != rows)
        return bp_fail(error, BP_INVALID, "%s has %llu rows, x has %llu", name, (unsigned long long)array->rows,
                       (unsigned long long)rows);
    width = (size_t)array->columns * (bytes ? 1 : sizeof(float));
    if (array->stride && (array->stride < width || (!bytes && array->stride % sizeof(float))))
        return bp_fail(error, BP_INVALID, "%s has a stride of %llu bytes where a row has %zu", name,
                       (unsigned long long)array->stride, width);
    return BP_OK;
}

/* y and weight, with as many rows as x. */
static bp_status check_others(uint64_t rows, const bp_array *y, const bp_array *weight, bp_error *error)
{
    if (y)
        BP_TRY(check_floats(y, "y", rows, false, error));
    if (weight) {
        BP_TRY(check_floats(weight, "weight", rows, false, error));
        if (weight->columns != 1)
            return bp_fail(error, BP_INVALID, "weight has %llu columns, not 1", (unsigned long long)weight->columns);
    }
    return BP_OK;
}

static float weight_at(const bp_array *weight, uint64_t row)
{
    size_t stride = weight->stride ? (size_t)weight->stride : sizeof(float);
    return *(const float *)(const void *)((const char *)weight->data + row * stride);
}

/* Checks the weights and finds their mean. */
static bp_status average_weights(const bp_array *weight, double *mean, bp_error *error)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (uint64_t row = 0; row < weight->rows; row++) {
        float value = weight_at(weight, row);
        if (!(value >= 0) || !isfinite(value))
            return bp_fail(error, BP_INVALID, "the weight of row %llu is %g", (unsigned long long)row + 1, (double)value);
        bp_sum_add(&sum, (double)value);
    }
    *mean = bp_sum_total(&sum) / (double)weight->rows;
    return *mean > 0 ? BP_OK : bp_fail(error, BP_INVALID, "all weights are 0");
}

static bp_status scale_weights(bp_examples *examples, const bp_array *weight, bp_error *error)
{
    double mean;

    BP_TRY(average_weights(weight, &mean, error));
    if (!bp_size_mul((size_t)weight->rows, sizeof(float), &examples->owned_size))
        examples->owned_size = SIZE_MAX;
    float *scaled = bp_allocate(&examples->allocator, examples->owned_size);
    if (!scaled)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes for weights were refused", examples->owned_size);
    for (uint64_t row = 0; row < weight->rows; row++)
        scaled[row] = (float)((double)weight_at(weight, row) / mean);
    examples->owned = scaled;
    examples->weight = scaled;
    return BP_OK;
}

static void borrow_targets(bp_examples *examples, const bp_array *y)
{
    if (!y)
        return;
    examples->outputs = (uint32_t)y->columns;
    examples->y = y->data;
    examples->y_stride = y->stride ? (size_t)y->stride / sizeof(float) : (size_t)y->columns;
}

static void borrow_dense(bp_examples *examples, const bp_array *x)
{
    bool bytes = x->type == BP_TYPE_U8;

    examples->rows = x->rows;
    examples->inputs = (uint32_t)x->columns;
    examples->x_type = (bp_type)x->type;
    examples->x = x->data;
    examples->x_stride = x->stride ? (size_t)x->stride : (size_t)x->columns * (bytes ? 1 : sizeof(float));
    examples->x_divisor = bytes ? 255 : 1;
}

/* x without the rest. */
static BP_OUT_OF_LINE bp_status borrow_scaled(const bp_examples *x, const bp_array *y, const bp_array *weight,
                                              const bp_allocator *allocator, bp_examples **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);

    BP_TRY(check_others(x->rows, y, weight, error));
    bp_examples *examples = bp_allocate(&memory, sizeof *examples);
    if (!examples)
        return bp_fail(error, BP_NO_MEMORY, "memory for examples was refused");
    *examples = *x;
    examples->allocator = memory;
    borrow_targets(examples, y);
    bp_status status = weight ? scale_weights(examples, weight, error) : BP_OK;
    if (status != BP_OK) {
        bp_examples_free(examples);
        return status;
    }
    *result = examples;
    return BP_OK;
}

static bp_status borrow(const bp_examples *x, const bp_array *y, const bp_array *weight, const bp_allocator *allocator,
                        bp_examples **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = borrow_scaled(x, y, weight, allocator, result, error);
    bp_float_end(host);
    return status;
}

void bp_examples_strange(const bp_examples *examples, bp_strange *result)
{
    *result = examples->strange;
}

bp_status bp_examples_borrow(const bp_array *x, const bp_array *y, const bp_array *weight, const bp_allocator *allocator,
                             bp_examples **result, bp_error *error)
{
    bp_examples dense = {.rows = 0};

    if (!x)
        return bp_fail(error, BP_INVALID, "x has no elements");
    BP_TRY(check_floats(x, "x", x->rows, true, error));
    borrow_dense(&dense, x);
    return borrow(&dense, y, weight, allocator, result, error);
}

static bp_status check_row(const bp_csr *x, uint64_t row, bp_error *error)
{
    for (uint64_t e = x->first[row]; e < x->first[row + 1]; e++)
        if (x->column[e] >= x->columns || (e > x->first[row] && x->column[e] <= x->column[e - 1]))
            return bp_fail(error, BP_INVALID, "x: entry %llu of row %llu has column %u: they ascend, and there are %llu",
                           (unsigned long long)(e - x->first[row]), (unsigned long long)row, x->column[e],
                           (unsigned long long)x->columns);
    return BP_OK;
}

static bp_status check_entries(const bp_csr *x, bp_error *error)
{
    if (!x || !x->first || !x->rows || !x->columns || x->columns > INPUTS_MAX)
        return bp_fail(error, BP_INVALID, "x has %llu rows and %llu columns", x ? (unsigned long long)x->rows : 0ULL,
                       x ? (unsigned long long)x->columns : 0ULL);
    for (uint64_t row = 0; row < x->rows; row++) {
        if (x->first[row] > x->first[row + 1] || (x->first[row] < x->first[row + 1] && (!x->column || !x->value)))
            return bp_fail(error, BP_INVALID, "x: row %llu has no entries that there can be", (unsigned long long)row);
        BP_TRY(check_row(x, row, error));
    }
    return BP_OK;
}

bp_status bp_examples_borrow_sparse(const bp_csr *x, const bp_array *y, const bp_array *weight, const bp_allocator *allocator,
                                    bp_examples **result, bp_error *error)
{
    BP_TRY(check_entries(x, error));
    bp_examples sparse = {
        .rows = x->rows,
        .inputs = (uint32_t)x->columns,
        .x_type = BP_TYPE_F32,
        .x_divisor = 1,
        .sparse = {x->first, x->column, x->value},
    };
    return borrow(&sparse, y, weight, allocator, result, error);
}

uint64_t bp_examples_rows(const bp_examples *examples)
{
    return examples->rows;
}

static void copy_entries(const bp_examples *examples, uint64_t row, float *x)
{
    bp_sparse_row entries = bp_examples_sparse_row(examples, row);

    memset(x, 0, examples->inputs * sizeof *x);
    for (size_t e = 0; e < entries.count; e++)
        x[entries.column[e]] = entries.value[e];
}

static void copy_x(const bp_examples *examples, uint64_t row, float *x)
{
    if (examples->sparse.first) {
        copy_entries(examples, row, x);
        return;
    }
    const unsigned char *from = (const unsigned char *)examples->x + row * examples->x_stride;

    if (examples->x_type == BP_TYPE_F32)
        memcpy(x, from, examples->inputs * sizeof *x);
    else
        for (uint32_t i = 0; i < examples->inputs; i++)
            x[i] = (float)from[i] / examples->x_divisor;
}

static void copy_y(const bp_examples *examples, uint64_t row, float *y)
{
    if (!examples->classes) {
        memcpy(y, examples->y + row * examples->y_stride, examples->outputs * sizeof *y);
    } else if (examples->outputs == 1) {
        y[0] = (float)examples->classes[row];
    } else {
        memset(y, 0, examples->outputs * sizeof *y);
        y[examples->classes[row]] = 1;
    }
}

static BP_OUT_OF_LINE bp_status copy_row(const bp_examples *examples, uint64_t row, float *x, float *y, bp_error *error)
{
    if (row >= examples->rows)
        return bp_fail(error, BP_INVALID, "row %llu of %llu (rows count from 0)", (unsigned long long)row,
                       (unsigned long long)examples->rows);
    if (y && !examples->outputs)
        return bp_fail(error, BP_INVALID, "these examples have no targets");
    if (x && examples->pages)
        BP_TRY(bp_pages_row(examples->pages, row, x, error));
    else if (x)
        copy_x(examples, row, x);
    if (y)
        copy_y(examples, row, y);
    return BP_OK;
}

bp_status bp_examples_row(const bp_examples *examples, uint64_t row, float *x, float *y, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = copy_row(examples, row, x, y, error);
    bp_float_end(host);
    return status;
}

void bp_examples_free(bp_examples *examples)
{
    if (!examples)
        return;
    bp_allocator memory = examples->allocator;
    bp_pages_free(examples->pages);
    bp_release(&memory, examples->owned, examples->owned_size);
    bp_release(&memory, examples, sizeof *examples);
}

bp_status bp_examples_check_rows(const bp_examples *examples, bp_rows rows, const char *what, bp_error *error)
{
    for (uint64_t i = 0; rows.index && i < rows.count; i++)
        if (rows.index[i] >= examples->rows)
            return bp_fail(error, BP_INVALID, "%s %llu: there are %llu, counted from 0", what, (unsigned long long)rows.index[i],
                           (unsigned long long)examples->rows);
    return BP_OK;
}
