/* Tables as people have them, from outside: what info tells before training, missing values, new categories, kinds of targets.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_program.h"
#include "scratch.h"

TestSuite(table, .init = scratch_begin, .fini = scratch_end);

#define ROWS 60

/* An identifier, a number that lacks some values, a colour that is rare in two rows, a constant, a class and two numbers. */
static void write_table(const char *name)
{
    static const char *const colours[] = {"red", "blue", "", "blue"};
    FILE *file = fopen(name, "w");

    fputs("id,age,colour,same,class,u,v\n", file);
    for (int i = 0; i < ROWS; i++) {
        char age[16];
        snprintf(age, sizeof age, "%d", 20 + i);
        fprintf(file, "%d,%s,%s,7,%s,%d,%g\n", 1000 + 3 * ((i * 7) % ROWS), i % 6 == 5 ? "" : age,
                i == 8   ? "pink"
                : i == 9 ? "grey"
                         : colours[i % 4],
                i % 3 ? "no" : "yes", i, 0.5 * i);
    }
    fclose(file);
}

static json_t *column_of(json_t *object, size_t index)
{
    return json_array_get(json_object_get(object, "columns"), index);
}

static double number(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *word(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

Test(table, info_tells_what_was_inferred)
{
    write_table("a.csv");
    run_program(0, "info a.csv --target class --ignore-columns u,v --json");
    json_t *object = parsed_output(), *age = column_of(object, 1), *colour = column_of(object, 2);
    cr_assert_eq(number(object, "rows"), ROWS);
    cr_assert_eq(number(object, "inputs"), 1 + 2 + 4 + 1);
    cr_assert_str_eq(word(object, "task"), "binary");
    cr_assert(json_is_null(json_object_get(object, "refused")));
    cr_assert(json_is_true(json_object_get(column_of(object, 0), "unique")));
    cr_assert(json_is_false(json_object_get(age, "unique")));
    cr_assert_eq(number(age, "missing"), ROWS / 6);
    cr_assert_eq(number(age, "min"), 20);
    cr_assert_eq(number(age, "max"), 20 + ROWS - 2);
    cr_assert_eq(number(age, "inputs"), 2);
    cr_assert_eq(number(colour, "categories"), 4);
    cr_assert_eq(number(colour, "rare"), 2);
    cr_assert_eq(number(colour, "inputs"), 4);
    json_t *first = json_array_get(json_object_get(colour, "frequent"), 0);
    cr_assert_str_eq(word(first, "category"), "blue");
    cr_assert_eq(number(first, "rows"), ROWS / 2 - 1);
    cr_assert(json_is_true(json_object_get(column_of(object, 3), "constant")));
    cr_assert_str_eq(word(column_of(object, 4), "role"), "target");
    json_decref(object);
    const outcome *o = run_program(0, "info a.csv");
    cr_assert(strstr(o->out, "10 missing; 2 inputs"), "%s", o->out);
    cr_assert(strstr(o->out, "4: blue 29, red 14, grey 1, pink 1; 15 missing; 4 inputs"), "%s", o->out);
    cr_assert(strstr(o->out, "the same in every row"), "%s", o->out);
    cr_assert(strstr(o->out, "--target NAME says what it is to predict"), "%s", o->out);
}

/* A number of categories that training would refuse is refused by neither info nor its exit code. */
Test(table, info_tells_why_training_would_be_refused)
{
    write_table("a.csv");
    cr_assert(
        strstr(run_program(0, "info a.csv --target class --max-categories 2")->out, "training would be refused: a.csv: columns"));
    cr_assert(strstr(run_program(2, "train a.csv --target class --max-categories 2")->err, "raise --max-categories"));
    cr_assert(strstr(run_program(0, "info a.csv --target age")->out, "the target is missing; --missing-targets skip"));
}

static void expect_unknown(const char *line, const char *text)
{
    const outcome *o = run_program(2, "%s", line);
    cr_assert(strstr(o->err, text), "%s: %s", line, o->err);
}

Test(table, a_column_that_is_not_there_is_refused_wherever_it_is_named)
{
    write_table("a.csv");
    expect_unknown("info a.csv --target clas", "no column is named \"clas\" (target); did you mean \"class\"? columns: id, age");
    expect_unknown("train a.csv --target clas", "no column is named \"clas\" (target); did you mean \"class\"? columns: id, age");
    expect_unknown("info a.csv --ignore-columns u,nothing_like_it", "\"nothing_like_it\" (ignore-columns); columns: id, age");
    expect_unknown("info a.csv --weight-column w8", "(weight-column)");
    expect_unknown("info a.csv --target class --categorical ag", "\"ag\" (categorical); did you mean \"age\"?");
    expect_unknown("pack a.csv --categorical ag -o a.bpd", "\"ag\" (categorical); did you mean \"age\"?");
}

Test(table, a_model_takes_rows_with_missing_and_new_values)
{
    write_table("a.csv");
    run_program(0, "train a.csv --target class --ignore-columns id,u,v --epochs 3 --hidden 4 -q");
    write_text("new.csv", "same,colour,age\n7,violet,\n,,30\n7,blue,31\n");
    const outcome *o = run_program(0, "predict model.safetensors new.csv");
    size_t lines = 0;
    for (const char *c = o->out; *c; c++)
        lines += *c == '\n';
    cr_assert_eq(lines, 4, "%s", o->out);
    cr_assert(!strstr(o->out, "nan"), "%s", o->out);
    cr_assert(strstr(o->err, "new.csv: 1 value is missing in columns that had none"), "%s", o->err);
    run_program(0, "info model.safetensors --json");
    json_t *object = parsed_output(), *inputs = json_object_get(object, "inputs");
    static const char *const want[] = {"age", "age=missing", "colour=blue", "colour=red", "colour=missing", "colour=other", "same"};
    cr_assert_eq(json_array_size(inputs), 7);
    for (size_t i = 0; i < 7; i++)
        cr_assert_str_eq(json_string_value(json_array_get(inputs, i)), want[i]);
    json_decref(object);
    cr_assert(strstr(run_program(0, "info model.safetensors --pytorch")->out, "fill = torch.tensor"));
    run_program(0, "trace model.safetensors a.csv --row 6");
}

Test(table, rows_without_a_target_are_left_out_and_told)
{
    write_table("a.csv");
    cr_assert(strstr(run_program(3, "train a.csv --target age")->err, "a.csv:7: column \"age\": the target is missing"));
    cr_assert(strstr(run_program(0, "train a.csv --target age --missing-targets skip --epochs 2 --hidden 4")->err,
                     "a.csv: 10 rows are left out, since the target is missing"));
    run_program(0, "evaluate model.safetensors a.csv --missing-targets skip --json");
    json_t *object = parsed_output();
    cr_assert_eq(number(object, "rows"), ROWS - 10, "%s", last_outcome()->out);
    json_decref(object);
    size_t lines = 0;
    for (const char *c = run_program(0, "predict model.safetensors a.csv")->out; *c; c++)
        lines += *c == '\n';
    cr_assert_eq(lines, ROWS + 1);
}

/* One number, several, two classes, three: from the table to predictions by name. */
Test(table, every_kind_of_target_goes_from_train_to_predict)
{
    static const struct {
        const char *options, *header, *metric;
    } kinds[] = {
        {"--target u --ignore-columns v", "predicted_u\n", "rmse"},
        {"--target u,v", "predicted_u,predicted_v\n", "rmse"},
        {"--target class", "class,probability_no,probability_yes\n", "accuracy"},
        {"--target colour --task multiclass", "class,probability_blue,probability_green,probability_red\n", "accuracy"},
    };

    write_table("a.csv");
    for (size_t i = 0; i < 4; i++) {
        if (i == 3)
            write_text("a.csv", "x,colour\n1,red\n2,green\n3,blue\n1,red\n2,green\n3,blue\n1,red\n2,green\n3,blue\n");
        run_program(0, "train a.csv %s --epochs 3 --hidden 4 -q", kinds[i].options);
        const outcome *o = run_program(0, "predict model.safetensors a.csv");
        cr_assert_eq(strncmp(o->out, kinds[i].header, strlen(kinds[i].header)), 0, "%s", o->out);
        run_program(0, "evaluate model.safetensors a.csv --json");
        json_t *object = parsed_output();
        cr_assert(json_is_number(json_object_get(object, kinds[i].metric)), "%s", last_outcome()->out);
        json_decref(object);
    }
}

Test(table, numbers_with_a_decimal_comma_are_not_taken_for_text_in_silence)
{
    write_text("a.csv", "x;n;y\n0,5;1;1,5\n-1,25;2;2\n+2,0;3;3,5\n4;4;4,5\n0,75;a;5,5\n");
    cr_assert(strstr(run_program(0, "info a.csv")->out, "if these are numbers: --decimal comma"));
    cr_assert(strstr(run_program(0, "train a.csv --target y --validation-split 0 --epochs 1")->err,
                     "\"x\" is taken as text, such as '+2,0'"));
    cr_assert(
        !strstr(run_program(0, "train a.csv --target y --decimal comma --validation-split 0 --epochs 1")->err, "taken as text"));
    cr_assert(!strstr(run_program(0, "info a.csv --categorical n,x,y")->out, "--decimal"));
    run_program(0, "pack a.csv -o a.bpd");
    cr_assert(!strstr(run_program(0, "info a.bpd")->out, "--decimal"), "which belongs to packing");
    write_text("b.csv", "x;y\n0,5,1;1\n1,5;2\n");
    cr_assert(!strstr(run_program(0, "info b.csv")->out, "--decimal"));
}

Test(table, a_file_to_test_on_may_lack_what_training_leaves_out)
{
    write_values("a.csv", 60, 1);
    write_text("b.csv", "x1,y\n0.5,1\n-0.5,2\n");
    run_program(0, "train a.csv --target y --ignore-columns x2 --epochs 1 --test b.csv --validation b.csv");
    write_text("b.csv", "x1,z\n0.5,1\n-0.5,2\n");
    cr_assert(strstr(run_program(3, "train a.csv --target y --ignore-columns x2 --epochs 1 --test b.csv")->err,
                     "the target column \"y\" is missing"));
}
