/* What classes weigh: by their rows or by name, beside examples' own weights, with mean 1 over the rows that were fitted on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "encoder.h"
#include "examples.h"
#include "helper_data.h"
#include "memory.h"
#include "scratch.h"

TestSuite(class_weights, .init = scratch_begin, .fini = scratch_end);

#define TEXT "x,w,y\n1,1,a\n2,2,a\n3,3,b\n4,2,a\n"
#define NUMBERS "x,w,y\n1,1,7\n2,2,7\n3,3,-2\n4,2,7\n"

static void expect_weights(const bp_examples *examples, const float *wanted)
{
    double sum = 0;

    for (uint64_t row = 0; row < bp_examples_rows(examples); row++) {
        float got = examples->weight[row];
        cr_assert(fabsf(got - wanted[row]) <= 1e-6f * wanted[row], "row %llu weighs %g, not %g", (unsigned long long)row,
                  (double)got, (double)wanted[row]);
        sum += (double)got;
    }
    cr_assert_float_eq(sum / (double)bp_examples_rows(examples), 1, 1e-6);
}

static void check(const char *text, const bp_settings *settings, const float *wanted)
{
    write_text("a.csv", text);
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    bp_examples *examples = must_apply(encoder, dataset);

    expect_weights(examples, wanted);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(class_weights, balanced_classes_count_alike)
{
    static const float wanted[] = {4.0f / 6, 4.0f / 6, 2, 4.0f / 6};

    check(TEXT, with("target", "y", "ignore-columns", "w", "class-weight", "balanced", NULL), wanted);
    check(NUMBERS, with("target", "y", "task", "binary", "ignore-columns", "w", "class-weight", "balanced", NULL), wanted);
}

/* Rows alone balance: classes weigh 2/3 and 2, and the products 2/3, 4/3, 6, 4/3, whose mean is 7/3. */
Test(class_weights, multiply_examples_weights_and_have_mean_1_together)
{
    static const float balanced[] = {2.0f / 7, 4.0f / 7, 18.0f / 7, 4.0f / 7};
    static const float named[] = {4.0f / 11, 8.0f / 11, 24.0f / 11, 8.0f / 11};

    check(TEXT, with("target", "y", "weight-column", "w", "class-weight", "balanced", NULL), balanced);
    check(NUMBERS, with("target", "y", "task", "multiclass", "weight-column", "w", "class-weight", "balanced", NULL), balanced);
    check(TEXT, with("target", "y", "weight-column", "w", "class-weight", "b=2", NULL), named);
    check(NUMBERS, with("target", "y", "task", "binary", "weight-column", "w", "class-weight", "7=0.5,-2=1", NULL), named);
}

Test(class_weights, names_may_hold_commas_and_equals_signs)
{
    static const float wanted[] = {0.75f, 1.5f, 0.75f};
    check("x,y\n1,a\n2,\"a=3,b\"\n3,c\n", with("target", "y", "class-weight", "a=3,b=2,c=1", NULL), wanted);
}

Test(class_weights, rows_that_are_not_fitted_on_have_no_say)
{
    const bp_settings *settings = with("target", "y", "ignore-columns", "w", "class-weight", "balanced", NULL);
    uint64_t rows[] = {1, 2};
    bp_encoder *encoder = NULL;

    write_text("a.csv", TEXT);
    bp_dataset *dataset = must_read("a.csv", settings);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){rows, 2}, settings, NULL, &encoder, NULL), BP_OK);
    bp_examples *examples = must_apply(encoder, dataset);
    expect_weights(examples, (float[]){1, 1, 1, 1});
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(class_weights, stay_in_the_encoders_text)
{
    const bp_settings *settings = with("target", "y", "weight-column", "w", "class-weight", "a=0,b=3", NULL);
    bp_encoder *again = NULL;
    char *text;
    size_t size;

    write_text("a.csv", TEXT);
    bp_dataset *dataset = must_read("a.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    bp_allocator allocator = bp_allocator_or_default(NULL);
    cr_assert_eq(bp_encoder_to_json(encoder, NULL, &text, &size, NULL), BP_OK);
    cr_assert_eq(bp_encoder_from_json(text, size, NULL, &again, NULL), BP_OK);
    cr_assert_arr_eq(again->class_weights, encoder->class_weights, 2 * sizeof *encoder->class_weights);
    char *sign = strstr(text, "\"class_weights\":[0,") + strlen("\"class_weights\":[");
    cr_assert_eq(*sign, '0', "%s", text);
    bp_encoder_free(again);
    memcpy(sign - 1, "{0", 2); /* no list any more */
    cr_assert_eq(bp_encoder_from_json(text, size, NULL, &again, NULL), BP_BAD_FILE);
    bp_release(&allocator, text, size + 1);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

static void refuse(const char *target, const char *setting, const char *part)
{
    const bp_settings *settings = with("target", target, "class-weight", setting, NULL);
    bp_encoder *encoder = NULL;
    bp_error error;

    write_text("a.csv", TEXT);
    bp_dataset *dataset = must_read("a.csv", settings);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){0}, settings, NULL, &encoder, &error), BP_INVALID, "%s", setting);
    cr_assert(strstr(error.text, part), "%s", error.text);
    cr_assert_null(encoder);
    bp_dataset_free(dataset);
}

Test(class_weights, what_cannot_be_is_refused)
{
    refuse("y", "c=1", "classes: a, b");
    refuse("y", "a", "classes: a, b");
    refuse("y", "a=-1", "classes: a, b");
    refuse("y", "a=1e999", "classes: a, b");
    refuse("y", "a=1,a=2", "already");
    refuse("y", "a=0,b=0", "mean");
    refuse("x", "balanced", "numbers, not as classes");
}

/* A file in blocks, with room for a part of it, and one in memory. */
Test(class_weights, of_a_file_beyond_memory_are_the_same)
{
    static char text[40000];
    size_t used = (size_t)snprintf(text, sizeof text, "x,y\n");
    float *weights[2];

    for (int i = 0; i < 3000; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%d,%s\n", i, i % 7 ? "no" : "yes");
    write_text("a.csv", text);
    bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
    cr_assert_eq(bp_dataset_pack(dataset, "a.bpd", NULL), BP_OK);
    bp_dataset_free(dataset);
    bp_examples *examples[2];
    bp_encoder *encoders[2];
    bp_dataset *datasets[2];
    for (int i = 0; i < 2; i++) {
        const bp_settings *settings = with("target", "y", "class-weight", "balanced", "memory", i ? "1GiB" : "1KiB", NULL);
        datasets[i] = must_read("a.bpd", settings);
        cr_assert_eq(bp_dataset_is_paged(datasets[i]), !i);
        encoders[i] = must_fit(datasets[i], settings);
        examples[i] = must_apply(encoders[i], datasets[i]);
        weights[i] = (float *)examples[i]->weight;
    }
    cr_assert_arr_eq(weights[0], weights[1], 3000 * sizeof(float));
    cr_assert_float_eq(weights[0][0], 3000.0 / (2 * 429), 1e-5);
    for (int i = 0; i < 2; i++) {
        bp_examples_free(examples[i]);
        bp_encoder_free(encoders[i]);
        bp_dataset_free(datasets[i]);
    }
}
