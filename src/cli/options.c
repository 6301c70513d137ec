/* From a command line to arguments, by getopt_long over the tables of options and settings.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* getopt_long */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "nearest.h"
#include "settings.h"
#include "text.h"

#define NAMES_MAX (BP_OPTIONS + 64)

bool bp_command_has(const bp_command *command, bp_option_id option)
{
    for (const bp_option_id *id = command->options; *id != BP_OPTIONS; id++)
        if (*id == option)
            return true;
    return false;
}

bool bp_command_uses(const bp_command *command, const char *key)
{
    for (const char *const *used = command->settings; *used; used++)
        if (strcmp(*used, key) == 0)
            return true;
    return false;
}

bp_option_id bp_command_option(const bp_command *command, const char *name)
{
    for (const bp_option_id *id = command->options; *id != BP_OPTIONS; id++)
        if (strcmp(bp_option_table[*id].name, name) == 0)
            return *id;
    return BP_OPTIONS;
}

bool bp_setting_is_switch(const bp_setting *setting)
{
    return strcmp(setting->values, "no|yes") == 0;
}

/* -------------------------------------------------------------------------------------------------- unknown options */

static bool known_elsewhere(const char *name)
{
    for (int i = 0; i < BP_OPTIONS; i++)
        if (strcmp(bp_option_table[i].name, name) == 0)
            return true;
    return bp_setting_find(name, NULL) != NULL;
}

void bp_option_unknown(const bp_command *command, const char *name, char *text, size_t capacity)
{
    const char *names[NAMES_MAX], *nearest;
    size_t count = 0;

    for (const bp_option_id *id = command->options; *id != BP_OPTIONS; id++)
        names[count++] = bp_option_table[*id].name;
    for (const char *const *key = command->settings; *key; key++)
        names[count++] = *key;
    nearest = bp_nearest_name(name, names, count);
    if (known_elsewhere(name))
        snprintf(text, capacity, "'%s' has no option --%.100s", command->name, name);
    else if (nearest)
        snprintf(text, capacity, "unknown option --%.100s; did you mean --%s?", name, nearest);
    else
        snprintf(text, capacity, "unknown option --%.100s", name);
}

/* ---------------------------------------------------------------------------------------------------------- setting */

static bool set_option(bp_arguments *arguments, const char *place, bp_option_id id, const char *text, int *code)
{
    const bp_option *option = &bp_option_table[id];

    if (!option->values && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
        *code =
            bp_say_usage(arguments->command, "%s%s%s: expected yes or no", place ? place : "--", place ? ": " : "", option->name);
        return false;
    }
    if (option->values && !*text) {
        *code = bp_say_usage(arguments->command, "%s%s%s: expected %s", place ? place : "--", place ? ": " : "", option->name,
                             option->values);
        return false;
    }
    arguments->option[id] = option->values || strcmp(text, "yes") == 0 ? text : NULL;
    return true;
}

bool bp_arguments_set(bp_arguments *arguments, const char *place, const char *name, const char *text, int *code)
{
    bp_option_id id = bp_command_option(arguments->command, name);
    bp_error error;
    char unknown[300];

    if (id != BP_OPTIONS)
        return set_option(arguments, place, id, text, code);
    if (!bp_command_uses(arguments->command, name)) {
        bp_option_unknown(arguments->command, name, unknown, sizeof unknown);
        *code = bp_say_usage(arguments->command, "%s%s%s", place ? place : "", place ? ": " : "", unknown);
        return false;
    }
    if (bp_settings_set(&arguments->settings, name, text, &error) != BP_OK) {
        *code = bp_say_usage(arguments->command, "%s%s%s", place ? place : "--", place ? ": " : "", error.text);
        return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------- command line */

typedef struct getopt_names {
    struct option names[NAMES_MAX + 1];
    char letters[2 * BP_OPTIONS + 2];
    size_t count;
} getopt_names;

static void add_name(getopt_names *line, const char *name, int has_value)
{
    line->names[line->count++] = (struct option){.name = name, .has_arg = has_value, .val = 0};
}

/* What getopt_long wants to know of a command; a ':' first makes it tell a missing value from an unknown option. */
static void describe(const bp_command *command, getopt_names *line)
{
    char *letter = line->letters;

    *letter++ = ':';
    for (const bp_option_id *id = command->options; *id != BP_OPTIONS; id++) {
        const bp_option *option = &bp_option_table[*id];
        add_name(line, option->name, option->values ? required_argument : no_argument);
        if (option->letter)
            *letter++ = option->letter;
        if (option->letter && option->values)
            *letter++ = ':';
    }
    for (const char *const *key = command->settings; *key; key++)
        add_name(line, *key, bp_setting_is_switch(bp_setting_find(*key, NULL)) ? optional_argument : required_argument);
}

static const char *name_of_letter(const bp_command *command, int letter)
{
    for (const bp_option_id *id = command->options; *id != BP_OPTIONS; id++)
        if (bp_option_table[*id].letter == letter)
            return bp_option_table[*id].name;
    return NULL;
}

/* The word of an option that getopt_long has just read. */
static const char *last_word(char **argv)
{
    return argv[optind - (optarg && optarg == argv[optind - 1] ? 2 : 1)];
}

static int refuse(const bp_command *command, int answer, char **argv)
{
    const char *word = last_word(argv);
    char unknown[300], name[128];

    if (answer == ':')
        return bp_say_usage(command, "%s: a value is needed", word);
    if (word[0] != '-' || word[1] != '-')
        return bp_say_usage(command, "unknown option -%c", optopt);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    if (bp_command_option(command, name) != BP_OPTIONS)
        return bp_say_usage(command, "--%s takes no value", name);
    bp_option_unknown(command, name, unknown, sizeof unknown);
    return bp_say_usage(command, "%s", unknown);
}

/* `--nesterov yes` as well as `--nesterov=yes` and `--nesterov`. */
static const char *switch_value(int argc, char **argv)
{
    if (optarg)
        return optarg;
    if (optind < argc && (strcmp(argv[optind], "yes") == 0 || strcmp(argv[optind], "no") == 0))
        return argv[optind++];
    return "yes";
}

/* getopt_long takes beginnings of names, and the first of several that begin so: --target is no --target-file where there is
 * only the latter. */
static bool is_whole_name(const char *name, char **argv)
{
    const char *word = last_word(argv);
    return strcspn(word + 2, "=") == strlen(name);
}

/* Walks over the options once: with `config` for --config and --help alone, and a second time for the others. */
static bool walk(bp_arguments *arguments, int argc, char **argv, bool early, int *code)
{
    const bp_command *command = arguments->command;
    getopt_names line = {.count = 0};
    int answer, index = 0;

    describe(command, &line);
    opterr = 0;
    optind = 0; /* begin again */
    while ((answer = getopt_long(argc, argv, line.letters, line.names, &index)) != -1) {
        const char *name;
        if (answer == 0 && !is_whole_name(line.names[index].name, argv))
            answer = '?';
        if (answer == '?' || answer == ':') {
            *code = refuse(command, answer, argv);
            return false;
        }
        name = answer ? name_of_letter(command, answer) : line.names[index].name;
        const char *text = answer == 0 && line.names[index].has_arg == optional_argument ? switch_value(argc, argv) : optarg;
        bool is_early = strcmp(name, "config") == 0 || strcmp(name, "help") == 0;
        if (is_early == early && !bp_arguments_set(arguments, NULL, name, text ? text : "yes", code))
            return false;
    }
    return true;
}

/* The instruction set that the environment asks for, unless the command line does. */
static bool take_environment(bp_arguments *arguments, int *code)
{
    const char *isa = getenv("BACKPROP_ISA");
    uint64_t given = arguments->settings.given;
    bp_error error;

    if (!isa || !*isa || !bp_command_uses(arguments->command, "isa") || bp_settings_given(&arguments->settings, "isa"))
        return true;
    if (bp_settings_set(&arguments->settings, "isa", isa, &error) != BP_OK) {
        *code = bp_say_usage(arguments->command, "BACKPROP_ISA: %s", error.text);
        return false;
    }
    arguments->settings.given = given;
    return true;
}

static bool take_operands(bp_arguments *arguments, int argc, char **argv, int *code)
{
    const bp_command *command = arguments->command;

    arguments->operands = argv + optind;
    arguments->operand_count = argc - optind;
    if (arguments->operand_count > command->most) {
        *code = bp_say_usage(command, "unexpected '%s'", arguments->operands[command->most]);
        return false;
    }
    if (arguments->operand_count < command->least) {
        *code = bp_say_usage(command, "expected: backprop %s %s", command->name, command->operands);
        return false;
    }
    return true;
}

bool bp_arguments_read(bp_arguments *arguments, const bp_command *command, int argc, char **argv, int *code)
{
    memset(arguments, 0, sizeof *arguments);
    arguments->command = command;
    arguments->words = argv;
    arguments->word_count = argc;
    bp_settings_init(&arguments->settings, sizeof arguments->settings);
    arguments->settings.threads = 0; /* the program has the machine for itself */
    *code = BP_EXIT_DONE;
    if (!walk(arguments, argc, argv, true, code))
        return false;
    if (arguments->option[BP_OPTION_HELP]) {
        bp_help_command(command);
        return false;
    }
    if (arguments->option[BP_OPTION_CONFIG] && !bp_config_read(arguments, arguments->option[BP_OPTION_CONFIG], code))
        return false;
    return walk(arguments, argc, argv, false, code) && take_environment(arguments, code) &&
           take_operands(arguments, argc, argv, code);
}

const char *bp_option_text(const bp_arguments *arguments, bp_option_id option)
{
    return arguments->option[option] ? arguments->option[option] : bp_option_table[option].initial;
}

void bp_arguments_free(bp_arguments *arguments)
{
    free(arguments->config);
}

size_t bp_option_list(const char *text, uint64_t least, uint64_t most, uint64_t *values, size_t capacity)
{
    size_t count = 0;

    for (;;) {
        size_t length = strcspn(text, ",");
        if (count == capacity || !bp_text_parse_u64(text, length, &values[count]) || values[count] < least || values[count] > most)
            return 0;
        count++;
        if (!text[length])
            return count;
        text += length + 1;
    }
}
