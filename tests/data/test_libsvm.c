/* LIBSVM: what is read, what becomes of it, and what is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "examples.h"
#include "helper_data.h"
#include "refusing.h"
#include "scratch.h"

TestSuite(libsvm, .init = scratch_begin, .fini = scratch_end);

/* Twelve columns, of which few are there. */
static const char text[] = "# made by hand\n"
                           "+1 1:4 3:-0.5 12:1e-3\n"
                           "-1 2:1\r\n"
                           "\n"
                           "-1   # nothing\n"
                           "1\t1:-8 2:2 # ends without a newline";

static bp_dataset *read_text(void)
{
    write_text("t.svm", text);
    return must_read("t.svm", with(NULL));
}

Test(libsvm, rows_have_what_stands_there_and_zeros)
{
    static const char *const wanted[4][13] = {
        {"4", "0", "-0.5", "0", "0", "0", "0", "0", "0", "0", "0", "0.001", "1"},
        {"0", "1", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "-1"},
        {"0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "-1"},
        {"-8", "2", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "1"},
    };
    bp_dataset *dataset = read_text();
    bp_column_info info;

    cr_assert_eq(bp_dataset_rows(dataset), 4);
    cr_assert_eq(bp_dataset_columns(dataset), 13);
    for (uint64_t row = 0; row < 4; row++)
        for (uint64_t column = 0; column < 13; column++)
            cr_assert_str_eq(field(dataset, row, column), wanted[row][column]);
    cr_assert_eq(bp_dataset_column(dataset, 2, &info, NULL), BP_OK);
    cr_assert_str_eq(info.name, "x3");
    cr_assert_eq(bp_dataset_column(dataset, 12, &info, NULL), BP_OK);
    cr_assert_str_eq(info.name, "label");
    cr_assert_eq(info.role, 1);
    bp_dataset_free(dataset);
}

Test(libsvm, packed_files_are_read)
{
    append_gzip("t.libsvm.gz", text, sizeof text - 1);
    bp_dataset_free(must_read("t.libsvm.gz", with(NULL)));
}

static bp_task task_of(const char *content)
{
    bp_encoder_info info;

    write_text("t.svm", content);
    bp_dataset *dataset = must_read("t.svm", with(NULL));
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    bp_encoder_describe(encoder, &info);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    return (bp_task)info.task;
}

Test(libsvm, whole_labels_are_classes_and_others_a_regression)
{
    cr_assert_eq(task_of("1 1:1\n0 1:2\n1 2:1\n"), BP_TASK_BINARY);
    cr_assert_eq(task_of("1 1:1\n2 1:2\n7 2:1\n"), BP_TASK_MULTICLASS);
    cr_assert_eq(task_of("1 1:1\n0.5 1:2\n1 2:1\n"), BP_TASK_REGRESSION);
}

/* Divided by the largest magnitude, and 0 stays 0. */
static const float scaled[4][4] = {{0.5f, 0, -1, 1}, {0, 0.5f, 0, 0}, {0, 0, 0, 0}, {-1, 1, 0, 0}};

static void expect_scaled(const bp_examples *examples)
{
    float x[12];

    for (uint64_t row = 0; row < 4; row++) {
        cr_assert_eq(bp_examples_row(examples, row, x, NULL, NULL), BP_OK);
        for (size_t j = 0; j < 12; j++)
            cr_assert_eq(x[j], j < 3 ? scaled[row][j] : j == 11 ? scaled[row][3] : 0, "row %d, input %zu", (int)row, j);
    }
}

Test(libsvm, examples_are_sparse_where_that_is_smaller_and_hold_the_same)
{
    bp_dataset *dataset = read_text();
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    bp_examples *examples = must_apply(encoder, dataset);

    cr_assert_not_null(examples->sparse.first);
    cr_assert_eq(examples->sparse.first[4], 6);
    expect_scaled(examples);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);

    write_text("t.svm", "1 1:1 2:2\n0 1:3 2:4\n");
    dataset = must_read("t.svm", with(NULL));
    encoder = must_fit(dataset, with("scale", "none", NULL));
    examples = must_apply(encoder, dataset);
    cr_assert_null(examples->sparse.first);
    float x[2];
    cr_assert_eq(bp_examples_row(examples, 1, x, NULL, NULL), BP_OK);
    cr_assert(x[0] == 3 && x[1] == 4);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(libsvm, other_files_may_have_fewer_columns_and_more)
{
    bp_dataset *dataset = read_text();
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    float x[12];

    bp_dataset_free(dataset);
    write_text("u.svm", "1 2:1\n-1 3:5 900:7\n1 1:2\n");
    dataset = must_read("u.svm", with(NULL));
    bp_examples *examples = must_apply(encoder, dataset);
    cr_assert_eq(bp_examples_row(examples, 1, x, NULL, NULL), BP_OK);
    for (size_t j = 0; j < 12; j++)
        cr_assert_eq(x[j], j == 2 ? 10 : 0);
    bp_examples_free(examples);
    bp_dataset_free(dataset);
    write_text("u.svm", "1 2:1\n");
    dataset = must_read("u.svm", with(NULL));
    examples = must_apply(encoder, dataset);
    cr_assert_eq(bp_examples_row(examples, 0, x, NULL, NULL), BP_OK);
    cr_assert_eq(x[1], 0.5f);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(libsvm, columns_that_are_left_out_are_no_inputs)
{
    write_text("t.svm", text);
    const bp_settings *settings = with("ignore-columns", "x1,x12", NULL);
    bp_dataset *dataset = must_read("t.svm", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    bp_examples *examples = must_apply(encoder, dataset);
    float x[10];

    cr_assert_eq(examples->inputs, 10);
    cr_assert_eq(bp_examples_row(examples, 0, x, NULL, NULL), BP_OK);
    cr_assert(x[0] == 0 && x[1] == -1 && x[9] == 0);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

/* An encoder's input is a column of the file by its number alone. */
Test(libsvm, inputs_of_other_names_are_not_there)
{
    static const char *const names[] = {"y1", "x", "x0", "x01", "x1x", "x99999999999999999999", ""};
    char table[100];
    bp_examples *examples;
    bp_error error;

    write_text("t.svm", text);
    bp_dataset *dataset = must_read("t.svm", with(NULL));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(table, sizeof table, "%s,label\n1,2\n3,4.5\n", *names[i] ? names[i] : " x1 1");
        write_text("t.csv", table);
        bp_dataset *other = must_read("t.csv", with("target", "label", NULL));
        bp_encoder *encoder = must_fit(other, with("target", "label", NULL));
        bp_status status = bp_encoder_apply(encoder, dataset, 0, NULL, &examples, &error);
        cr_assert_eq(status, BP_BAD_FILE, "%s: %s", names[i], bp_status_text(status));
        cr_assert(strstr(error.text, names[i]), "%s", error.text);
        bp_encoder_free(encoder);
        bp_dataset_free(other);
    }
    bp_dataset_free(dataset);
}

static void refuse(const char *content, uint64_t line, const char *part)
{
    write_text("t.svm", content);
    bp_error error = must_refuse("t.svm", with(NULL), BP_BAD_FILE, part);
    cr_assert_eq(error.line, line, "%s", error.text);
}

Test(libsvm, lines_that_cannot_be_are_refused)
{
    refuse("", 0, "no rows");
    refuse("# nothing\n\n", 0, "no rows");
    refuse("1\n0\n", 0, "all inputs are 0");
    refuse("1 1:1\n1,2 1:1\n", 2, "several labels");
    refuse("x 1:1\n", 1, "no label");
    refuse("1:1 2:1\n", 1, "no label");
    refuse("nan 1:1\n", 1, "no label");
    refuse("1 qid:3 1:1\n", 1, "qid");
    refuse("1 0:1\n", 1, "count from 1");
    refuse("1 1:1 1:2\n", 1, "index 1 behind 1");
    refuse("\n1 3:1 2:2\n", 2, "index 2 behind 3");
    refuse("1 -1:1\n", 1, "no index");
    refuse("1 1:1 2\n", 1, "no INDEX:VALUE");
    refuse("1 1:\n", 1, "no finite number");
    refuse("1 1:inf\n", 1, "no finite number");
    refuse("1 1:nan\n", 1, "no finite number");
    refuse("1 1:1e999\n", 1, "no finite number");
    refuse("1 1000001:1\n", 1, "--max-index");
    refuse("1 99999999999999999999:1\n", 1, "no index");
}

/* The most memory at once while a file of one entry is read. */
static size_t memory_of(unsigned long index, const char *limit, bp_status expected)
{
    refusing meter = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&meter);
    bp_dataset *dataset = NULL;
    char line[40];

    snprintf(line, sizeof line, "1 %lu:1\n", index);
    write_text("t.svm", line);
    cr_assert_eq(bp_dataset_read("t.svm", with("max-index", limit, NULL), 0, &allocator, &dataset, NULL), expected, "%s", line);
    bp_dataset_free(dataset);
    cr_assert_eq(meter.bytes, 0);
    return meter.most;
}

/* As backprop.h has it; a first block for the text is 1 MiB. */
Test(libsvm, a_column_costs_a_hundred_bytes_and_the_limit_on_indices_bounds_them)
{
    const size_t text_block = (size_t)2 << 20;

#ifdef BP_POOL_CHUNK
    cr_skip_test("left out: each name has a block of its own");
#endif
    for (unsigned long index = 1; index <= 1000000; index *= 10)
        cr_assert_leq(memory_of(index, "1000000", BP_OK), text_block + 100 * index, "%lu", index);
    cr_assert_leq(memory_of(1000001, "1000000", BP_BAD_FILE), text_block, "refused before columns are made");
    cr_assert_leq(memory_of(16777215, "16777214", BP_BAD_FILE), text_block);
}

Test(libsvm, the_limit_on_indices_can_be_raised)
{
    write_text("t.svm", "1 1000001:1\n0 5:1\n");
    bp_dataset *dataset = must_read("t.svm", with("max-index", "2000000", NULL));
    cr_assert_eq(bp_dataset_columns(dataset), 1000002);
    bp_dataset_free(dataset);
}

Test(libsvm, scales_that_would_fill_the_zeros_are_refused)
{
    bp_dataset *dataset = read_text();
    bp_encoder *encoder = NULL;
    bp_error error;

    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){0}, with("scale", "standard", NULL), NULL, &encoder, &error), BP_INVALID);
    cr_assert(strstr(error.text, "--scale auto"));
    bp_dataset_free(dataset);
    must_refuse("t.svm", with("target-file", "y.npy", NULL), BP_INVALID, "--target-file");
}
