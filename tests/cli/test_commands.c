/* Tests of what commands do with good input.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_program.h"
#include "scratch.h"

TestSuite(commands, .init = scratch_begin, .fini = scratch_end);

static void expect_keys(json_t *object, const char *const *keys)
{
    for (; *keys; keys++)
        cr_assert(json_object_get(object, *keys), "no %s in %s", *keys, last_outcome()->out);
}

static double number(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

Test(commands, train_tells_all_in_json_and_nothing_else_on_stdout)
{
    static const char *const keys[] = {"task",       "layers",     "parameters", "epochs",
                                       "steps",      "examples",   "seconds",    "examples_per_second",
                                       "threads",    "isa",        "precision",  "peak_memory_bytes",
                                       "train_loss", "validation", "test",       "model",
                                       NULL};
    json_t *object;

    write_classes("data.csv", 300, 1);
    write_classes("test.csv", 100, 2);
    run_program(0, "train data.csv --target class --test test.csv --epochs 30 --hidden 16 --learning-rate 0.01 --json");
    object = parsed_output();
    expect_keys(object, keys);
    cr_assert_str_eq(json_string_value(json_object_get(object, "task")), "multiclass");
    cr_assert_eq(json_array_size(json_object_get(object, "layers")), 3);
    cr_assert_eq(json_integer_value(json_array_get(json_object_get(object, "layers"), 0)), 5);
    cr_assert_eq(number(object, "parameters"), 5 * 16 + 16 + 16 * 3 + 3);
    cr_assert_gt(number(json_object_get(object, "test"), "accuracy"), 0.8);
    cr_assert_gt(number(json_object_get(object, "validation"), "accuracy"), 0.8);
    cr_assert_str_eq(last_outcome()->err, "");
    cr_assert(exists("model.safetensors"));
    json_decref(object);
}

Test(commands, evaluate_tells_what_train_told)
{
    json_t *trained, *evaluated;
    double accuracy;

    write_classes("data.csv", 200, 1);
    write_classes("test.csv", 100, 2);
    run_program(0, "train data.csv --target class --test test.csv --epochs 5 --hidden 8 --json");
    trained = parsed_output();
    run_program(0, "evaluate model.safetensors test.csv --json");
    evaluated = parsed_output();
    accuracy = number(json_object_get(trained, "test"), "accuracy");
    cr_assert_eq(number(evaluated, "accuracy"), accuracy);
    cr_assert_eq(number(evaluated, "loss"), number(json_object_get(trained, "test"), "loss"));
    cr_assert_eq(number(evaluated, "rows"), 100);
    cr_assert_gt(number(evaluated, "baseline_accuracy"), 0.2);
    json_decref(trained);
    json_decref(evaluated);
}

Test(commands, evaluate_prints_classes_and_their_confusion)
{
    json_t *object;

    write_classes("data.csv", 200, 1);
    run_program(0, "train data.csv --target class --metric auc --epochs 20 --hidden 8 -q");
    run_program(0, "evaluate model.safetensors data.csv");
    cr_assert(strstr(last_outcome()->out, "\nauc ") && strstr(last_outcome()->out, "\ntrue \\ predicted"), "%s",
              last_outcome()->out);
    run_program(0, "evaluate model.safetensors data.csv --json");
    object = parsed_output();
    cr_assert(number(object, "auc") > 0.5 && number(object, "baseline_auc") == 0.5);
    json_t *classes = json_object_get(object, "classes"), *confusion = json_object_get(object, "confusion");
    cr_assert(json_array_size(classes) == 3 && json_array_size(confusion) == 3);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(classes, 0), "class")), "high");
    cr_assert_eq(json_integer_value(json_array_get(json_array_get(confusion, 0), 0)),
                 (json_int_t)number(json_array_get(classes, 0), "right"));
    json_decref(object);
}

Test(commands, evaluate_prints_quantiles_and_targets)
{
    json_t *object;

    write_values("data.csv", 200, 1);
    run_program(0, "train data.csv --target y,x2 --metric error_95 --epochs 60 --learning-rate 0.02 --hidden 8 -q");
    run_program(0, "evaluate model.safetensors data.csv --json");
    object = parsed_output();
    cr_assert_lt(number(object, "error_25"), number(object, "error_75"));
    cr_assert_lt(number(object, "mae"), number(object, "baseline_mae"));
    cr_assert_eq(json_array_size(json_object_get(object, "outputs")), 2);
    json_decref(object);
    run_program(2, "train data.csv --target y --metric auc --task regression");
}

Test(commands, cv_tells_means_and_folds)
{
    json_t *one, *three;

    write_classes("data.csv", 200, 1);
    run_program(0, "cv data.csv --target class --group colour --folds 3 --epochs 20 --hidden 8 --threads 1 --json");
    one = parsed_output();
    run_program(0, "cv data.csv --target class --group colour --folds 3 --epochs 20 --hidden 8 --threads 3 --json");
    three = parsed_output();
    cr_assert(json_equal(json_object_get(one, "metrics"), json_object_get(three, "metrics")));
    json_t *accuracy = json_object_get(json_object_get(one, "metrics"), "accuracy");
    cr_assert_gt(number(accuracy, "mean"), number(json_object_get(accuracy, "baseline"), "mean"));
    cr_assert_gt(number(accuracy, "standard_error"), 0);
    cr_assert_eq(json_array_size(json_object_get(one, "folds")), 3);
    json_decref(one);
    json_decref(three);
    run_program(0, "cv data.csv --target class --epochs 2 --hidden none");
    cr_assert(strstr(last_outcome()->out, "\naccuracy "), "%s", last_outcome()->out);
    run_program(2, "cv data.csv --target class --group colour --folds 4 --epochs 1");
}

Test(commands, tune_saves_what_train_gives_with_the_same_settings)
{
    json_t *object, *best;

    write_classes("data.csv", 200, 1);
    run_program(0, "tune data.csv --target class --trials 4 --epochs 12 --hidden 9 --dropout 0 --weight-decay 0 -o tuned --json");
    object = parsed_output();
    cr_assert_eq(json_array_size(json_object_get(object, "trials")), 4);
    best = json_array_get(json_object_get(object, "trials"), 0);
    char rate[32] = "auto"; /* trial 1 has the settings as they are */
    if (number(best, "trial") > 1)
        snprintf(rate, sizeof rate, "%.17g", number(best, "learning_rate"));
    run_program(0, "train data.csv --target class --epochs 12 --hidden 9 --learning-rate %s -o trained -q", rate);
    cr_assert(same_bytes("tuned", "trained"));
    json_decref(object);
    run_program(2, "tune data.csv --target class --hidden 4 --learning-rate 0.01 --weight-decay 0 --dropout 0");
    cr_assert(strstr(last_outcome()->err, "nothing is left to search"), "%s", last_outcome()->err);
    run_program(0, "tune data.csv --target class --trials 3 --epochs 3");
    cr_assert(strstr(last_outcome()->out, "\nnetwork "), "%s", last_outcome()->out);
    run_program(0, "tune data.csv --target class --trials 3 --epochs 3 --metric accuracy --patience 0 -o by_accuracy");
    cr_assert(strstr(last_outcome()->out, "accuracy\n"), "%s", last_outcome()->out);
    run_program(0, "evaluate by_accuracy data.csv"); /* what no training watches is not in the model */
}

Test(commands, evaluate_weighs_columns_and_not_their_categories)
{
    json_t *object;

    write_classes("data.csv", 200, 1);
    run_program(0, "train data.csv --target class --epochs 30 --hidden 8 -q");
    run_program(0, "evaluate model.safetensors data.csv --importance --repeats 3 --metric auc --seed 4 --json");
    object = parsed_output();
    cr_assert_str_eq(json_string_value(json_object_get(object, "importance_of")), "auc");
    cr_assert_eq(json_array_size(json_object_get(object, "importance")), 3, "x1, x2, colour");
    cr_assert_gt(number(json_array_get(json_object_get(object, "importance"), 0), "mean"), 0);
    json_decref(object);
    run_program(0, "evaluate model.safetensors data.csv --importance");
    cr_assert(strstr(last_outcome()->out, "\ncolour "), "%s", last_outcome()->out);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

Test(commands, predict_gives_a_class_and_probabilities_for_each_row)
{
    const outcome *o;
    double high, low, middle;
    char class[16];

    write_classes("data.csv", 200, 1);
    run_program(0, "train data.csv --target class --epochs 5 --hidden 8 -q");
    o = run_program(0, "predict model.safetensors data.csv --keep colour,class");
    cr_assert(strncmp(o->out, "colour,class,class,probability_high,probability_low,probability_middle\n", 71) == 0, "%s", o->out);
    cr_assert_eq(count_lines(o->out), 201);
    o = run_program(0, "predict model.safetensors data.csv");
    cr_assert_eq(sscanf(strchr(o->out, '\n') + 1, "%15[a-z],%lf,%lf,%lf", class, &high, &low, &middle), 4, "%s", o->out);
    cr_assert_float_eq(high + low + middle, 1, 1e-5);
    cr_assert_str_eq(class, high > low && high > middle ? "high" : low > middle ? "low" : "middle");
}

Test(commands, columns_that_predict_copies_keep_their_text)
{
    write_text("data.csv", "id,x1,y\n007,1,2.50\n12345678901234567890,2,3\n,3,\n");
    write_values("train.csv", 60, 1);
    run_program(0, "train train.csv --target y --ignore-columns x2 --epochs 1 --hidden 2 -q -o model");
    run_program(0, "predict model data.csv --keep id,y,x1");
    cr_assert(strstr(last_outcome()->out, "\n007,2.50,1,"), "%s", last_outcome()->out);
    cr_assert(strstr(last_outcome()->out, "\n12345678901234567890,3,2,"), "%s", last_outcome()->out);
    cr_assert(strstr(last_outcome()->out, "\n,,3,"), "%s", last_outcome()->out);
}

/* Names of columns that are only copied are read as text while all of them fit a setting. */
Test(commands, columns_that_predict_copies_keep_their_text_or_are_refused_as_too_many)
{
    enum { LONG = 1000, MANY = 5 };
    char name[MANY][LONG + 1], list[MANY * (LONG + 1)], text[2 * MANY * (LONG + 1)];
    size_t used = 0;

    write_values("train.csv", 60, 1);
    run_program(0, "train train.csv --target y --ignore-columns x2 --epochs 1 --hidden 2 -q -o model");
    for (int i = 0; i < MANY; i++) {
        memset(name[i], 'a' + i, LONG);
        name[i][LONG] = 0;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? "," : "", name[i]);
    }
    snprintf(text, sizeof text, "%s,x1\n007,007,007,007,007,1\n", list);
    write_text("wide.csv", text);
    run_program(0, "predict model wide.csv --keep %s,%s,%s", name[1], name[4], name[0]);
    cr_assert(strstr(last_outcome()->out, "\n007,007,007,"), "%s", last_outcome()->out);
    snprintf(text, sizeof text, "keep = %s\n", list);
    write_text("keep.config", text); /* a line of the shell may be too short for it */
    run_program(2, "predict model wide.csv --config keep.config");
    cr_assert(strstr(last_outcome()->err, "4095 bytes at most"), "%s", last_outcome()->err);
}

Test(commands, predict_gives_values_in_the_target_s_unit_without_a_target)
{
    const outcome *o;
    double value;

    write_values("data.csv", 300, 1);
    run_program(0, "train data.csv --target y --epochs 60 --learning-rate 0.01 -q");
    write_text("new.csv", "x2,x1\n0,0.5\n0,-0.5\n");
    o = run_program(0, "predict model.safetensors new.csv");
    cr_assert_eq(sscanf(o->out, "predicted_y\n%lf", &value), 1, "%s", o->out);
    cr_assert_float_eq(value, 115, 5);
    run_program(0, "predict model.safetensors new.csv -o p.csv");
    cr_assert_str_eq(last_outcome()->out, "");
    cr_assert(exists("p.csv"));
    run_program(2, "predict model.safetensors new.csv --keep x3");
    cr_assert(strstr(last_outcome()->err, "no column is named 'x3'; did you mean 'x2'?"), "%s", last_outcome()->err);
}

Test(commands, trace_has_every_vector_and_matrix)
{
    static const char *const keys[] = {"row", "x", "y", "loss", "layers", NULL};
    static const char *const layer_keys[] = {"z", "a", "dL_da", "dL_dz", "dL_dW", "dL_db", NULL};
    json_t *object, *layers, *dW;

    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 2 --hidden 4 -q");
    run_program(0, "trace model.safetensors data.csv --row 7 --json");
    object = parsed_output();
    expect_keys(object, keys);
    layers = json_object_get(object, "layers");
    cr_assert_eq(json_array_size(layers), 2);
    expect_keys(json_array_get(layers, 0), layer_keys);
    dW = json_object_get(json_array_get(layers, 0), "dL_dW");
    cr_assert_eq(json_array_size(dW), 5);
    cr_assert_eq(json_array_size(json_array_get(dW, 0)), 4);
    json_decref(object);
    cr_assert(strstr(run_program(0, "trace model.safetensors data.csv --row 7")->out, "BACKWARD"));
    run_program(2, "trace model.safetensors data.csv --row 101");
    run_program(2, "trace model.safetensors data.csv --row 0");
}

Test(commands, gradcheck_passes_on_random_data_and_on_a_file_and_fails_below_what_f32_can)
{
    write_classes("data.csv", 50, 1);
    run_program(0, "gradcheck");
    run_program(0, "gradcheck --layers 7,5,1 --activation tanh --loss squared_error --json");
    json_decref(parsed_output());
    run_program(0, "gradcheck data.csv --target class --hidden 6 --activation sigmoid");
    run_program(1, "gradcheck --threshold 1e-30");
}

Test(commands, info_tells_models_and_data)
{
    json_t *object;

    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 1 --hidden 4 -q");
    run_program(0, "info model.safetensors --json");
    object = parsed_output();
    cr_assert_str_eq(json_string_value(json_object_get(object, "task")), "multiclass");
    cr_assert_eq(json_array_size(json_object_get(object, "classes")), 3);
    cr_assert_eq(json_array_size(json_object_get(object, "inputs")), 5);
    json_decref(object);
    run_program(0, "info data.csv --json");
    object = parsed_output();
    cr_assert_eq(json_integer_value(json_object_get(object, "rows")), 100);
    cr_assert_eq(json_array_size(json_object_get(object, "columns")), 4);
    json_decref(object);
    cr_assert(strstr(run_program(0, "info model.safetensors --pytorch")->out, "nn.Sequential"));
    run_program(0, "info model.safetensors");
    run_program(0, "info data.csv");
}

Test(commands, plan_tells_the_machine_and_a_network_s_steps)
{
    json_t *object;

    run_program(0, "plan --layers 784,512,10 --json");
    object = parsed_output();
    cr_assert_geq(json_integer_value(json_object_get(object, "cores")), 1);
    cr_assert(json_is_string(json_object_get(object, "plan")));
    expect_keys(json_object_get(object, "memory"),
                (const char *[]){"example_bytes", "parameters_bytes", "optimizer_bytes", "activations_bytes", "gradients_bytes",
                                 "packed_bytes", "total_bytes_without_examples", NULL});
    cr_assert_gt(number(json_object_get(object, "expected"), "step_seconds"), 0);
    json_decref(object);
    run_program(0, "plan");
}

Test(commands, plan_tells_of_machines_that_are_not_here)
{
    json_t *object;

    run_program(0, "plan --machine 'package:2 core:32 pu:1' --layers 2048,2048,2048 --batch-size 1024 --json");
    object = parsed_output();
    cr_assert_eq(number(object, "cores"), 64);
    cr_assert_geq(number(json_object_get(object, "expected"), "threads"), 32);
    json_decref(object);
}

Test(commands, bench_prints_an_object_a_line)
{
    static const char *const machine_keys[] = {"cpu", "cores",    "l1_bytes", "l2_bytes", "l3_bytes",
                                               "isa", "compiler", "version",  "kernel",   NULL};
    static const char *const keys[] = {"layers",
                                       "batch_size",
                                       "threads",
                                       "precision",
                                       "isa",
                                       "steps",
                                       "step_seconds_median",
                                       "step_seconds_min",
                                       "examples_per_second",
                                       "gflops",
                                       "peak_gflops_cold",
                                       "peak_gflops_hot",
                                       "fraction_of_peak",
                                       "phase_seconds",
                                       "order_seconds",
                                       "samples",
                                       "peak_memory_bytes",
                                       "machine",
                                       NULL};
    const outcome *o = run_program(0, "bench --layers 8,4,2 --batch-size 32 --seconds 0.05 --threads 1,2 --json");
    const char *second = strchr(o->out, '\n') + 1;
    json_t *object = json_loads(second, 0, NULL);

    cr_assert_eq(count_lines(o->out), 2);
    expect_keys(object, keys);
    cr_assert_eq(json_integer_value(json_object_get(object, "threads")), 2);
    expect_keys(json_object_get(object, "machine"), machine_keys);
    json_decref(object);
}

Test(commands, bench_tells_a_step_from_the_order_of_an_epoch)
{
    const outcome *o = run_program(0, "bench --layers 1,1 --batch-size 1 --seconds 0.2 --threads 1 --json");
    json_t *object = json_loads(o->out, 0, NULL);

    cr_assert_gt(json_number_value(json_object_get(object, "order_seconds")), 0);
    cr_assert_leq(json_number_value(json_object_get(object, "step_seconds_min")),
                  json_number_value(json_object_get(object, "step_seconds_median")));
    cr_assert_geq(json_array_size(json_object_get(object, "samples")), 2);
    json_decref(object);
}

Test(commands, whole_numbers_as_a_target_are_pointed_out)
{
    write_text("data.csv", "x,y\n1,0\n2,1\n3,0\n4,1\n5,0\n6,1\n7,0\n8,1\n9,0\n10,1\n");
    cr_assert(strstr(run_program(0, "train data.csv --target y --hidden 2 --epochs 1")->err, "--task binary"));
    cr_assert_str_eq(run_program(0, "train data.csv --target y --hidden 2 --epochs 1 --task regression")->err, "");
    cr_assert(strstr(run_program(0, "train data.csv --target y --hidden 2 --epochs 1 --task binary")->out, "binary"));
}

Test(commands, training_goes_on_from_a_model)
{
    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 2 --hidden 4 -o first -q");
    run_program(0, "train data.csv --from first --epochs 2 -o second -q");
    cr_assert(!same_bytes("first", "second"));
    cr_assert(strstr(run_program(2, "train data.csv --from first --hidden 5")->err, "has 4"));
    cr_assert(strstr(run_program(2, "train data.csv --from first --target x1")->err, "has class"));
    run_program(0, "train data.csv --from first --hidden 4 --target class --epochs 1 -q");
}

Test(commands, validation_may_be_a_file_of_its_own)
{
    json_t *object;

    write_classes("data.csv", 100, 1);
    write_classes("more.csv", 50, 3);
    run_program(0, "train data.csv --target class --validation more.csv --patience 2 --epochs 4 --hidden 4 --json");
    object = parsed_output();
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(object, "validation"), "rows")), 50);
    cr_assert_eq(json_integer_value(json_object_get(object, "examples")) % 100, 0);
    cr_assert(json_is_null(json_object_get(object, "test")));
    json_decref(object);
}
