/* Tests of the command line: help, unknown and useless options, --config, --version.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "backprop.h"
#include "helper_program.h"
#include "scratch.h"

TestSuite(usage, .init = scratch_begin, .fini = scratch_end);

static const char *const commands[] = {"cv",        "tune", "train",  "evaluate", "predict", "trace",
                                       "gradcheck", "info", "export", "bench",    "plan"};
#define COMMANDS (sizeof commands / sizeof *commands)

Test(usage, version_is_the_library_s)
{
    const outcome *o = run_program(0, "--version");
    char expected[64];
    snprintf(expected, sizeof expected, "backprop %s\n", bp_version());
    cr_assert_str_eq(o->out, expected);
    cr_assert_str_eq(o->err, "");
}

Test(usage, help_lists_every_command_and_no_other)
{
    const outcome *o = run_program(0, "--help");
    for (size_t i = 0; i < COMMANDS; i++)
        cr_assert(strstr(o->out, commands[i]), "%s", commands[i]);
}

Test(usage, every_command_has_help_on_standard_output)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        const outcome *o = run_program(0, "%s --help", commands[i]);
        cr_assert(strstr(o->out, "usage: backprop "), "%s", commands[i]);
        cr_assert_str_eq(o->err, "");
    }
}

Test(usage, help_of_train_has_every_setting_with_its_values)
{
    const outcome *o = run_program(0, "train --help");
    char option[128];

    for (size_t i = 0; bp_setting_at(i); i++) {
        snprintf(option, sizeof option, "--%s ", bp_setting_at(i)->key);
        cr_assert(strstr(o->out, option), "%s", option);
    }
    cr_assert(!strstr(o->out, "--dream"));
}

static void expect_usage(const char *arguments, const char *words)
{
    const outcome *o = run_program(2, "%s", arguments);
    cr_assert_str_eq(o->out, "", "%s", arguments);
    cr_assert(strstr(o->err, words), "%s: %s", arguments, o->err);
    cr_assert(strstr(o->err, "--help'"), "%s: %s", arguments, o->err);
}

Test(usage, mistakes_are_named)
{
    expect_usage("", "a command is needed");
    expect_usage("trian", "did you mean 'train'?");
    expect_usage("train", "DATA");
    expect_usage("train a b", "unexpected 'b'");
    expect_usage("train a --dream 0.5", "unknown option --dream");
    expect_usage("bench --optimizer lbfgs", "no steps to measure");
    expect_usage("train a --optimizer rprop --batch-size 64", "batch-size has no effect with optimizer rprop");
    expect_usage("cv a --folds 1", "a number from 2 to");
    expect_usage("evaluate a b --repeats 3", "--repeats needs --importance");
    expect_usage("evaluate a b --metric auc", "--metric needs --importance");
    expect_usage("evaluate a b --importance --repeats 0", "a number from 1 on");
    expect_usage("train a --target b --seed -1", "expected a whole number from 0 to 18446744073709551615");
    expect_usage("tune a --trials 0", "a number from 1 to");
    expect_usage("tune a --validation-split 0", "--validation-split above 0");
    expect_usage("tune a --folds 3", "'tune' has no option --folds");
    expect_usage("cv a --folds 5x", "a number from 2 to");
    expect_usage("cv a -o model", "unknown option -o");
    expect_usage("cv a --validation-split 0 --metric auc", "no effect without validation rows");
    expect_usage("train a --folds 3", "'train' has no option --folds");
    expect_usage("train a --group g --validation-split 0", "--group has no effect");
    expect_usage("train a --lerning-rate 1", "did you mean --learning-rate?");
    expect_usage("train a --learning-rate", "a value is needed");
    expect_usage("train a --learning-rate fast", "--learning-rate 'fast'");
    expect_usage("train a --json=1x", "--json takes no value");
    expect_usage("train a -z", "unknown option -z");
    expect_usage("evaluate a b --target y", "'evaluate' has no option --target");
    expect_usage("train a --outpu x", "unknown option --outpu; did you mean --output?");
    expect_usage("train a --outpu=x", "unknown option --outpu; did you mean --output?");
    expect_usage("train a --js", "unknown option --js");
    expect_usage("evaluate a b --epochs 3", "'evaluate' has no option --epochs");
    expect_usage("predict a b --json", "'predict' has no option --json");
    expect_usage("train a --activation mish", "identity|relu|leaky_relu|sigmoid|tanh|elu|gelu|silu|softplus");
    expect_usage("bench --threads 1,x", "--threads '1,x'");
    expect_usage("bench --threads 1,", "--threads '1,'");
    expect_usage("bench --threads auto,0", "--threads 'auto,0'");
    expect_usage("bench --optimizer adam --momentum 0.9", "momentum");
    expect_usage("bench --precision bf17", "--precision 'bf17'");
    expect_usage("plan --layers 5", "--layers '5'");
    expect_usage("plan --machine nowhere", "--machine 'nowhere'");
    expect_usage("plan --batch-size 5", "--batch-size has no effect without --layers");
}

Test(usage, options_without_an_effect_are_refused)
{
    expect_usage("train a --momentum 0.9", "momentum has no effect with optimizer adam");
    expect_usage("train a --optimizer sgd --beta1 0.8", "beta1 has no effect with optimizer sgd");
    expect_usage("train a --optimizer sgd --nesterov", "nesterov needs a momentum");
    expect_usage("train a --validation-split 0 --patience 3", "--patience has no effect");
    expect_usage("train a --validation-split 0 --metric loss", "--metric has no effect");
    expect_usage("train a --validation b --validation-split 0.2", "--validation-split has no effect");
    expect_usage("train a --resume", "--resume needs --checkpoint");
    expect_usage("train a --checkpoint-every 3steps", "needs --checkpoint");
    expect_usage("train a --checkpoint c --checkpoint-every 3x", "--checkpoint-every '3x'");
    expect_usage("gradcheck --target y", "--target has no effect without DATA");
    write_text("data.csv", "x,y\n1,2\n3,4\n");
    run_program(0, "train data.csv --target y --hidden 2 --epochs 1 -q -o model");
    expect_usage("info model --header no", "--header has no effect on a model");
    expect_usage("train x.npy --target-file y.npy --categorical x1", "--categorical has no effect on x.npy: it is for CSV files");
    expect_usage("cv a-ubyte.gz --delimiter ';'", "--delimiter has no effect");
    expect_usage("predict model a.svm --missing none", "--missing has no effect on a.svm");
    expect_usage("pack x.npy -o x.bpd --header no", "--header has no effect");
    expect_usage("info a.bpd --decimal comma", "--decimal has no effect");
    expect_usage("train a.csv --target y --max-index 5", "--max-index has no effect on a.csv: it is for LIBSVM files");
    expect_usage("evaluate model a.csv --memory 1MiB", "--memory has no effect");
    expect_usage("info data.csv --pytorch", "--pytorch is for models");
}

Test(usage, the_command_line_wins_over_config_and_config_over_defaults)
{
    json_t *object;

    write_values("data.csv", 60, 1);
    write_text("run.config",
               "\xef\xbb\xbf# a comment\n\n target = y \nepochs = 3 # few\nhidden=4\nthreads = 1\npatience = 0\njson = yes\n");
    run_program(0, "train data.csv --config run.config");
    object = parsed_output();
    cr_assert_eq(json_integer_value(json_object_get(object, "epochs")), 3);
    json_decref(object);
    run_program(0, "train data.csv --epochs 2 --config run.config");
    object = parsed_output();
    cr_assert_eq(json_integer_value(json_object_get(object, "epochs")), 2);
    json_decref(object);
}

Test(usage, mistakes_in_config_have_file_and_line)
{
    write_text("a.config", "epochs = 3\nepoch = 4\n");
    expect_usage("train d --config a.config", "a.config:2: unknown option --epoch; did you mean --epochs?");
    write_text("b.config", "\nepochs = x\n");
    expect_usage("train d --config b.config", "b.config:2: epochs 'x'");
    write_text("c.config", "epochs\n");
    expect_usage("train d --config c.config", "c.config:1: expected 'key = value'");
    write_text("d.config", "config = c.config\n");
    expect_usage("train d --config d.config", "d.config:1: 'config' belongs on the command line");
    write_text("e.config", "json = perhaps\n");
    expect_usage("train d --config e.config", "e.config:1: json: expected yes or no");
    write_text("f.config", "= 3\n");
    expect_usage("train d --config f.config", "f.config:1: no key in front of '='");
    run_program(3, "train d --config missing.config");
}

Test(usage, a_switch_takes_yes_no_or_nothing)
{
    static const char *const forms[] = {"--exact-threads", "--exact-threads=yes", "--exact-threads yes", "--exact-threads no"};

    write_values("data.csv", 40, 1);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        run_program(0, "train %s data.csv --target y --hidden 3 --epochs 1 --threads 2 -q", forms[i]);
}

Test(usage, the_environment_sets_the_default_of_isa)
{
    json_t *object;

    write_values("data.csv", 40, 1);
    run_program_after("BACKPROP_ISA=scalar", 0, "train data.csv --target y --hidden 3 --epochs 1 --json");
    object = parsed_output();
    cr_assert_str_eq(json_string_value(json_object_get(object, "isa")), "scalar");
    json_decref(object);
    run_program_after("BACKPROP_ISA=scalar", 0, "plan"); /* not as if --isa had been given */
    run_program_after("BACKPROP_ISA=z80", 2, "train data.csv --target y");
}
