/* Missing values, categories that are new or rare, and what an encoder makes of them.
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

TestSuite(encoder_missing, .init = scratch_begin, .fini = scratch_end);

/* A model fitted on one table and what another one becomes by it. */
typedef struct pair {
    bp_dataset *training;
    bp_dataset *other;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_strange strange;
} pair;

static pair encode(const char *train, const char *other, const bp_settings *settings)
{
    pair p;
    bp_error error = {0};

    write_text("train.csv", train);
    write_text("other.csv", other);
    p.training = must_read("train.csv", settings);
    p.encoder = must_fit(p.training, settings);
    cr_assert_eq(bp_dataset_read("other.csv", settings, 1, NULL, &p.other, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_apply(p.encoder, p.other, 0, NULL, &p.examples, &error), BP_OK, "%s", error.text);
    bp_examples_strange(p.examples, &p.strange);
    return p;
}

static void release(pair *p)
{
    bp_examples_free(p->examples);
    bp_encoder_free(p->encoder);
    bp_dataset_free(p->training);
    bp_dataset_free(p->other);
}

static void expect_inputs(const pair *p, const char *names)
{
    char joined[300] = "";

    for (uint32_t i = 0; bp_encoder_input(p->encoder, i); i++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", i ? " " : "", bp_encoder_input(p->encoder, i));
    cr_assert_str_eq(joined, names);
}

static void expect_x(const pair *p, uint64_t row, const float *want)
{
    float x[16];

    cr_assert_eq(bp_examples_row(p->examples, row, x, NULL, NULL), BP_OK);
    for (uint32_t i = 0; i < p->examples->inputs; i++)
        cr_assert_float_eq(x[i], want[i], 1e-6, "row %d, input %u is %g, not %g", (int)row, i, (double)x[i], (double)want[i]);
}

Test(encoder_missing, a_missing_number_is_the_mean_and_is_told)
{
    static const char *const scales[] = {"standard", "range", "none"};
    static const float values[3][2] = {{0, 1}, {2.0f / 3, 1}, {4, 6}}; /* of the mean, 4, and of 6 */

    for (size_t i = 0; i < 3; i++) {
        pair p = encode("a,y\n0,1\n6,2\n,4\n6,4\n", "a\n\n?\n6\n", with("target", "y", "scale", scales[i], NULL));
        expect_inputs(&p, "a a=missing");
        double six = i == 0 ? 2 / sqrt(8) : (double)values[i][1];
        expect_x(&p, 0, (float[]){values[i][0], 1}); /* a line of one empty field is no row */
        expect_x(&p, 1, (float[]){(float)six, 0});
        cr_assert_eq(p.strange.missing, 0);
        release(&p);
    }
}

Test(encoder_missing, numbers_that_none_was_missing_of_are_filled_and_counted)
{
    pair p = encode("a,b,y\n2,1,1\n6,2,2\n", "a,b\n,1\n6,\n,\n", with("target", "y", NULL));

    expect_inputs(&p, "a b");
    expect_x(&p, 0, (float[]){0, -1});
    expect_x(&p, 1, (float[]){1, 0});
    cr_assert_eq(p.strange.missing, 4);
    release(&p);
}

Test(encoder_missing, matrices_are_filled_as_tables_are)
{
    static const float x[4][2] = {{1, 5}, {3, 9}, {1, 5}, {3, 9}}, y[4] = {0, 1, 2, 3};
    float holes[1][2] = {{NAN, 9}}, got[2];
    bp_dataset *training, *other;
    bp_examples *examples;
    bp_strange strange;
    bp_array ax = {.data = x, .type = BP_TYPE_F32, .rows = 4, .columns = 2},
             ay = {.data = y, .type = BP_TYPE_F32, .rows = 4, .columns = 1};
    bp_array ah = {.data = holes, .type = BP_TYPE_F32, .rows = 1, .columns = 2};

    cr_assert_eq(bp_dataset_borrow(&ax, &ay, NULL, NULL, &training, NULL), BP_OK);
    cr_assert_eq(bp_dataset_borrow(&ah, NULL, NULL, NULL, &other, NULL), BP_OK);
    bp_encoder *encoder = must_fit(training, with(NULL));
    cr_assert_eq(bp_encoder_apply(encoder, other, 0, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(bp_examples_row(examples, 0, got, NULL, NULL), BP_OK);
    bp_examples_strange(examples, &strange);
    cr_assert_arr_eq(got, ((float[]){0, 1}), sizeof got);
    cr_assert_eq(strange.missing, 1);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(training);
    bp_dataset_free(other);
}

Test(encoder_missing, rare_and_new_categories_are_other)
{
    pair p = encode("t,y\nb,1\nb,2\na,3\na,4\nrare,5\nonce,6\n", "t\nb\nrare\nnew\nNA\n7\n", with("target", "y", NULL));

    expect_inputs(&p, "t=a t=b t=other");
    expect_x(&p, 0, (float[]){0, 1, 0});
    for (uint64_t row = 1; row < 5; row++)
        expect_x(&p, row, (float[]){0, 0, 1});
    cr_assert_eq(p.strange.categories, 0);
    cr_assert_eq(p.strange.missing, 1);
    release(&p);
}

Test(encoder_missing, a_missing_category_is_one_of_its_own)
{
    pair p = encode("t,y\nb,1\nb,2\n?,3\nrare,5\n", "t\nNA\nnew\nb\n", with("target", "y", NULL));

    expect_inputs(&p, "t=b t=missing t=other");
    expect_x(&p, 0, (float[]){0, 1, 0});
    expect_x(&p, 1, (float[]){0, 0, 1});
    expect_x(&p, 2, (float[]){1, 0, 0});
    cr_assert_eq(p.strange.missing, 0);
    release(&p);
}

/* Names and identifiers: each once. */
Test(encoder_missing, a_column_in_which_all_differ_is_one_input)
{
    pair p = encode("t,y\np,1\nq,2\nr,3\n", "t\np\nz\n", with("target", "y", NULL));

    expect_inputs(&p, "t=other");
    expect_x(&p, 0, (float[]){1});
    expect_x(&p, 1, (float[]){1});
    release(&p);
}

Test(encoder_missing, a_column_of_nothing_is_its_indicator)
{
    pair p = encode("a,b,y\n,1,1\n,2,2\n", "a,b\n5,1\n,2\n", with("target", "y", NULL));

    expect_inputs(&p, "a a=missing b");
    expect_x(&p, 0, (float[]){5, 0, -1});
    expect_x(&p, 1, (float[]){0, 1, 1});
    release(&p);
}

static void expect_same_rows(const char *name, const char *other, const bp_settings *settings)
{
    bp_dataset *a = must_read(name, settings), *b = must_read(other, settings);

    cr_assert_eq(bp_dataset_rows(a), bp_dataset_rows(b));
    cr_assert_eq(bp_dataset_skipped(a), 3);
    cr_assert_eq(bp_dataset_skipped(b), 0);
    for (uint64_t row = 0; row < bp_dataset_rows(a); row++)
        for (uint64_t column = 0; column < bp_dataset_columns(a); column++) {
            char text[256];
            snprintf(text, sizeof text, "%s", field(a, row, column));
            cr_assert_str_eq(text, field(b, row, column));
        }
    bp_dataset_free(a);
    bp_dataset_free(b);
}

Test(encoder_missing, rows_without_a_target_are_left_out_where_that_is_asked_for)
{
    const bp_settings *settings = with("target", "y,z", "missing-targets", "skip", NULL);
    bp_encoder *encoder = NULL;
    bp_error error = {0};

    write_text("holes.csv", "a,t,y,z\n1,p,,1\n2,q,2,2\n,r,3,NA\n4,,4,4\n5,\"p\nq\",5,5\n6,p,,\n7,q,7,7\n");
    write_text("whole.csv", "a,t,y,z\n2,q,2,2\n4,,4,4\n5,\"p\nq\",5,5\n7,q,7,7\n");
    expect_same_rows("holes.csv", "whole.csv", settings);
    write_text("holes.csv", "a,y\n1,\n2,u\n3,?\n4,v\n5,NA\n1e300,w\n");
    write_text("whole.csv", "a,y\n2,u\n4,v\n1e300,w\n");
    settings = with("target", "y", "missing-targets", "skip", NULL);
    expect_same_rows("holes.csv", "whole.csv", settings);
    bp_dataset *dataset = must_read("holes.csv", settings);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){(uint64_t[]){0, 1}, 2}, settings, NULL, &encoder, &error), BP_OK);
    bp_examples *examples = NULL;
    cr_assert_eq(bp_encoder_apply(encoder, dataset, 1, NULL, &examples, &error), BP_BAD_FILE);
    cr_assert_eq(error.line, 7, "%s", error.text); /* lines are those of the file */
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    write_text("holes.csv", "a,y\n1,\n2,\n");
    must_refuse("holes.csv", settings, BP_BAD_FILE, "every row lacks a target");
}

static char *json_of(const bp_dataset *dataset, const uint64_t *index, uint64_t count)
{
    bp_encoder *encoder;
    bp_error error = {0};
    char *text;
    size_t size;

    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){index, count}, with(NULL), NULL, &encoder, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_to_json(encoder, NULL, &text, &size, NULL), BP_OK);
    bp_encoder_free(encoder);
    return text;
}

/* Planted in rows that do not train: other numbers, missing ones, new categories, categories that were rare. */
Test(encoder_missing, rows_that_do_not_train_leak_nothing)
{
    static const uint64_t index[] = {0, 1, 2, 5, 6};
    static const char *const tables[] = {"a,b,t,y\n1,1,p,1\n2,2,p,2\n3,3,q,3\n4,4,p,4\n4,4,p,4\n5,5,r,5\n6,6,r,6\n",
                                         "a,b,t,y\n1,1,p,1\n2,2,p,2\n3,3,q,3\n1e9,,q,4\n,-7,zz,1e5\n5,5,r,5\n6,6,r,6\n"};
    bp_allocator allocator = bp_allocator_or_default(NULL);
    char *text[2];

    for (size_t i = 0; i < 2; i++) {
        write_text("a.csv", tables[i]);
        bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
        text[i] = json_of(dataset, index, 5);
        bp_dataset_free(dataset);
    }
    cr_assert_str_eq(text[0], text[1]);
    cr_assert(strstr(text[0], "\"categories\":[\"p\",\"r\"],\"name\":\"t\",\"other\":true"), "%s", text[0]);
    for (size_t i = 0; i < 2; i++)
        bp_release(&allocator, text[i], strlen(text[i]) + 1);
}

Test(encoder_missing, too_many_categories_are_refused_with_what_to_do)
{
    bp_encoder *encoder = NULL;
    bp_error error = {0};

    write_text("a.csv", "s,t,y\na,k,1\nb,l,2\nc,k,3\na,l,4\nb,k,5\nc,l,6\n");
    bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
    bp_encoder_free(must_fit(dataset, with("max-categories", "5", NULL)));
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){0}, with("max-categories", "4", NULL), NULL, &encoder, &error), BP_INVALID);
    cr_assert_str_eq(error.text, "a.csv: columns of categories would become 5 inputs, more than 4; 3 of them are of column \"s\": "
                                 "leave it out with --ignore-columns, or raise --max-categories");
    bp_dataset_free(dataset);
}

/* The rows that a team divides, and what is wrong in two of them. */
Test(encoder_missing, threads_change_neither_examples_nor_errors)
{
    enum { ROWS = 40000, COLUMNS = 7 };
    double *x = malloc(ROWS * COLUMNS * sizeof *x);
    float y[1] = {0};
    bp_dataset *dataset;
    bp_array ax = {.data = x, .type = BP_TYPE_F64, .rows = ROWS, .columns = COLUMNS};
    bp_array ay = {.data = y, .type = BP_TYPE_F32, .rows = ROWS, .columns = 1};
    float *all = calloc(ROWS, sizeof *all);

    ay.data = all;
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
        x[i] = i % 1001 == 5 ? NAN : scattered(1, i);
    x[0] = 1;
    cr_assert_eq(bp_dataset_borrow(&ax, &ay, NULL, NULL, &dataset, NULL), BP_OK);
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    bp_examples *want = must_apply(encoder, dataset);
    for (uint32_t threads = 2; threads < 6; threads++) {
        bp_encoder_set_threads(encoder, threads);
        bp_examples *got = must_apply(encoder, dataset);
        cr_assert_arr_eq((const char *)got->x, (const char *)want->x, (size_t)ROWS * want->inputs * sizeof(float));
        bp_examples_free(got);
    }
    x[30000 * COLUMNS + 3] = 1e300;
    x[9000 * COLUMNS + 6] = 1e301;
    for (uint32_t threads = 1; threads < 6; threads++) {
        bp_examples *none = NULL;
        bp_error error = {0};
        bp_encoder_set_threads(encoder, threads);
        cr_assert_eq(bp_encoder_apply(encoder, dataset, 0, NULL, &none, &error), BP_BAD_FILE);
        cr_assert_str_eq(error.text, "data: row 9001: column \"x7\": 1e+301 is too large");
    }
    bp_examples_free(want);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    free(x);
    free(all);
}
