/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include <stdbool.h>
#include <string.h>

#include "size.h"

#define ROWS_TOGETHER 8

static const unsigned char *row_of(const bp_examples *examples, uint64_t row)
{
    return (const unsigned char *)examples->x + row * examples->x_stride;
}

static uint64_t row_number(const uint64_t *rows, uint64_t first_row, size_t r)
{
    return rows ? rows[r] : first_row + r;
}

/* A shuffled row is in no cache. */
#define BYTES_AHEAD 512

static void prefetch_row(const bp_examples *examples, uint64_t row)
{
    size_t element = examples->x_type == BP_TYPE_U8 ? 1 : sizeof(float);
    size_t bytes = bp_size_min(examples->inputs * element, BYTES_AHEAD);

    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch(row_of(examples, row) + at);
}

/* A sparse row with its zeros, up to the end of the last panel. */
static void write_out(const bp_sparse_row *row, uint32_t inputs, size_t panel, float *to)
{
    for (size_t j = 0; j < inputs; j += 32)
        memset(to + j / 32 * panel, 0, 32 * sizeof *to);
    for (size_t e = 0; e < row->count; e++)
        to[row->column[e] / 32 * panel + row->column[e] % 32] = row->value[e];
}

static void gather_sparse(const bp_batch *batch, const bp_examples *examples, const uint64_t *rows, uint64_t first_row,
                          size_t first, size_t count)
{
    for (size_t r = 0; r < count; r++) {
        bp_sparse_row row = bp_examples_sparse_row(examples, row_number(rows, first_row, r));
        if (batch->sparse)
            batch->sparse[first + r] = row;
        else
            write_out(&row, examples->inputs, batch->panel, batch->x + 32 * (first + r));
    }
}

/* At most ROWS_TOGETHER rows, those that `rows` names, or from first_row on. */
static void gather_x(const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows, uint64_t first_row, size_t count,
                     size_t panel, float *to)
{
    const float *numbers[ROWS_TOGETHER];
    const uint8_t *bytes[ROWS_TOGETHER];

    for (size_t r = 0; r < count; r++) {
        bytes[r] = row_of(examples, row_number(rows, first_row, r));
        numbers[r] = (const float *)(const void *)bytes[r];
    }
    if (examples->x_type == BP_TYPE_U8)
        kernels->spread_u8(count, bytes, examples->inputs, examples->x_divisor, panel, to);
    else
        kernels->spread_f32(count, numbers, examples->inputs, panel, to);
}

/* Classes: one-hot, or a number where there is one output. */
static void gather_class(const bp_kernels *kernels, const bp_examples *examples, uint64_t row, size_t panel, float *to)
{
    float y = (float)examples->classes[row];

    if (examples->outputs > 1)
        kernels->one_hot(examples->outputs, (size_t)examples->classes[row], panel, to);
    else
        kernels->spread_f32(1, &(const float *){&y}, 1, panel, to);
}

static void gather_y(const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows, uint64_t first_row, size_t count,
                     size_t panel, float *to)
{
    const float *group[ROWS_TOGETHER];

    for (size_t r = 0; r < count; r++)
        if (examples->classes)
            gather_class(kernels, examples, row_number(rows, first_row, r), panel, to + 32 * r);
        else
            group[r] = examples->y + row_number(rows, first_row, r) * examples->y_stride;
    if (!examples->classes)
        kernels->spread_f32(count, group, examples->outputs, panel, to);
}

/* The padding stays 0. */
static void smooth(const bp_batch *batch, size_t outputs, size_t first, size_t count)
{
    for (size_t j = 0; j < outputs; j += 32)
        for (size_t r = first; r < first + count; r++) {
            float *y = batch->y + j / 32 * batch->panel + 32 * r;
            for (size_t i = 0; i < bp_size_min(32, outputs - j); i++)
                y[i] = batch->smoothing.keep * y[i] + batch->smoothing.add;
        }
}

static void gather_weights(const bp_examples *examples, const uint64_t *rows, uint64_t first_row, size_t count, float *to)
{
    for (size_t r = 0; r < count; r++)
        to[r] = examples->weight ? examples->weight[row_number(rows, first_row, r)] : 1.0f;
}

static void prefetch_rows(const bp_examples *examples, const uint64_t *rows, size_t count)
{
    for (size_t r = 0; r < count; r++)
        prefetch_row(examples, rows[r]);
}

void bp_batch_gather(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows,
                     uint64_t first_row, size_t first, size_t count)
{
    bool sparse = examples->sparse.first != NULL;

    if (sparse && (batch->x || batch->sparse))
        gather_sparse(batch, examples, rows, first_row, first, count);
    for (size_t done = 0; done < count; done += ROWS_TOGETHER) {
        size_t together = bp_size_min(ROWS_TOGETHER, count - done), place = first + done;
        const uint64_t *own = rows ? rows + done : NULL;
        if (rows && batch->x && !sparse)
            prefetch_rows(examples, own + together, bp_size_min(ROWS_TOGETHER, count - done - together));
        if (batch->x && !sparse)
            gather_x(kernels, examples, own, first_row + done, together, batch->panel, batch->x + 32 * place);
        if (batch->y)
            gather_y(kernels, examples, own, first_row + done, together, batch->panel, batch->y + 32 * place);
    }
    if (batch->y && batch->smoothing.keep > 0.0f)
        smooth(batch, examples->outputs, first, count);
    if (batch->weight)
        gather_weights(examples, rows, first_row, count, batch->weight + first);
}
