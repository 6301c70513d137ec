/* What a training run learns from: files, split and encoder.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal_comma.h"
#include "message.h"
#include "settings.h"
#include "size.h"
#include "subject.h"
#include "train.h"

#define FEW 20 /* distinct integers that look like classes */

bp_rows bp_material_rows(const bp_material *material)
{
    return (bp_rows){material->index, material->count};
}

void bp_material_free(bp_material *material)
{
    bp_examples_free(material->examples);
    bp_dataset_free(material->dataset);
    free(material->index);
}

/* ----------------------------------------------------------------------------------------------------- another model */

static const char *const of_model[] = {"hidden", "activation", "loss",         "init-scheme", "scale",
                                       "task",   "target",     "class-weight", NULL};

/* What --from has settled may be said again, but not otherwise. */
static int compare(const bp_train *train, const bp_settings *model)
{
    char mine[BP_TEXT_MAX], theirs[BP_TEXT_MAX];

    for (const char *const *key = of_model; *key; key++) {
        bp_settings_get(&train->settings, *key, mine, sizeof mine, NULL);
        bp_settings_get(model, *key, theirs, sizeof theirs, NULL);
        if (bp_settings_given(&train->settings, *key) && strcmp(mine, theirs) != 0)
            return bp_say_usage(train->arguments->command, "--%s %s: the model of --from has %s", *key, mine, theirs);
    }
    return BP_EXIT_DONE;
}

static int take_model(bp_train *train, const char *path)
{
    bp_settings model;
    int code;

    bp_settings_init(&model, sizeof model);
    code = bp_subject_load(train->arguments, path, &train->network, &train->encoder, &model);
    if (code == BP_EXIT_DONE)
        code = compare(train, &model);
    if (code == BP_EXIT_DONE) {
        bp_settings_inherit(&train->settings, &model, of_model);
        bp_settings_inherit(&train->settings, &model, bp_reading_keys);
    }
    return code;
}

/* ------------------------------------------------------------------------------------------------------------- files */

static void say_of_file(const bp_train *train, const bp_material *material, const char *path)
{
    if (train->arguments->option[BP_OPTION_QUIET])
        return;
    bp_say_skipped(material->dataset, path);
    if (material->examples)
        bp_say_strange(material->examples, path);
}

/* Once, of the first such column that is used. */
static void mention_commas(const bp_train *train)
{
    const bp_dataset *dataset = train->training.dataset;
    bp_column_info info;
    const char *text;

    if (train->arguments->option[BP_OPTION_QUIET])
        return;
    for (uint64_t i = 0; bp_dataset_column(dataset, i, &info, NULL) == BP_OK; i++)
        if (info.role <= 2 && (text = bp_decimal_comma(train->arguments, dataset, i))) {
            bp_say("column \"%s\" is taken as text, such as '%s'; if these are numbers: --decimal comma", info.name, text);
            return;
        }
}

int bp_train_read_more(bp_train *train, const char *path, const char *target_file, bp_material *material)
{
    bp_settings settings = train->settings;
    bp_error error;
    bp_status status;

    settings.target_file[0] = '\0';
    if (target_file && bp_settings_set(&settings, "target-file", target_file, &error) != BP_OK)
        return bp_say_error(train->arguments, &error);
    /* A column that is left out may be missing; one that is used is missed in encoding. */
    status = bp_dataset_read(path, &settings, BP_NEED_NOTHING, NULL, &material->dataset, &error);
    if (status == BP_OK)
        status = bp_encoder_apply(train->encoder, material->dataset, 1, NULL, &material->examples, &error);
    if (status != BP_OK)
        return bp_say_input_error(train->arguments, &error);
    material->count = bp_examples_rows(material->examples);
    say_of_file(train, material, path);
    return BP_EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------------------- split */

static int split(bp_train *train)
{
    uint64_t rows = bp_dataset_rows(train->training.dataset);
    size_t bytes;
    bp_error error;

    if (bp_size_mul((size_t)rows, sizeof(uint64_t), &bytes) && bytes > 0) {
        train->training.index = malloc(bytes);
        train->validation.index = malloc(bytes);
    }
    if (!train->training.index || !train->validation.index) {
        bp_say("no memory to split %llu rows", (unsigned long long)rows);
        return BP_EXIT_FAILED;
    }
    if (bp_dataset_split(train->training.dataset, (bp_rows){NULL, rows}, &train->settings, train->training.index,
                         &train->training.count, train->validation.index, &train->validation.count, &error) != BP_OK)
        return bp_say_input_error(train->arguments, &error);
    return BP_EXIT_DONE;
}

static int choose_rows(bp_train *train)
{
    if (!train->arguments->option[BP_OPTION_VALIDATION] && train->settings.validation_split > 0)
        return split(train);
    train->training.count = bp_dataset_rows(train->training.dataset);
    return BP_EXIT_DONE;
}

/* ----------------------------------------------------------------------------------------------------------- encoder */

/* How many distinct values a single target takes, up to FEW + 1; *whole: all are whole numbers in the target's unit. */
static size_t count_values(const bp_train *train, bool *whole)
{
    float values[FEW], y;
    size_t count = 0;

    *whole = true;
    for (uint64_t row = 0; row < bp_examples_rows(train->training.examples); row++) {
        size_t i = 0;
        if (bp_examples_row(train->training.examples, row, NULL, &y, NULL) != BP_OK)
            return FEW + 1;
        while (i < count && values[i] != y)
            i++;
        if (i == FEW)
            return FEW + 1;
        values[i] = y;
        count += i == count;
    }
    for (size_t i = 0; i < count; i++) {
        double value = (double)values[i];
        bp_encoder_decode(train->encoder, 1, &value);
        *whole = *whole && fabs(value - nearbyint(value)) <= 1e-5 * (1 + fabs(value)); /* it went through f32 */
    }
    return count;
}

static void mention_task(const bp_train *train)
{
    bool whole;
    size_t count;

    if (train->info.task != BP_TASK_REGRESSION || train->info.outputs != 1 || train->arguments->settings.task != BP_TASK_AUTO ||
        train->arguments->option[BP_OPTION_QUIET] || train->arguments->option[BP_OPTION_FROM])
        return;
    count = count_values(train, &whole);
    if (whole && count > 1 && count <= FEW)
        bp_say("'%s' has %zu distinct whole numbers and is taken as a regression; if they are classes: --task %s",
               bp_encoder_target(train->encoder, 0), count, count == 2 ? "binary" : "multiclass");
}

static int encode(bp_train *train)
{
    bp_error error;
    bp_status status = BP_OK;

    if (train->encoder)
        bp_encoder_set_threads(train->encoder, train->settings.threads);
    else
        status = bp_encoder_fit(train->training.dataset, bp_material_rows(&train->training), &train->settings, NULL,
                                &train->encoder, &error);
    if (status == BP_OK)
        status = bp_encoder_apply(train->encoder, train->training.dataset, 1, NULL, &train->training.examples, &error);
    if (status != BP_OK)
        return bp_say_input_error(train->arguments, &error);
    bp_encoder_describe(train->encoder, &train->info);
    mention_task(train);
    return BP_EXIT_DONE;
}

/* What `auto` and `full` have become is what the model says. */
static int settle(bp_train *train)
{
    bp_settings *settings = &train->settings;
    bp_error error;

    bp_encoder_settle(train->encoder, train->training.count, settings);
    if (bp_settings_check(settings, &error) != BP_OK)
        return bp_say_error(train->arguments, &error);
    return BP_EXIT_DONE;
}

static int read_validation(bp_train *train)
{
    const bp_arguments *arguments = train->arguments;

    if (!arguments->option[BP_OPTION_VALIDATION])
        return BP_EXIT_DONE;
    return bp_train_read_more(train, arguments->option[BP_OPTION_VALIDATION], arguments->option[BP_OPTION_VALIDATION_TARGET_FILE],
                              &train->validation);
}

static int read_training(bp_train *train)
{
    bp_error error;

    if (bp_dataset_read(train->arguments->operands[0], &train->settings, BP_NEED_TARGET, NULL, &train->training.dataset, &error) !=
        BP_OK)
        return bp_say_input_error(train->arguments, &error);
    if (bp_dataset_check_shuffle(train->training.dataset, &train->settings, &error) != BP_OK)
        return bp_say_error(train->arguments, &error);
    say_of_file(train, &train->training, train->arguments->operands[0]);
    mention_commas(train);
    return BP_EXIT_DONE;
}

static int read_test(bp_train *train)
{
    const bp_arguments *arguments = train->arguments;

    if (!arguments->option[BP_OPTION_TEST])
        return BP_EXIT_DONE;
    return bp_train_read_more(train, arguments->option[BP_OPTION_TEST], arguments->option[BP_OPTION_TEST_TARGET_FILE],
                              &train->test);
}

int bp_train_read(bp_train *train)
{
    const char *from = train->arguments->option[BP_OPTION_FROM];
    int code = from ? take_model(train, from) : BP_EXIT_DONE;

    if (code == BP_EXIT_DONE)
        code = read_training(train);
    if (code == BP_EXIT_DONE)
        code = choose_rows(train);
    if (code == BP_EXIT_DONE)
        code = encode(train);
    if (code == BP_EXIT_DONE)
        code = settle(train);
    if (code == BP_EXIT_DONE)
        code = read_validation(train);
    return code == BP_EXIT_DONE ? read_test(train) : code; /* a bad test file is told before training, not after */
}
