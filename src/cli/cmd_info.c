/* backprop info: what a model, a checkpoint or a data file holds.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data_kind.h"
#include "info_data.h"
#include "message.h"
#include "report.h"
#include "safetensors.h"
#include "settings.h"
#include "shown.h"

typedef struct model {
    bp_network *network;
    bp_encoder *encoder; /* may be NULL */
    bp_encoder_info info;
    bp_settings settings;
} model;

/* ------------------------------------------------------------------------------------------------------------ model */

static json_t *names(const bp_encoder *encoder, const char *(*name)(const bp_encoder *, uint32_t), uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(name(encoder, i)));
    return array;
}

static json_t *settings_object(const bp_settings *settings)
{
    json_t *object = json_object();
    char text[BP_TEXT_MAX];

    for (size_t i = 0; bp_setting_at(i); i++)
        if (bp_setting_at(i)->fixes_result && bp_settings_get(settings, bp_setting_at(i)->key, text, sizeof text, NULL) == BP_OK)
            json_object_set_new(object, bp_setting_at(i)->key, json_string(text));
    return object;
}

static int print_model_json(const model *m)
{
    json_t *object = json_object();

    json_object_set_new(object, "kind", json_string("model"));
    json_object_set_new(object, "layers", bp_json_layers(m->network));
    json_object_set_new(object, "parameters", bp_json_count(bp_network_parameters(m->network)));
    if (m->encoder) {
        json_object_set_new(object, "task", json_string(bp_task_name((bp_task)m->info.task)));
        json_object_set_new(object, "inputs", names(m->encoder, bp_encoder_input, m->info.inputs));
        json_object_set_new(object, "targets", names(m->encoder, bp_encoder_target, m->info.targets));
        json_object_set_new(object, "classes", names(m->encoder, bp_encoder_class, m->info.classes));
    }
    json_object_set_new(object, "settings", settings_object(&m->settings));
    return bp_json_print(object);
}

#define NAMES_SHOWN 12

static void print_names(const char *title, const bp_encoder *encoder, const char *(*name)(const bp_encoder *, uint32_t),
                        uint32_t count)
{
    printf("%-11s %lu:", title, (unsigned long)count);
    for (uint32_t i = 0; i < count && i < NAMES_SHOWN; i++) {
        printf(i ? ", " : " ");
        bp_shown_print(name(encoder, i), 0, SIZE_MAX);
    }
    printf(count > NAMES_SHOWN ? ", ... (--json has all)\n" : "\n");
}

static void print_model(const model *m)
{
    printf("%-11s ", "model");
    bp_layers_print(m->network);
    printf(", %llu parameters\n", (unsigned long long)bp_network_parameters(m->network));
    if (m->encoder) {
        printf("%-11s %s\n", "task", bp_task_name((bp_task)m->info.task));
        print_names("inputs", m->encoder, bp_encoder_input, m->info.inputs);
        print_names("targets", m->encoder, bp_encoder_target, m->info.targets);
        if (m->info.classes)
            print_names("classes", m->encoder, bp_encoder_class, m->info.classes);
    }
    printf("settings\n");
    for (size_t i = 0; bp_setting_at(i); i++)
        if (bp_setting_at(i)->fixes_result) {
            printf("  %-18s ", bp_setting_at(i)->key);
            bp_setting_print(&m->settings, bp_setting_at(i)->key);
            putchar('\n');
        }
}

static int print_pytorch(const model *m)
{
    size_t length = bp_model_pytorch(m->network, m->encoder, NULL, 0);
    char *text = malloc(length + 1);

    if (!text) {
        bp_say("no memory");
        return BP_EXIT_FAILED;
    }
    bp_model_pytorch(m->network, m->encoder, text, length + 1);
    fputs(text, stdout);
    free(text);
    return BP_EXIT_DONE;
}

static int show_model(const bp_arguments *arguments, model *m)
{
    bp_error error;

    bp_settings_init(&m->settings, sizeof m->settings);
    if (bp_model_load(arguments->operands[0], NULL, &m->network, &m->encoder, &m->settings, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    if (m->encoder)
        bp_encoder_describe(m->encoder, &m->info);
    if (arguments->option[BP_OPTION_PYTORCH])
        return print_pytorch(m);
    if (arguments->option[BP_OPTION_JSON])
        return print_model_json(m);
    print_model(m);
    return BP_EXIT_DONE;
}

static int info_model(const bp_arguments *arguments)
{
    model m = {.network = NULL};
    int code = show_model(arguments, &m);

    bp_encoder_free(m.encoder);
    bp_network_free(m.network);
    return code;
}

/* ------------------------------------------------------------------------------------------- checkpoint and the like */

static int print_tensors_json(const bp_safetensors *file)
{
    json_t *object = json_object(), *metadata = json_object(), *tensors = json_object();

    for (size_t i = 0; i < file->pair_count; i++)
        json_object_set_new(metadata, file->metadata[i].key, json_string(file->metadata[i].value));
    for (size_t i = 0; i < file->tensor_count; i++) {
        json_t *shape = json_array();
        for (uint32_t d = 0; d < file->tensors[i].rank; d++)
            json_array_append_new(shape, bp_json_count(file->tensors[i].shape[d]));
        json_object_set_new(tensors, file->tensors[i].name, shape);
    }
    json_object_set_new(object, "kind", json_string("safetensors"));
    json_object_set_new(object, "metadata", metadata);
    json_object_set_new(object, "tensors", tensors);
    return bp_json_print(object);
}

#define VALUE_SHOWN 200

static void print_tensors(const bp_safetensors *file)
{
    for (size_t i = 0; i < file->pair_count; i++) {
        bp_shown_print(file->metadata[i].key, 25, SIZE_MAX);
        bp_shown_print(file->metadata[i].value, 0, VALUE_SHOWN);
        printf(strlen(file->metadata[i].value) > VALUE_SHOWN ? " ...\n" : "\n");
    }
    for (size_t i = 0; i < file->tensor_count; i++) {
        bp_shown_print(file->tensors[i].name, 24, SIZE_MAX);
        printf(" %s [", bp_dtype_name(file->tensors[i].dtype));
        for (uint32_t d = 0; d < file->tensors[i].rank; d++)
            printf("%s%llu", d ? ", " : "", (unsigned long long)file->tensors[i].shape[d]);
        printf("]\n");
    }
}

/* Settings tell how to read data. */
static int check_settings(const bp_arguments *arguments)
{
    for (const char *const *key = arguments->command->settings; *key; key++)
        if (bp_settings_given(&arguments->settings, *key))
            return bp_say_usage(arguments->command, "--%s has no effect on a model or a checkpoint", *key);
    return BP_EXIT_DONE;
}

static int info_tensors(const bp_arguments *arguments)
{
    bp_safetensors *file;
    bp_error error;
    int code = check_settings(arguments);
    const char *format;

    if (code != BP_EXIT_DONE)
        return code;
    if (bp_safetensors_read(arguments->operands[0], NULL, &file, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    format = bp_safetensors_text(file, "format");
    if (!format || strcmp(format, "backprop-model") == 0 || arguments->option[BP_OPTION_PYTORCH])
        code = info_model(arguments); /* a foreign file is refused there, with what it lacks */
    else if (bp_safetensors_verify(file, &error) != BP_OK)
        code = bp_say_input_error(arguments, &error);
    else if (arguments->option[BP_OPTION_JSON])
        code = print_tensors_json(file);
    else
        print_tensors(file);
    bp_safetensors_free(file);
    return code;
}

/* ------------------------------------------------------------------------------------------------------------- whole */

/* Models may have any name; data files are told by theirs. */
static int run(bp_arguments *arguments)
{
    return bp_data_kind_of(arguments->operands[0]) != BP_DATA_UNKNOWN ? bp_info_data(arguments) : info_tensors(arguments);
}

static const char *const settings[] = {
    "target",  "target-file", "ignore-columns", "weight-column",  "categorical",     "header",  "delimiter", "decimal",
    "missing", "max-index",   "task",           "max-categories", "missing-targets", "threads", "memory",    NULL};
static const bp_option_id options[] = {BP_OPTION_PYTORCH, BP_OPTION_JSON, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_info = {"info", "FILE", "what a model, checkpoint or data file holds", 1, 1, settings, options, run};
