/* Tests of what a run writes down of itself: --log and --write-config.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "helper_program.h"
#include "scratch.h"

TestSuite(records, .init = scratch_begin, .fini = scratch_end);

#define LINES 200

/* Lines of a log, each one JSON object. */
typedef struct log_lines {
    json_t *line[LINES];
    size_t count;
} log_lines;

static log_lines read_log(const char *name)
{
    static char text[1 << 14];
    log_lines lines = {.count = 0};
    FILE *file = fopen(name, "r");

    cr_assert(file);
    while (lines.count < LINES && fgets(text, sizeof text, file)) {
        cr_assert_not_null(strchr(text, '\n'));
        lines.line[lines.count] = json_loads(text, 0, NULL);
        cr_assert(json_is_object(lines.line[lines.count]), "%s", text);
        lines.count++;
    }
    fclose(file);
    return lines;
}

static void free_log(log_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        json_decref(lines->line[i]);
}

static const char *event_of(const json_t *line)
{
    return json_string_value(json_object_get(line, "event"));
}

static size_t count_events(const log_lines *lines, const char *event)
{
    size_t count = 0;

    for (size_t i = 0; i < lines->count; i++)
        count += strcmp(event_of(lines->line[i]), event) == 0;
    return count;
}

static double number_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_number(value), "%s", key);
    return json_number_value(value);
}

static const char *outcome_at_end(const log_lines *lines)
{
    return json_string_value(json_object_get(lines->line[lines->count - 1], "outcome"));
}

/* 90 training rows in minibatches of 20: five steps an epoch. */
Test(records, the_log_has_a_line_for_begin_each_epoch_each_nth_step_and_the_end)
{
    write_values("data.csv", 100, 1);
    run_program(0, "train data.csv --target y --batch-size 20 --epochs 4 --log run.jsonl --log-every 3 -q");
    log_lines lines = read_log("run.jsonl");

    cr_assert_eq(count_events(&lines, "begin"), 1);
    cr_assert_str_eq(event_of(lines.line[0]), "begin");
    cr_assert_eq(count_events(&lines, "epoch"), 4);
    cr_assert_eq(count_events(&lines, "step"), 20 / 3);
    cr_assert_str_eq(event_of(lines.line[lines.count - 1]), "end");
    cr_assert_str_eq(outcome_at_end(&lines), "done");
    free_log(&lines);
}

Test(records, an_epochs_line_holds_both_curves)
{
    write_values("data.csv", 100, 1);
    run_program(0, "train data.csv --target y --epochs 3 --log run.jsonl -q --json");
    json_t *result = parsed_output();
    log_lines lines = read_log("run.jsonl");
    const json_t *epoch = lines.line[3];

    cr_assert_eq(number_at(epoch, "epoch"), 3);
    cr_assert_eq(number_at(epoch, "train_loss"), number_at(result, "train_loss"));
    cr_assert_eq(number_at(json_object_get(epoch, "validation"), "rows"), 10);
    cr_assert_neq(number_at(epoch, "train_loss"), number_at(lines.line[2], "train_loss"));
    free_log(&lines);
    json_decref(result);
}

Test(records, a_resumed_run_goes_on_in_its_log)
{
    write_values("data.csv", 100, 1);
    run_program(0, "train data.csv --target y --epochs 2 --checkpoint c --resume --log run.jsonl -q");
    run_program(0, "train data.csv --target y --epochs 2 --checkpoint c --resume --log run.jsonl -q");
    log_lines lines = read_log("run.jsonl");

    cr_assert_eq(count_events(&lines, "begin"), 2);
    cr_assert_eq(count_events(&lines, "epoch"), 2);
    cr_assert_eq(json_is_true(json_object_get(lines.line[lines.count - 2], "resumed")), 1);
    free_log(&lines);
}

Test(records, a_diverged_run_says_so_in_its_log)
{
    write_values("data.csv", 100, 1);
    run_program(4, "train data.csv --target y --optimizer sgd --learning-rate 1e6 --log run.jsonl -q");
    log_lines lines = read_log("run.jsonl");

    cr_assert_str_eq(outcome_at_end(&lines), "diverged");
    free_log(&lines);
}

Test(records, a_log_that_cannot_be_written_is_told_and_the_model_is_saved)
{
    write_values("data.csv", 100, 1);
    const outcome *result = run_program(1, "train data.csv --target y --epochs 2 --log /dev/full -o model -q");

    cr_assert(strstr(result->err, "/dev/full: the log cannot be written"));
    cr_assert(exists("model"));
    result = run_program(1, "train data.csv --target y --log missing/run.jsonl -o other -q");
    cr_assert(strstr(result->err, "missing/run.jsonl: cannot be written"));
    cr_assert(!exists("other"));
}

Test(records, a_written_config_repeats_the_run_to_the_byte)
{
    static const char *const runs[] = {
        "--target y --epochs 3",
        "--target y --epochs 3 --optimizer sgd --momentum 0.5 --nesterov --hidden none",
        "--target class --validation more.csv --epochs 3 --patience 2 --metric accuracy --batch-size full",
        "--target class --validation-split 0 --epochs 2 --schedule cosine:warmup=3 --precision bf16x3",
    };

    write_classes("classes.csv", 100, 1);
    write_classes("more.csv", 50, 2);
    write_values("values.csv", 100, 1);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        const char *data = strstr(runs[i], "class") ? "classes.csv" : "values.csv";
        run_program(0, "train %s %s --write-config run.config -o a -q", data, runs[i]);
        run_program(0, "train %s --config run.config -o b -q", data);
        cr_assert(same_bytes("a", "b"), "%s", runs[i]);
    }
}

Test(records, a_config_has_no_settings_that_its_kind_of_file_is_not_read_by)
{
    write_text("data.svm", "1 1:2\n0 1:1 2:1\n1 1:3\n0 2:2\n1 1:4\n0 2:3\n");
    run_program(0, "train data.svm --epochs 1 --max-index 2 --write-config run.config -o a -q");
    run_program(0, "train data.svm --config run.config -o b -q");
    cr_assert(same_bytes("a", "b"));
}

Test(records, the_log_holds_the_same_settings)
{
    write_values("data.csv", 100, 1);
    run_program(0, "train data.csv --target y --epochs 1 --seed 7 --log run.jsonl -q");
    log_lines lines = read_log("run.jsonl");
    const json_t *config = json_object_get(lines.line[0], "config");

    cr_assert_str_eq(json_string_value(json_object_get(config, "seed")), "7");
    cr_assert_str_eq(json_string_value(json_object_get(config, "target")), "y");
    cr_assert_null(json_object_get(config, "momentum"), "it has no effect with adam");
    free_log(&lines);
}

Test(records, names_with_signs_of_a_config_survive_it)
{
    write_text("data.csv", "a,\" y #\\\"\"1\"\"\"\n1,2\n2,4\n3,6\n4,8\n5,10\n6,12\n");
    run_program(0, "train data.csv --target ' y #\\\"1\"' --epochs 1 --validation-split 0 --write-config run.config -o a -q");
    run_program(0, "train data.csv --config run.config -o b -q");
    cr_assert(same_bytes("a", "b"));
}

Test(records, a_record_replaces_no_other_file_of_the_run)
{
    write_values("data.csv", 100, 1);
    run_program(2, "train data.csv --target y --log data.csv");
    run_program(2, "train data.csv --target y --write-config m -o m");
    run_program(2, "train data.csv --target y --write-config c --checkpoint c");
    run_program(2, "train data.csv --target y --write-config c --log c");
    run_program(2, "train data.csv --target y --log-every 3");
    run_program(2, "train data.csv --target y --log l --log-every 0");
}
