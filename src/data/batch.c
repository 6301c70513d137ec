/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include <string.h>

#include "size.h"

/* Rows ahead that are asked for early: a shuffled row is in no cache, and 784 bytes take 13 lines. */
#define ROWS_AHEAD 4

static void spread_f32(size_t n, const float *from, size_t panel, float *to)
{
    for (size_t j = 0; j < n; j += 32, to += panel)
        memcpy(to, from + j, bp_size_min(32, n - j) * sizeof(float));
}

static void gather_x(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, uint64_t row, size_t place)
{
    const unsigned char *from = (const unsigned char *)examples->x + row * examples->x_stride;
    float *to = batch->x + 32 * place;

    if (examples->x_type == BP_TYPE_U8)
        kernels->spread_u8(examples->inputs, from, examples->x_divisor, batch->panel, to);
    else
        spread_f32(examples->inputs, (const float *)(const void *)from, batch->panel, to);
}

static void gather_y(const bp_batch *batch, const bp_examples *examples, uint64_t row, size_t place)
{
    float *to = batch->y + 32 * place;

    for (size_t j = 0; j < examples->outputs; j += 32)
        memset(to + j / 32 * batch->panel, 0, 32 * sizeof(float));
    if (!examples->classes) {
        spread_f32(examples->outputs, examples->y + row * examples->y_stride, batch->panel, to);
    } else if (examples->outputs == 1) {
        *to = (float)examples->classes[row];
    } else {
        size_t j = (size_t)examples->classes[row];
        to[j / 32 * batch->panel + j % 32] = 1.0f;
    }
}

static void prefetch_row(const bp_examples *examples, uint64_t row)
{
    const char *from = (const char *)examples->x + row * examples->x_stride;
    size_t bytes = bp_size_min(examples->x_stride, 4096);

    for (size_t line = 0; line < bytes; line += 64)
        __builtin_prefetch(from + line);
}

void bp_batch_gather(const bp_batch *batch, const bp_kernels *kernels, const bp_examples *examples, const uint64_t *rows,
                     uint64_t first_row, size_t first, size_t count)
{
    for (size_t r = 0; r < count; r++) {
        uint64_t row = rows ? rows[r] : first_row + r;
        if (rows && r + ROWS_AHEAD < count)
            prefetch_row(examples, rows[r + ROWS_AHEAD]);
        if (batch->x)
            gather_x(batch, kernels, examples, row, first + r);
        if (batch->y)
            gather_y(batch, examples, row, first + r);
        if (batch->weight)
            batch->weight[first + r] = examples->weight ? examples->weight[row] : 1.0f;
    }
}
