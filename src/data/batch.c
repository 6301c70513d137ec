/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include "size.h"

/* Rows that are spread together, panel by panel: one page of the panel and one of each row are at hand, where row by row
 * every 128 bytes would go to another page (128 rows of 784: 90 us, so 30). */
#define ROWS_TOGETHER 8

static const unsigned char *row_of(const bp_examples *examples, uint64_t row)
{
    return (const unsigned char *)examples->x + row * examples->x_stride;
}

/* Columns 32 p ... of one row. */
static void spread_x(const bp_kernels *kernels, const bp_examples *examples, const unsigned char *row, size_t p, float *to)
{
    size_t columns = bp_size_min(32, examples->inputs - 32 * p);

    if (examples->x_type == BP_TYPE_U8)
        kernels->spread_u8(columns, row + 32 * p, examples->x_divisor, 0, to);
    else
        kernels->spread_f32(columns, (const float *)(const void *)row + 32 * p, 0, to);
}

/* A shuffled row is in no cache, and the processor sees its own prefetching through only behind its first lines. */
#define LINES_AHEAD 4

static void prefetch_row(const bp_examples *examples, uint64_t row)
{
    for (size_t line = 0; line < LINES_AHEAD; line++)
        __builtin_prefetch(row_of(examples, row) + 64 * line);
}

/* `count` rows, at most ROWS_TOGETHER, from place `first` on. */
static void gather_x(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples,
                     const unsigned char *const *rows, size_t first, size_t count)
{
    for (size_t p = 0; 32 * p < examples->inputs; p++)
        for (size_t r = 0; r < count; r++)
            spread_x(kernels, examples, rows[r], p, batch->x + p * batch->panel + 32 * (first + r));
}

static void gather_y(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, uint64_t row, size_t place)
{
    float *to = batch->y + 32 * place;

    if (!examples->classes) {
        kernels->spread_f32(examples->outputs, examples->y + row * examples->y_stride, batch->panel, to);
    } else if (examples->outputs > 1) {
        kernels->one_hot(examples->outputs, (size_t)examples->classes[row], batch->panel, to);
    } else {
        float y = (float)examples->classes[row];
        kernels->spread_f32(1, &y, batch->panel, to);
    }
}

static uint64_t row_number(const uint64_t *rows, uint64_t first_row, size_t r)
{
    return rows ? rows[r] : first_row + r;
}

static void gather_inputs(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows,
                          uint64_t first_row, size_t first, size_t count)
{
    const unsigned char *group[ROWS_TOGETHER];

    for (size_t done = 0; done < count; done += ROWS_TOGETHER) {
        size_t together = bp_size_min(ROWS_TOGETHER, count - done);
        for (size_t r = 0; r < together; r++)
            group[r] = row_of(examples, row_number(rows, first_row, done + r));
        for (size_t r = done + together; rows && r < bp_size_min(done + 2 * ROWS_TOGETHER, count); r++)
            prefetch_row(examples, rows[r]);
        gather_x(batch, kernels, examples, group, first + done, together);
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
