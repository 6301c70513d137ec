/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

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

static void gather_y(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, uint64_t row, size_t place)
{
    float *to = batch->y + 32 * place;

    if (!examples->classes) {
        kernels->spread_f32(1, &(const float *){examples->y + row * examples->y_stride}, examples->outputs, batch->panel, to);
    } else if (examples->outputs > 1) {
        kernels->one_hot(examples->outputs, (size_t)examples->classes[row], batch->panel, to);
    } else {
        float y = (float)examples->classes[row];
        kernels->spread_f32(1, &(const float *){&y}, 1, batch->panel, to);
    }
}

static void gather_inputs(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows,
                          uint64_t first_row, size_t first, size_t count)
{
    for (size_t done = 0; done < count; done += ROWS_TOGETHER) {
        size_t together = bp_size_min(ROWS_TOGETHER, count - done);
        for (size_t r = done + together; rows && r < bp_size_min(done + 2 * ROWS_TOGETHER, count); r++)
            prefetch_row(examples, rows[r]);
        gather_x(kernels, examples, rows ? rows + done : NULL, first_row + done, together, batch->panel,
                 batch->x + 32 * (first + done));
    }
}

void bp_batch_gather(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows,
                     uint64_t first_row, size_t first, size_t count)
{
    if (batch->x)
        gather_inputs(batch, kernels, examples, rows, first_row, first, count);
    for (size_t r = 0; r < count; r++) {
        uint64_t row = row_number(rows, first_row, r);
        if (batch->y)
            gather_y(batch, kernels, examples, row, first + r);
        if (batch->weight)
            batch->weight[first + r] = examples->weight ? examples->weight[row] : 1.0f;
    }
}
