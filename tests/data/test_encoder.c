/* Columns into a network's numbers: scales, categories, classes, weights; and the encoder as JSON.
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
#include "memory.h"
#include "numbers.h"
#include "scratch.h"

TestSuite(encoder, .init = scratch_begin, .fini = scratch_end);

static bp_encoder_info describe(const bp_encoder *encoder)
{
    bp_encoder_info info;

    bp_encoder_describe(encoder, &info);
    return info;
}

static bp_error refuse_fit(const char *text, const bp_settings *settings, bp_status status, const char *part)
{
    bp_encoder *encoder = NULL;
    bp_error error = {0};

    write_text("a.csv", text);
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_status got = bp_encoder_fit(dataset, (bp_rows){0}, settings, NULL, &encoder, &error);
    cr_assert_eq(got, status, "%s: %s", bp_status_text(got), error.text);
    cr_assert(strstr(error.text, part), "\"%s\" does not say \"%s\"", error.text, part);
    cr_assert_null(encoder);
    bp_dataset_free(dataset);
    return error;
}

/* Fits on one text and applies to another, which has to be refused. */
static bp_error refuse_apply(const char *train, const char *other, const bp_settings *settings, const char *part)
{
    bp_examples *examples = NULL;
    bp_dataset *dataset;
    bp_error error = {0};

    write_text("train.csv", train);
    write_text("other.csv", other);
    bp_dataset *training = must_read("train.csv", settings);
    bp_encoder *encoder = must_fit(training, settings);
    cr_assert_eq(bp_dataset_read("other.csv", settings, 1, NULL, &dataset, &error), BP_OK, "%s", error.text);
    int with_targets = bp_dataset_find(dataset, "y", 0) != NULL;
    bp_status status = bp_encoder_apply(encoder, dataset, with_targets, NULL, &examples, &error);
    cr_assert_eq(status, BP_BAD_FILE, "%s: %s", bp_status_text(status), error.text);
    cr_assert(strstr(error.text, part), "\"%s\" does not say \"%s\"", error.text, part);
    bp_dataset_free(dataset);
    bp_encoder_free(encoder);
    bp_dataset_free(training);
    return error;
}

static void expect_row(const bp_examples *examples, uint64_t row, size_t inputs, const float *x, size_t outputs, const float *y)
{
    float got_x[16], got_y[16];

    cr_assert_eq(examples->inputs, inputs);
    cr_assert_eq(examples->outputs, outputs);
    cr_assert_eq(bp_examples_row(examples, row, got_x, got_y, NULL), BP_OK);
    for (size_t i = 0; i < inputs; i++)
        cr_assert_float_eq(got_x[i], x[i], 1e-6, "x%zu is %g, not %g", i, (double)got_x[i], (double)x[i]);
    for (size_t i = 0; i < outputs; i++)
        cr_assert_float_eq(got_y[i], y[i], 1e-6, "y%zu is %g, not %g", i, (double)got_y[i], (double)y[i]);
}

Test(encoder, standardised_columns_have_mean_0_and_deviation_1)
{
    static double x[5000][2];
    static float y[5000];
    bp_dataset *dataset;

    for (size_t i = 0; i < 5000; i++) {
        x[i][0] = 1e6 + scattered(1, i);
        x[i][1] = 1e-9 * scattered(2, i);
        y[i] = (float)(50 + 3 * scattered(3, i));
    }
    bp_array ax = {.data = x, .type = BP_TYPE_F64, .rows = 5000, .columns = 2};
    bp_array ay = {.data = y, .type = BP_TYPE_F32, .rows = 5000, .columns = 1};
    cr_assert_eq(bp_dataset_borrow(&ax, &ay, NULL, NULL, &dataset, NULL), BP_OK);
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    bp_examples *examples = must_apply(encoder, dataset);
    const float *got = examples->x;
    for (size_t column = 0; column < 3; column++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < 5000; i++) {
            double value = (double)(column < 2 ? got[2 * i + column] : examples->y[i]);
            sum += value;
            squares += value * value;
        }
        cr_assert_float_eq(sum / 5000, 0, 1e-7);
        cr_assert_float_eq(squares / 5000, 1, 1e-6);
    }
    double back = (double)examples->y[17];
    bp_encoder_decode(encoder, 1, &back);
    cr_assert_float_eq(back, (double)y[17], 1e-5);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(encoder, rows_that_are_not_chosen_change_nothing)
{
    static float x[100], y[100];
    static uint64_t index[50];
    double mean[2], scale[2];
    bp_dataset *dataset;

    scatter_f32(x, 100, 1, 1);
    bp_array ax = {.data = x, .type = BP_TYPE_F32, .rows = 100, .columns = 1};
    bp_array ay = {.data = y, .type = BP_TYPE_F32, .rows = 100, .columns = 1};
    cr_assert_eq(bp_dataset_borrow(&ax, &ay, NULL, NULL, &dataset, NULL), BP_OK);
    for (size_t i = 0; i < 50; i++)
        index[i] = 2 * i;
    for (size_t pass = 0; pass < 2; pass++) {
        bp_encoder *encoder;
        cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){index, 50}, with(NULL), NULL, &encoder, NULL), BP_OK);
        mean[pass] = encoder->features[0].mean;
        scale[pass] = encoder->features[0].scale;
        bp_encoder_free(encoder);
        for (size_t i = 1; i < 100; i += 2)
            x[i] = 1e6f;
    }
    cr_assert_eq(mean[0], mean[1]);
    cr_assert_eq(scale[0], scale[1]);
    index[7] = 100;
    bp_encoder *encoder;
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){index, 50}, with(NULL), NULL, &encoder, NULL), BP_INVALID);
    bp_dataset_free(dataset);
}

Test(encoder, scales_are_as_told)
{
    write_text("a.csv", "a,c,y\n2,5,10\n4,5,30\n");
    static const struct {
        const char *scale;
        float x[2];
        float y;
    } cases[] = {{"auto", {-1, 0}, -1}, {"standard", {-1, 0}, -1}, {"range", {0, 0}, -1}, {"none", {2, 5}, 10}};

    for (size_t i = 0; i < 4; i++) {
        const bp_settings *settings = with("target", "y", "scale", cases[i].scale, NULL);
        bp_dataset *dataset = must_read("a.csv", settings);
        bp_encoder *encoder = must_fit(dataset, settings);
        bp_examples *examples = must_apply(encoder, dataset);
        expect_row(examples, 0, 2, cases[i].x, 1, &cases[i].y);
        bp_examples_free(examples);
        bp_encoder_free(encoder);
        bp_dataset_free(dataset);
    }
}

/* Three times 0.1 sums to a mean that is not 0.1: the column must still be seen as constant. */
Test(encoder, constant_columns_become_0_and_keep_scale_1)
{
    const bp_settings *settings = with("target", "y", NULL);

    write_text("a.csv", "c,y\n0.1,1\n0.1,2\n0.1,4\n");
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    bp_examples *examples = must_apply(encoder, dataset);
    cr_assert_eq(encoder->features[0].scale, 1);
    for (size_t row = 0; row < 3; row++)
        cr_assert_eq(((const float *)examples->x)[row], 0);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(encoder, bytes_are_borrowed_and_divided)
{
    static const uint8_t x[2][4] = {{0, 51, 255, 9}, {102, 1, 2, 9}};
    static const float y[2] = {0, 1};
    bp_dataset *dataset;

    bp_array ax = {.data = x, .type = BP_TYPE_U8, .rows = 2, .columns = 3, .stride = 4};
    bp_array ay = {.data = y, .type = BP_TYPE_F32, .rows = 2, .columns = 1};
    cr_assert_eq(bp_dataset_borrow(&ax, &ay, NULL, NULL, &dataset, NULL), BP_OK);
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    bp_examples *examples = must_apply(encoder, dataset);
    cr_assert_eq(examples->x, (const void *)x);
    cr_assert_eq(examples->x_type, BP_TYPE_U8);
    expect_row(examples, 0, 3, (float[]){0, 0.2f, 1}, 1, (float[]){-1});
    bp_examples_free(examples);
    bp_encoder_free(encoder);

    encoder = must_fit(dataset, with("scale", "standard", NULL));
    examples = must_apply(encoder, dataset);
    cr_assert_eq(examples->x_type, BP_TYPE_F32);
    expect_row(examples, 1, 3, (float[]){1, -1, -1}, 1, (float[]){1});
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

/* Each category stands in two rows, so that none is 'other'. */
Test(encoder, categories_are_one_hot_and_without_other_unseen_ones_are_zeros)
{
    const bp_settings *settings = with("target", "y", "scale", "none", NULL);
    bp_dataset *dataset;
    bp_examples *examples;

    write_text("a.csv", "n,t,y\n1,b,1\n2,a,2\n3,c,3\n1,b,1\n2,a,2\n3,c,3\n");
    write_text("b.csv", "extra,t,n\nq,a,7\nq,zz,8\nq,,9\n"); /* another order, an extra column, no target */
    bp_dataset *training = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(training, settings);
    cr_assert_str_eq(bp_encoder_input(encoder, 0), "n");
    cr_assert_str_eq(bp_encoder_input(encoder, 2), "t=b");
    cr_assert_null(bp_encoder_input(encoder, 4));
    cr_assert_eq(bp_dataset_read("b.csv", settings, 1, NULL, &dataset, NULL), BP_OK);
    cr_assert_eq(bp_encoder_apply(encoder, dataset, 0, NULL, &examples, NULL), BP_OK);
    float x[4];
    static const float want[3][4] = {{7, 1, 0, 0}, {8, 0, 0, 0}, {9, 0, 0, 0}};
    for (size_t row = 0; row < 3; row++) {
        cr_assert_eq(bp_examples_row(examples, row, x, NULL, NULL), BP_OK);
        cr_assert_arr_eq(x, want[row], sizeof x);
    }
    bp_strange strange;
    bp_examples_strange(examples, &strange);
    cr_assert_eq(strange.categories, 1);
    cr_assert_eq(strange.missing, 1);
    cr_assert_eq(bp_examples_row(examples, 0, NULL, x, NULL), BP_INVALID);
    cr_assert_eq(bp_examples_row(examples, 3, x, NULL, NULL), BP_INVALID);
    bp_examples_free(examples);
    bp_dataset_free(dataset);
    bp_encoder_free(encoder);
    bp_dataset_free(training);
}

/* A file in which a column of categories happens to hold numbers alone. */
Test(encoder, numbers_serve_as_the_categories_they_spell)
{
    const bp_settings *settings = with("target", "y", NULL);

    write_text("a.csv", "t,y\n1,1\n2,2\nx,3\n1,1\n2,2\nx,3\n");
    write_text("b.csv", "t,y\n2,1\n1,2\n");
    bp_dataset *training = must_read("a.csv", settings), *dataset = must_read("b.csv", settings);
    bp_encoder *encoder = must_fit(training, settings);
    bp_examples *examples = must_apply(encoder, dataset);
    float x[3];
    cr_assert_eq(bp_examples_row(examples, 0, x, NULL, NULL), BP_OK);
    cr_assert_arr_eq(x, ((float[]){0, 1, 0}), sizeof x);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    bp_dataset_free(training);
}

static void expect_task(const char *text, const char *task, int32_t want, uint32_t outputs, const char *classes)
{
    const bp_settings *settings = with("target", "y", "task", task, NULL);
    char joined[100] = "";

    write_text("a.csv", text);
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    cr_assert_eq(describe(encoder).task, want);
    cr_assert_eq(describe(encoder).outputs, outputs);
    for (uint32_t i = 0; bp_encoder_class(encoder, i); i++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s ", bp_encoder_class(encoder, i));
    cr_assert_str_eq(joined, classes);
    bp_examples_free(must_apply(encoder, dataset));
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(encoder, the_task_follows_from_the_target)
{
    expect_task("a,y\n1,yes\n2,no\n", "auto", BP_TASK_BINARY, 1, "no yes ");
    expect_task("a,y\n1,yes\n2,no\n", "multiclass", BP_TASK_MULTICLASS, 2, "no yes ");
    expect_task("a,y\n1,c\n2,a\n3,b\n", "auto", BP_TASK_MULTICLASS, 3, "a b c ");
    expect_task("a,y\n1,10\n2,9\n3,9\n", "auto", BP_TASK_REGRESSION, 1, "");
    expect_task("a,y\n1,10\n2,9\n3,-1\n", "multiclass", BP_TASK_MULTICLASS, 3, "-1 9 10 ");
    expect_task("a,y\n1,10\n2,9\n3,9\n", "binary", BP_TASK_BINARY, 1, "9 10 ");
}

Test(encoder, integer_labels_of_idx_are_classes_by_value)
{
    static const unsigned char labels[3] = {10, 9, 200}, pixels[3] = {1, 2, 3};

    write_idx("images.idx", 0x08, 2, (uint32_t[]){3, 1}, pixels, 3);
    write_idx("labels.idx", 0x08, 1, (uint32_t[]){3}, labels, 3);
    bp_dataset *dataset = must_read("images.idx", with(NULL));
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    bp_examples *examples = must_apply(encoder, dataset);
    cr_assert_str_eq(bp_encoder_class(encoder, 0), "9");
    cr_assert_str_eq(bp_encoder_class(encoder, 2), "200");
    expect_row(examples, 0, 1, (float[]){1.0f / 255}, 3, (float[]){0, 1, 0});
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(encoder, several_targets_are_a_regression)
{
    const bp_settings *settings = with("target", "y,z", NULL);

    write_text("a.csv", "y,a,z\n1,1,5\n3,2,9\n");
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    bp_examples *examples = must_apply(encoder, dataset);
    double y[4] = {-1, -1, 1, 1};
    expect_row(examples, 0, 1, (float[]){-1}, 2, (float[]){-1, -1});
    bp_encoder_decode(encoder, 2, y);
    cr_assert_arr_eq(y, ((double[]){1, 5, 3, 9}), sizeof y);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(encoder, weights_have_mean_1_over_the_fitted_rows)
{
    const bp_settings *settings = with("target", "y", "weight-column", "w", NULL);

    write_text("a.csv", "a,w,y\n1,1,5\n3,2,9\n4,6,9\n");
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    bp_examples *examples = must_apply(encoder, dataset);
    cr_assert_float_eq(examples->weight[0], 1.0f / 3, 1e-7);
    cr_assert_float_eq(examples->weight[2], 2, 1e-7);
    cr_assert_eq(examples->inputs, 1);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(encoder, what_cannot_be_learned_is_refused_with_its_cause)
{
    cr_expect_eq(
        refuse_fit("a,w,y\n1,1,1\n2,,2\n", with("target", "y", "weight-column", "w", NULL), BP_BAD_FILE, "a weight is missing")
            .line,
        3);
    cr_expect_eq(refuse_fit("a,y\n1,1\n2,\n", with("target", "y", NULL), BP_BAD_FILE, "column \"y\": the target is missing").line,
                 3);
    cr_expect_eq(refuse_fit("a,y\n1,u\n2,NA\n", with("target", "y", NULL), BP_BAD_FILE, "the target is missing").line, 3);
    cr_expect_eq(
        refuse_fit("a,y\n1,1\n2,1.5\n", with("target", "y", "task", "binary", NULL), BP_BAD_FILE, "1.5 is no whole number").line,
        3);
    cr_expect_eq(
        refuse_fit("a,w,y\n1,1,1\n2,-1,2\n", with("target", "y", "weight-column", "w", NULL), BP_BAD_FILE, "negative").line, 3);
    refuse_fit("a,w,y\n1,0,1\n2,0,2\n", with("target", "y", "weight-column", "w", NULL), BP_BAD_FILE, "mean is 0");
    refuse_fit("a,w,y\n1,p,1\n2,q,2\n", with("target", "y", "weight-column", "w", NULL), BP_BAD_FILE, "holds text such as \"p\"");
    refuse_fit("a,y\n1,p\n2,q\n", with("target", "y", "task", "regression", NULL), BP_INVALID, "a regression needs numbers");
    refuse_fit("a,y\n1,p\n2,p\n", with("target", "y", NULL), BP_BAD_FILE, "\"p\" in every row");
    refuse_fit("a,y\n1,7\n2,7\n", with("target", "y", "task", "multiclass", NULL), BP_BAD_FILE, "\"7\" in every row");
    refuse_fit("a,y\n1,p\n2,q\n3,r\n", with("target", "y", "task", "binary", NULL), BP_INVALID, "3 classes");
    refuse_fit("a,y,z\n1,p,1\n2,q,2\n", with("target", "y,z", NULL), BP_INVALID, "several targets");
    refuse_fit("a,y,z\n1,1,1\n2,2,2\n", with("target", "y,z", "task", "multiclass", NULL), BP_INVALID, "2 targets");
    refuse_fit("y\n1\n2\n", with("target", "y", NULL), BP_INVALID, "no column is left");
    refuse_fit("a,y\n1e308,1\n-1e308,2\n", with("target", "y", NULL), BP_BAD_FILE, "too large");
}

Test(encoder, what_does_not_fit_is_refused_with_its_place)
{
    const bp_settings *settings = with("target", "y", NULL);
    static const char train[] = "a,t,y\n1,p,u\n2,q,v\n";

    refuse_apply(train, "t,y\np,u\n", settings, "1 of 2 input columns are missing: a");
    cr_expect_eq(refuse_apply(train, "a,t,y\n1,p,u\nbad,p,u\n", settings, "column \"a\": \"bad\"").line, 3);
    cr_expect_eq(refuse_apply(train, "a,t,y\n,p,u\n2,p,u\nbad,p,u\n", settings, "column \"a\": \"bad\"").line, 4);
    cr_expect_eq(refuse_apply(train, "a,t,y\n1,p,u\n1,p,w\n", settings, "\"w\" is no class").line, 3);
    cr_expect_eq(refuse_apply(train, "a,t,y\n1,p,u\n1,p,\n", settings, "the target is missing").line, 3);
    cr_expect_eq(refuse_apply(train, "a,t,y\n1,p,u\n1e300,p,u\n", settings, "too large").line, 3);
}

Test(encoder, images_of_another_size_are_refused)
{
    static const unsigned char pixels[12], labels[2] = {0, 1};
    bp_examples *examples;
    bp_error error = {0};

    write_idx("images.idx", 0x08, 2, (uint32_t[]){2, 4}, pixels, 8);
    write_idx("labels.idx", 0x08, 1, (uint32_t[]){2}, labels, 2);
    write_idx("large-images.idx", 0x08, 2, (uint32_t[]){2, 6}, pixels, 12);
    bp_dataset *small = must_read("images.idx", with(NULL)),
               *large = must_read("large-images.idx", with("target-file", "labels.idx", NULL));
    bp_encoder *encoder = must_fit(small, with(NULL));
    cr_assert_eq(bp_encoder_apply(encoder, large, 1, NULL, &examples, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "4 columns expected, 6 found"), "%s", error.text);
    bp_encoder_free(encoder);
    bp_dataset_free(small);
    bp_dataset_free(large);
}

/* -------------------------------------------------------------------------------------------------------------- JSON */

static char *to_json(const bp_encoder *encoder, size_t *size)
{
    char *text;
    bp_error error = {0};

    cr_assert_eq(bp_encoder_to_json(encoder, NULL, &text, size, &error), BP_OK, "%s", error.text);
    cr_assert_eq(strlen(text), *size);
    return text;
}

static void round_trip(const bp_encoder *encoder, const bp_dataset *dataset)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);
    bp_encoder *again;
    bp_error error = {0};
    size_t size, second_size;
    char *text = to_json(encoder, &size);

    cr_assert_eq(bp_encoder_from_json(text, size, NULL, &again, &error), BP_OK, "%s in %s", error.text, text);
    char *second = to_json(again, &second_size);
    cr_assert_str_eq(text, second);
    bp_examples *one = must_apply(encoder, dataset), *other = must_apply(again, dataset);
    float x[2][16], y[2][16];
    for (uint64_t row = 0; row < bp_examples_rows(one); row++) {
        cr_assert_eq(bp_examples_row(one, row, x[0], y[0], NULL), BP_OK);
        cr_assert_eq(bp_examples_row(other, row, x[1], y[1], NULL), BP_OK);
        cr_assert_arr_eq(x[0], x[1], one->inputs * sizeof(float));
        cr_assert_arr_eq(y[0], y[1], one->outputs * sizeof(float));
    }
    bp_examples_free(one);
    bp_examples_free(other);
    bp_encoder_free(again);
    bp_release(&allocator, text, size + 1);
    bp_release(&allocator, second, second_size + 1);
}

Test(encoder, json_gives_the_same_encoder_back)
{
    static const char text[] = "n,t,w,\"q\"\"\n\\\xC3\xA9\",y\n0.1,b,1,-0,5\n0.7,\"\"\"\x01\",2,-0,6\n-1e-300,NA,3,-0,9\n";
    static const char *const targets[] = {"y", "t", "n,y", "w", "y"};
    static const char *const tasks[] = {"auto", "multiclass", "regression", "multiclass", "auto"};

    write_text("a.csv", text);
    for (size_t i = 0; i < 5; i++) {
        if (i == 4)
            write_text("a.csv", "n,t,w,y\n0.1,b,1,5\n,b,2,6\n3,,3,7\n7,c,1,1\n");
        if (i == 1)
            write_text("a.csv", "n,t,w,y\n0.1,b,1,5\n0.7,a,2,6\n3,c,3,7\n");
        const bp_settings *settings =
            with("target", targets[i], "task", tasks[i], i == 3 ? "ignore-columns" : "weight-column", i == 3 ? "y" : "w", NULL);
        bp_dataset *dataset = must_read("a.csv", settings);
        bp_encoder *encoder = must_fit(dataset, settings);
        round_trip(encoder, dataset);
        bp_encoder_free(encoder);
        bp_dataset_free(dataset);
    }
}

static void expect_json(const char *table, const bp_settings *settings, const char *want)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);
    size_t size;

    write_text("a.csv", table);
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    char *text = to_json(encoder, &size);
    cr_assert_str_eq(text, want);
    bp_release(&allocator, text, size + 1);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(encoder, json_is_as_documented)
{
#define CLASSES "{\"class_type\":\"text\",\"classes\":[\"u\",\"v\"],\"inputs\":["
#define TARGET "],\"targets\":[{\"mean\":0,\"name\":\"y\",\"scale\":1}],\"task\":\"binary\"}"
    expect_json("a,t,y\n1,p,u\n5,q,v\n1,p,u\n5,q,v\n", with("target", "y", NULL),
                CLASSES "{\"mean\":3,\"name\":\"a\",\"scale\":2},{\"categories\":[\"p\",\"q\"],\"name\":\"t\"}" TARGET);
    expect_json("a,t,y\n1,p,u\n5,q,v\n6,p,u\n,,v\n", with("target", "y", "scale", "range", NULL),
                CLASSES "{\"fill\":4,\"mean\":1,\"missing\":true,\"name\":\"a\",\"scale\":5},"
                        "{\"categories\":[\"p\"],\"missing\":true,\"name\":\"t\",\"other\":true}" TARGET);
#undef CLASSES
#undef TARGET
}

static bp_status parse(const char *text, size_t size)
{
    bp_encoder *encoder = NULL;
    bp_error error = {0};
    bp_status status = bp_encoder_from_json(text, size, NULL, &encoder, &error);

    cr_assert_eq(error.status, (int32_t)status);
    bp_encoder_free(encoder);
    return status;
}

#define GOOD_INPUTS "\"inputs\":[{\"mean\":0,\"name\":\"a\",\"scale\":1}]"
#define GOOD_TARGETS "\"targets\":[{\"mean\":0,\"name\":\"y\",\"scale\":1}]"

Test(encoder, damaged_json_is_refused)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"task\":\"regression\"}",
        "{\"class_type\":\"none\",\"classes\":[]," GOOD_INPUTS "," GOOD_TARGETS ",\"task\":\"auto\"}",
        "{\"class_type\":\"none\",\"classes\":[\"a\",\"b\"]," GOOD_INPUTS "," GOOD_TARGETS ",\"task\":\"regression\"}",
        "{\"class_type\":\"text\",\"classes\":[\"a\"]," GOOD_INPUTS "," GOOD_TARGETS ",\"task\":\"binary\"}",
        "{\"class_type\":\"text\",\"classes\":[\"b\",\"a\"]," GOOD_INPUTS "," GOOD_TARGETS ",\"task\":\"binary\"}",
        "{\"class_type\":\"integer\",\"classes\":[\"2\",\"x\"]," GOOD_INPUTS "," GOOD_TARGETS ",\"task\":\"binary\"}",
        "{\"class_type\":\"none\",\"classes\":[],\"inputs\":[]," GOOD_TARGETS ",\"task\":\"regression\"}",
        "{\"class_type\":\"none\",\"classes\":[],\"inputs\":[{\"mean\":0,\"name\":\"a\",\"scale\":0}]," GOOD_TARGETS
        ",\"task\":\"regression\"}",
        "{\"class_type\":\"none\",\"classes\":[],\"inputs\":[{\"categories\":[],\"name\":\"a\"}]," GOOD_TARGETS
        ",\"task\":\"regression\"}",
        "{\"class_type\":\"none\",\"classes\":[]," GOOD_INPUTS ",\"targets\":[],\"task\":\"regression\"}",
        "{\"class_type\":\"none\",\"classes\":[],\"inputs\":[{\"fill\":\"1\",\"mean\":0,\"name\":\"a\",\"scale\":1}]," GOOD_TARGETS
        ",\"task\":\"regression\"}",
        "{\"class_type\":\"none\",\"classes\":[],\"inputs\":[{\"mean\":0,\"missing\":1,\"name\":\"a\",\"scale\":1}]," GOOD_TARGETS
        ",\"task\":\"regression\"}",
        "{\"task\":\"regression\",\"task\":\"binary\"}",
    };
    static const char good[] = "{\"class_type\":\"none\",\"classes\":[]," GOOD_INPUTS "," GOOD_TARGETS ",\"task\":\"regression\"}";

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(parse(bad[i], strlen(bad[i])), BP_BAD_FILE, "%s", bad[i]);
    cr_assert_eq(parse(good, strlen(good)), BP_OK);
    for (size_t cut = 0; cut < strlen(good); cut++)
        cr_assert_eq(parse(good, cut), BP_BAD_FILE);
    for (size_t at = 0; at < strlen(good); at++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        text[at] ^= 0x01;
        parse(text, strlen(good)); /* refused or not: it may still be a good encoder with another name */
    }
}
