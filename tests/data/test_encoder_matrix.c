/* Numbers that lie side by side, which are summed and scaled many columns at a time.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "examples.h"
#include "helper_data.h"
#include "numbers.h"
#include "scratch.h"

#define ROWS 70000 /* sums of squares of so many bytes do not fit 32 bits */
#define COLUMNS 131

TestSuite(encoder_matrix, .init = scratch_begin, .fini = scratch_end);

static bp_dataset *borrow(const void *x, int32_t type, uint64_t rows, uint64_t columns, const float *y)
{
    bp_dataset *dataset;
    bp_array ax = {.data = x, .type = type, .rows = rows, .columns = columns};
    bp_array ay = {.data = y, .type = BP_TYPE_F32, .rows = rows, .columns = 1};

    cr_assert_eq(bp_dataset_borrow(&ax, &ay, NULL, NULL, &dataset, NULL), BP_OK);
    return dataset;
}

/* The first column is constant, the second is 255 but for one row, the others are all sorts. */
static unsigned char byte_at(size_t row, size_t column)
{
    if (column < 2)
        return column == 0 || row != 69999 ? 255 : 254;
    return (unsigned char)(column + (size_t)fabs(120 * scattered(column, row)));
}

static void expect_same_scales(const unsigned char *bytes, const double *numbers, const float *y, bp_rows rows,
                               const bp_settings *settings)
{
    bp_dataset *narrow = borrow(bytes, BP_TYPE_U8, ROWS, COLUMNS, y), *wide = borrow(numbers, BP_TYPE_F64, ROWS, COLUMNS, y);
    bp_encoder *got, *want;

    cr_assert_eq(bp_encoder_fit(narrow, rows, settings, NULL, &got, NULL), BP_OK);
    cr_assert_eq(bp_encoder_fit(wide, rows, settings, NULL, &want, NULL), BP_OK);
    for (size_t i = 0; i < COLUMNS; i++) {
        const bp_feature *g = &got->features[i], *w = &want->features[i];
        cr_assert_eq(g->mean, w->mean, "mean of column %zu: %.17g, not %.17g", i, g->mean, w->mean);
        cr_assert_float_eq(g->scale, w->scale, 1e-12 * w->scale, "scale of column %zu: %.17g, not %.17g", i, g->scale, w->scale);
    }
    bp_encoder_free(got);
    bp_encoder_free(want);
    bp_dataset_free(narrow);
    bp_dataset_free(wide);
}

Test(encoder_matrix, bytes_side_by_side_have_the_scales_of_numbers)
{
    unsigned char *bytes = malloc(ROWS * COLUMNS);
    double *numbers = malloc(ROWS * COLUMNS * sizeof *numbers);
    float *y = malloc(ROWS * sizeof *y);
    uint64_t some[1000];

    for (size_t row = 0; row < ROWS; row++) {
        y[row] = (float)scattered(9999, row);
        for (size_t column = 0; column < COLUMNS; column++) {
            bytes[row * COLUMNS + column] = byte_at(row, column);
            numbers[row * COLUMNS + column] = byte_at(row, column);
        }
    }
    for (size_t i = 0; i < 1000; i++)
        some[i] = (i * 7919) % ROWS;
    expect_same_scales(bytes, numbers, y, (bp_rows){NULL, ROWS}, with("scale", "standard", NULL));
    expect_same_scales(bytes, numbers, y, (bp_rows){some, 1000}, with("scale", "standard", NULL));
    expect_same_scales(bytes, numbers, y, (bp_rows){some, 1000}, with("scale", "range", NULL));
    free(bytes);
    free(numbers);
    free(y);
}

/* ------------------------------------------------------------------------------------------------------------- apply */

#define FEW 7

/* 100 and some, so that the last piece is not full; whole numbers, which every type holds. */
static double value_at(size_t row, size_t column)
{
    return (double)(1 + (row * 31 + column * 17 + row * column) % 200);
}

/* A file of text keeps its columns apart from each other. */
static bp_dataset *write_and_read(size_t columns)
{
    FILE *file = fopen("a.csv", "w");

    for (size_t i = 0; i < columns; i++)
        fprintf(file, "x%zu,", i + 1);
    fputs("y\n", file);
    for (size_t row = 0; row < FEW; row++) {
        for (size_t i = 0; i < columns; i++)
            fprintf(file, "%g,", value_at(row, i));
        fputs("1\n", file);
    }
    fclose(file);
    return must_read("a.csv", with("target", "y", NULL));
}

/* All values as numbers of that type, behind each other. */
static void *pack(int32_t type, size_t columns)
{
    void *block = calloc(FEW * columns, sizeof(double));

    for (size_t i = 0; i < FEW * columns; i++) {
        double value = value_at(i / columns, i % columns);
        if (type == BP_TYPE_U8)
            ((uint8_t *)block)[i] = (uint8_t)value;
        else if (type == BP_TYPE_I32)
            ((int32_t *)block)[i] = (int32_t)value;
        else if (type == BP_TYPE_F32)
            ((float *)block)[i] = (float)value;
        else
            ((double *)block)[i] = value;
    }
    return block;
}

Test(encoder_matrix, side_by_side_and_apart_have_the_same_bits)
{
    static const float y[FEW] = {1, 2, 3, 4, 5, 6, 7};
    static const int32_t types[] = {BP_TYPE_U8, BP_TYPE_I32, BP_TYPE_F32, BP_TYPE_F64};

    for (size_t columns = 1; columns < 200; columns = 2 * columns + 1) {
        bp_dataset *apart = write_and_read(columns);
        for (size_t i = 0; i < 4; i++) {
            void *block = pack(types[i], columns);
            bp_dataset *matrix = borrow(block, types[i], FEW, columns, y);
            bp_encoder *encoder = must_fit(matrix, with("scale", "standard", NULL));
            bp_examples *got = must_apply(encoder, matrix), *want;
            cr_assert_eq(bp_encoder_apply(encoder, apart, 0, NULL, &want, NULL), BP_OK);
            cr_assert_arr_eq((const float *)got->x, (const float *)want->x, FEW * columns * sizeof(float), "type %zu, %zu columns",
                             i, columns);
            bp_examples_free(got);
            bp_examples_free(want);
            bp_encoder_free(encoder);
            bp_dataset_free(matrix);
            free(block);
        }
        bp_dataset_free(apart);
    }
}

Test(encoder_matrix, what_is_no_finite_input_is_told_with_row_and_column)
{
    static const double bad[] = {-1e300, 1e300};
    static const char *const told[] = {"column \"x70\": -1e+300 is too large", "column \"x70\": 1e+300 is too large"};
    static double good[FEW][100], x[FEW][100];
    static const float y[FEW] = {1, 2, 3, 4, 5, 6, 7};

    for (size_t i = 0; i < FEW * 100; i++)
        good[i / 100][i % 100] = value_at(i / 100, i % 100);
    bp_dataset *training = borrow(good, BP_TYPE_F64, FEW, 100, y);
    bp_encoder *encoder = must_fit(training, with(NULL));
    for (size_t i = 0; i < 2; i++) {
        bp_examples *examples;
        bp_error error = {0};
        memcpy(x, good, sizeof x);
        x[5][69] = bad[i];
        bp_dataset *dataset = borrow(x, BP_TYPE_F64, FEW, 100, y);
        cr_assert_eq(bp_encoder_apply(encoder, dataset, 1, NULL, &examples, &error), BP_BAD_FILE);
        cr_assert(strstr(error.text, told[i]), "\"%s\" does not say \"%s\"", error.text, told[i]);
        cr_assert(strstr(error.text, "row 6"), "\"%s\" does not name row 6", error.text);
        bp_dataset_free(dataset);
    }
    bp_encoder_free(encoder);
    bp_dataset_free(training);
}
