/* Gathering: rows of examples in any type, into panels, and nothing beside them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include <criterion/criterion.h>

#include "cpu.h"
#include "fence.h"
#include "numbers.h"

enum { ROWS = 11, WIDTH_MOST = 70, PANELS = 3, PLACES = 9, FIRST = 2, STRIDE = 75 };

/* Examples with gaps between rows, the last of which ends at a fence, and room for PLACES rows in panels. */
typedef struct subject {
    bp_examples examples;
    fence x_fence;
    unsigned char *bytes;
    float *floats;
    float y[ROWS * STRIDE], weight[ROWS];
    int32_t classes[ROWS];
    float x_panels[PANELS * PLACES * 32], y_panels[PANELS * PLACES * 32], weights[PLACES];
    bp_batch batch;
} subject;

static void give_bytes(subject *s)
{
    size_t size = (ROWS - 1) * STRIDE + s->examples.inputs;

    s->bytes = fence_at(&s->x_fence, size, false);
    for (size_t i = 0; i < size; i++)
        s->bytes[i] = (unsigned char)(i * 31);
    s->examples.x = s->bytes;
    s->examples.x_type = BP_TYPE_U8;
    s->examples.x_stride = STRIDE;
    s->examples.x_divisor = 255;
}

static void give_floats(subject *s)
{
    size_t count = (ROWS - 1) * STRIDE + s->examples.inputs;

    s->floats = fence_floats(&s->x_fence, count, false);
    scatter_f32(s->floats, count, 1, 1);
    s->examples.x = s->floats;
    s->examples.x_type = BP_TYPE_F32;
    s->examples.x_stride = STRIDE * sizeof(float);
}

static void begin(subject *s, uint32_t inputs, uint32_t outputs)
{
    s->examples =
        (bp_examples){.rows = ROWS, .inputs = inputs, .outputs = outputs, .y = s->y, .y_stride = STRIDE, .weight = s->weight};
    s->x_fence = fence_make(ROWS * STRIDE * sizeof(float));
    scatter_f32(s->y, ROWS * STRIDE, 2, 1);
    scatter_f32(s->weight, ROWS, 3, 1);
    for (size_t i = 0; i < PANELS * PLACES * 32; i++)
        s->x_panels[i] = s->y_panels[i] = 7;
    for (size_t i = 0; i < PLACES; i++)
        s->weights[i] = 7;
    s->batch = (bp_batch){.x = s->x_panels, .y = s->y_panels, .weight = s->weights, .panel = PLACES * 32};
}

static float wanted_x(const subject *s, size_t row, size_t j)
{
    if (j >= s->examples.inputs)
        return 0;
    return s->examples.x_type == BP_TYPE_U8 ? (float)((double)s->bytes[row * STRIDE + j] / 255) : s->floats[row * STRIDE + j];
}

static float plain_y(const subject *s, size_t row, size_t j)
{
    if (!s->examples.classes)
        return s->y[row * STRIDE + j];
    return s->examples.outputs == 1 ? (float)s->classes[row] : (float)((size_t)s->classes[row] == j);
}

static float wanted_y(const subject *s, size_t row, size_t j)
{
    if (j >= s->examples.outputs)
        return 0;
    float y = plain_y(s, row, j), keep = s->batch.smoothing.keep;
    return keep > 0 ? keep * y + s->batch.smoothing.add : y;
}

/* The place of row r, or SIZE_MAX where nothing was to be written. */
static size_t row_at(const uint64_t *rows, uint64_t first_row, size_t count, size_t place)
{
    if (place < FIRST || place >= FIRST + count)
        return SIZE_MAX;
    return rows ? rows[place - FIRST] : first_row + place - FIRST;
}

static void check_place(const subject *s, size_t place, size_t row)
{
    size_t x_columns = (s->examples.inputs + 31) / 32 * 32, y_columns = (s->examples.outputs + 31) / 32 * 32;

    cr_assert_eq(s->weights[place], row == SIZE_MAX ? 7 : s->examples.weight ? s->weight[row] : 1, "weight at %zu", place);
    for (size_t j = 0; j < PANELS * 32; j++) {
        float x = s->x_panels[j / 32 * s->batch.panel + 32 * place + j % 32],
              y = s->y_panels[j / 32 * s->batch.panel + 32 * place + j % 32];
        float x_wanted = row != SIZE_MAX && j < x_columns ? wanted_x(s, row, j) : 7;
        float y_wanted = row != SIZE_MAX && j < y_columns ? wanted_y(s, row, j) : 7;
        if (x != x_wanted || y != y_wanted)
            cr_assert_fail("place %zu, column %zu: x %a, y %a, not %a, %a", place, j, (double)x, (double)y, (double)x_wanted,
                           (double)y_wanted);
    }
}

static void check_gather(subject *s, const uint64_t *rows, uint64_t first_row, size_t count)
{
    const bp_kernels *kernels;

    cr_assert_eq(bp_cpu_kernels(BP_ISA_AUTO, &kernels, NULL), BP_OK);
    bp_batch_gather(&s->batch, kernels, &s->examples, rows, first_row, FIRST, count);
    for (size_t place = 0; place < PLACES; place++)
        check_place(s, place, row_at(rows, first_row, count, place));
    fence_free(&s->x_fence);
}

static const uint64_t chosen[] = {10, 0, 3, 3, 9, 10};

Test(batch, rows_of_numbers_go_into_panels_and_nowhere_else)
{
    static subject s;

    for (uint32_t inputs = 1; inputs <= WIDTH_MOST; inputs++) {
        begin(&s, inputs, WIDTH_MOST + 1 - inputs);
        give_floats(&s);
        check_gather(&s, chosen, 0, 6);
        begin(&s, inputs, WIDTH_MOST + 1 - inputs);
        give_floats(&s);
        check_gather(&s, NULL, 5, 6);
    }
}

Test(batch, bytes_are_divided_and_rounded_once)
{
    static subject s;

    for (uint32_t inputs = 1; inputs <= WIDTH_MOST; inputs++) {
        begin(&s, inputs, 1);
        give_bytes(&s);
        check_gather(&s, chosen, 0, 6);
        begin(&s, inputs, 1);
        give_bytes(&s);
        check_gather(&s, NULL, 4, 7);
    }
}

Test(batch, classes_become_one_hot_and_two_become_a_number)
{
    static subject s;

    for (uint32_t outputs = 1; outputs <= WIDTH_MOST; outputs++) {
        begin(&s, 3, outputs);
        give_bytes(&s);
        for (size_t r = 0; r < ROWS; r++)
            s.classes[r] = (int32_t)((r * 29 + 31) % (outputs > 1 ? outputs : 2));
        s.examples.classes = s.classes;
        s.examples.y = NULL;
        check_gather(&s, chosen, 0, 6);
    }
}

Test(batch, targets_are_smoothed_and_their_padding_is_not)
{
    static subject s;

    for (uint32_t outputs = 1; outputs <= WIDTH_MOST; outputs++) {
        begin(&s, 3, outputs);
        give_floats(&s);
        s.batch.smoothing = (bp_smoothing){0.9f, 0.1f / (float)outputs};
        check_gather(&s, chosen, 0, 6);
    }
}

Test(batch, without_weights_every_example_weighs_one)
{
    static subject s;

    begin(&s, 3, 2);
    give_floats(&s);
    s.examples.weight = NULL;
    check_gather(&s, NULL, 0, 2);
}

Test(batch, what_is_not_wanted_is_not_written)
{
    static subject s;

    begin(&s, 3, 2);
    give_floats(&s);
    s.batch.y = s.batch.weight = NULL;
    bp_batch_gather(&s.batch, &bp_kernels_scalar, &s.examples, chosen, 0, FIRST, 3);
    cr_assert(s.x_panels[FIRST * 32] == wanted_x(&s, 10, 0) && s.y_panels[FIRST * 32] == 7 && s.weights[FIRST] == 7);
    s.batch.x = NULL;
    s.batch.y = s.y_panels;
    bp_batch_gather(&s.batch, &bp_kernels_scalar, &s.examples, NULL, 4, FIRST + 1, 1);
    cr_assert(s.x_panels[(FIRST + 1) * 32] == wanted_x(&s, 0, 0) && s.y_panels[(FIRST + 1) * 32] == s.y[4 * STRIDE]);
    fence_free(&s.x_fence);
}
