/* A model and data to use it on: what evaluate, predict and trace begin with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "subject.h"

#include <stdio.h>
#include <string.h>

#include "message.h"
#include "settings.h"

const char *const bp_reading_keys[] = {"target",    "ignore-columns", "weight-column", "group", "categorical", "header",
                                       "delimiter", "decimal",        "missing",       "task",  NULL};

int bp_subject_load(const bp_arguments *arguments, const char *path, bp_network **network, bp_encoder **encoder,
                    bp_settings *settings)
{
    bp_error error;

    if (bp_model_load(path, NULL, network, encoder, settings, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    if (!*encoder) {
        bp_network_free(*network);
        *network = NULL;
        bp_say("%s: the model has no encoder, so it cannot take data files", path);
        return BP_EXIT_BAD_INPUT;
    }
    return BP_EXIT_DONE;
}

void bp_settings_inherit(bp_settings *settings, const bp_settings *model, const char *const *keys)
{
    char text[BP_TEXT_MAX];
    uint64_t given = settings->given;

    for (; *keys; keys++)
        if (!bp_settings_given(settings, *keys) && bp_settings_get(model, *keys, text, sizeof text, NULL) == BP_OK) {
            (void)bp_settings_set(settings, *keys, text, NULL); /* what _get wrote */
            settings->given = given;
        }
}

void bp_say_skipped(const bp_dataset *dataset, const char *path)
{
    uint64_t rows = bp_dataset_skipped(dataset);

    if (rows)
        bp_say("%s: %llu row%s left out, since the target is missing", path, (unsigned long long)rows, rows == 1 ? " is" : "s are");
}

void bp_say_strange(const bp_examples *examples, const char *path)
{
    bp_strange strange;

    bp_examples_strange(examples, &strange);
    if (strange.missing)
        bp_say("%s: %llu value%s missing in columns that had none missing in training: means stand for numbers", path,
               (unsigned long long)strange.missing, strange.missing == 1 ? " is" : "s are");
    if (strange.categories)
        bp_say("%s: %llu categor%s never seen in training, in columns without '=other': all inputs for it are 0", path,
               (unsigned long long)strange.categories, strange.categories == 1 ? "y was" : "ies were");
}

static bool is_name(const char *own, const char *name, size_t length)
{
    return strlen(own) == length && memcmp(own, name, length) == 0;
}

/* Whether a column must stay numbers. */
static bool is_read(const bp_subject *subject, const bp_settings *settings, const char *name, size_t length)
{
    for (uint32_t i = 0; i < subject->info.inputs; i++)
        if (is_name(bp_encoder_input(subject->encoder, i), name, length))
            return true;
    return is_name(settings->weight_column, name, length);
}

/* Columns that are only copied are read as text: 007 stays 007, and a long number keeps its digits. */
static int copy_as_text(const bp_subject *subject, const bp_arguments *arguments, bp_settings *settings)
{
    const char *keep = arguments->option[BP_OPTION_KEEP];

    for (size_t length; *keep; keep += length + (keep[length] == ',')) {
        size_t used = strlen(settings->categorical);
        length = strcspn(keep, ",");
        if (!length || is_read(subject, settings, keep, length))
            continue;
        if (used + length + 2 > sizeof settings->categorical)
            return bp_say_usage(arguments->command,
                                "--keep: names of columns that the model does not read, and of its columns of categories, have %d "
                                "bytes at most together; leave some out",
                                BP_TEXT_MAX - 1);
        snprintf(settings->categorical + used, length + 2, "%s%.*s", used ? "," : "", (int)length, keep);
    }
    return BP_EXIT_DONE;
}

/* Unknown column names are passed over in reading, since the model's may be those of another file; encoding then tells what
 * the network lacks. */
static bp_status read_data(bp_subject *subject, const char *path, const bp_settings *settings, bool with_targets, bp_error *error)
{
    bp_status status = bp_dataset_read(path, settings, BP_NEED_NOTHING, NULL, &subject->dataset, error);
    if (status == BP_OK)
        status = bp_encoder_apply(subject->encoder, subject->dataset, with_targets, NULL, &subject->examples, error);
    return status;
}

int bp_subject_open(bp_subject *subject, const bp_arguments *arguments, bool with_targets)
{
    bp_settings model, settings = arguments->settings;
    bp_error error;
    int code;

    memset(subject, 0, sizeof *subject);
    bp_settings_init(&model, sizeof model);
    code = bp_subject_load(arguments, arguments->operands[0], &subject->network, &subject->encoder, &model);
    if (code != BP_EXIT_DONE)
        return code;
    bp_encoder_describe(subject->encoder, &subject->info);
    bp_encoder_set_threads(subject->encoder, settings.threads);
    bp_settings_inherit(&settings, &model, bp_reading_keys);
    if (arguments->option[BP_OPTION_KEEP])
        code = copy_as_text(subject, arguments, &settings);
    if (code != BP_EXIT_DONE)
        return code;
    if (read_data(subject, arguments->operands[1], &settings, with_targets, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    bp_say_skipped(subject->dataset, arguments->operands[1]);
    bp_say_strange(subject->examples, arguments->operands[1]);
    return BP_EXIT_DONE;
}

void bp_subject_close(bp_subject *subject)
{
    bp_examples_free(subject->examples);
    bp_dataset_free(subject->dataset);
    bp_encoder_free(subject->encoder);
    bp_network_free(subject->network);
}
