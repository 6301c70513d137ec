/* The settings of a run as a file for --config.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "options.h"
#include "readings.h"
#include "settings.h"
#include "text_file.h"
#include "train.h"

typedef void take_pair(void *context, const char *key, const char *text);

/* Options that are no settings and say what the network learns from. */
static const bp_option_id sources[] = {BP_OPTION_FROM, BP_OPTION_VALIDATION, BP_OPTION_VALIDATION_TARGET_FILE};

/* What is done with validation rows means nothing without any, and a file of them leaves nothing to split. */
static bool has_an_effect(const bp_train *train, const char *key)
{
    bool file = train->arguments->option[BP_OPTION_VALIDATION] != NULL;

    if (strcmp(key, "validation-split") == 0 || strcmp(key, "group") == 0)
        return !file;
    if (strcmp(key, "patience") == 0 || strcmp(key, "metric") == 0)
        return file || train->settings.validation_split > 0;
    return bp_readings_take(train->arguments, key);
}

/* Whether the run would be refused if this setting were given, beside those that are. */
static bool can_be_given(bp_settings *settings, size_t index)
{
    settings->given |= UINT64_C(1) << index;
    if (bp_settings_check(settings, NULL) == BP_OK)
        return true;
    settings->given &= ~(UINT64_C(1) << index);
    return false;
}

/* Each setting and option that the result depends on, and those that were given. */
static void each_pair(const bp_train *train, take_pair *take, void *context)
{
    bp_settings given = train->settings;
    char text[BP_TEXT_MAX];
    size_t index;

    given.given = 0;
    for (const char *const *key = train->arguments->command->settings; *key; key++) {
        const bp_setting *setting = bp_setting_find(*key, &index);
        if (!setting->fixes_result && !bp_settings_given(&train->settings, *key))
            continue;
        if (bp_settings_get(&train->settings, *key, text, sizeof text, NULL) == BP_OK && *text && has_an_effect(train, *key) &&
            can_be_given(&given, index))
            take(context, *key, text);
    }
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (train->arguments->option[sources[i]])
            take(context, bp_option_table[sources[i]].name, train->arguments->option[sources[i]]);
}

/* ------------------------------------------------------------------------------------------------------------ a file */

static bool is_plain(const char *text)
{
    size_t length = strlen(text);

    return !strpbrk(text, "\"\\#\n\r") && !strchr(" \t", text[0]) && !strchr(" \t", text[length - 1]);
}

static void print_pair(void *context, const char *key, const char *text)
{
    FILE *file = context;

    if (is_plain(text)) {
        fprintf(file, "%s = %s\n", key, text);
        return;
    }
    fprintf(file, "%s = \"", key);
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", file);
        else
            fprintf(file, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    fputs("\"\n", file);
}

int bp_train_write_config(const bp_train *train)
{
    const char *path = train->arguments->option[BP_OPTION_WRITE_CONFIG];
    bp_text_file text;
    bp_error error;

    if (!path)
        return BP_EXIT_DONE;
    if (bp_text_file_begin(&text, path, &error) != BP_OK)
        return bp_say_error(train->arguments, &error);
    fprintf(text.lines, "# backprop %s: all that the result depends on; backprop train DATA --config THIS repeats the run\n",
            bp_version());
    each_pair(train, print_pair, text.lines);
    return bp_text_file_end(&text, &error) == BP_OK ? BP_EXIT_DONE : bp_say_error(train->arguments, &error);
}

/* --------------------------------------------------------------------------------------------------------- an object */

static void set_pair(void *context, const char *key, const char *text)
{
    json_object_set_new(context, key, json_string(text));
}

json_t *bp_train_config(const bp_train *train)
{
    json_t *object = json_object();

    each_pair(train, set_pair, object);
    return object;
}
