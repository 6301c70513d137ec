/* Which files a run reads and writes, before it does either.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "places.h"

#include <string.h>
#include <sys/stat.h>

#include "message.h"
#include "options.h"

#define PLACES 16

bool bp_same_file(const char *path, const char *other)
{
    struct stat a, b;

    if (strcmp(path, other) == 0)
        return true;
    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Paths that were given, NULL among them. */
static size_t list_inputs(const bp_arguments *arguments, const char *inputs[PLACES])
{
    static const bp_option_id options[] = {BP_OPTION_TEST, BP_OPTION_TEST_TARGET_FILE, BP_OPTION_VALIDATION,
                                           BP_OPTION_VALIDATION_TARGET_FILE, BP_OPTION_CONFIG};
    size_t count = 0;

    for (int i = 0; i < arguments->operand_count; i++)
        inputs[count++] = arguments->operands[i];
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        inputs[count++] = arguments->option[options[i]];
    inputs[count++] = *arguments->settings.target_file ? arguments->settings.target_file : NULL;
    return count;
}

static int check_output(const bp_arguments *arguments, const char *output, const char *const *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (inputs[i] && bp_same_file(output, inputs[i]))
            return bp_say_usage(arguments->command, "%s is read, and would be replaced by a result", inputs[i]);
    return BP_EXIT_DONE;
}

static int check_standard_input(const bp_arguments *arguments, const char *const *inputs, size_t count)
{
    int readers = 0;

    for (size_t i = 0; i < count; i++)
        readers += inputs[i] && strcmp(inputs[i], "-") == 0;
    return readers > 1 ? bp_say_usage(arguments->command, "standard input can be read only once") : BP_EXIT_DONE;
}

/* The file that results go to; NULL: standard output. */
static const char *output_of(const bp_arguments *arguments)
{
    const char *path;

    if (bp_command_has(arguments->command, BP_OPTION_OUTPUT_MODEL))
        return bp_option_text(arguments, BP_OPTION_OUTPUT_MODEL);
    if (arguments->option[BP_OPTION_OUTPUT_EXPORT])
        return arguments->option[BP_OPTION_OUTPUT_EXPORT];
    if (arguments->option[BP_OPTION_OUTPUT_BPD])
        return arguments->option[BP_OPTION_OUTPUT_BPD];
    path = arguments->option[BP_OPTION_OUTPUT_CSV];
    return path && strcmp(path, "-") != 0 ? path : NULL;
}

/* Records of the run, and what else is written. */
static int check_record(const bp_arguments *arguments, const char *record, const char *const *inputs, size_t count)
{
    static const bp_option_id others[] = {BP_OPTION_CHECKPOINT, BP_OPTION_LOG, BP_OPTION_WRITE_CONFIG, BP_OPTION_FROM};
    const char *output = output_of(arguments);

    if (!record)
        return BP_EXIT_DONE;
    if (output && bp_same_file(record, output))
        return bp_say_usage(arguments->command, "%s cannot be both the model and a record of the run", record);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (arguments->option[others[i]] && arguments->option[others[i]] != record &&
            bp_same_file(record, arguments->option[others[i]]))
            return bp_say_usage(arguments->command, "%s cannot be both the file of --%s and a record of the run", record,
                                bp_option_table[others[i]].name);
    return check_output(arguments, record, inputs, count);
}

int bp_places_check(const bp_arguments *arguments)
{
    const char *inputs[PLACES], *output = output_of(arguments), *checkpoint = arguments->option[BP_OPTION_CHECKPOINT],
                                *from = arguments->option[BP_OPTION_FROM];
    static const bp_option_id records[] = {BP_OPTION_LOG, BP_OPTION_WRITE_CONFIG};
    size_t count = list_inputs(arguments, inputs);
    int code = check_standard_input(arguments, inputs, count);

    if (code == BP_EXIT_DONE && output)
        code = check_output(arguments, output, inputs, count);
    if (code == BP_EXIT_DONE && checkpoint)
        code = check_output(arguments, checkpoint, inputs, count);
    for (size_t i = 0; code == BP_EXIT_DONE && i < sizeof records / sizeof *records; i++)
        code = check_record(arguments, arguments->option[records[i]], inputs, count);
    if (code == BP_EXIT_DONE && checkpoint && output && bp_same_file(checkpoint, output))
        code = bp_say_usage(arguments->command, "%s cannot be both the model and the checkpoint", checkpoint);
    if (code == BP_EXIT_DONE && checkpoint && from && bp_same_file(checkpoint, from))
        code = bp_say_usage(arguments->command, "%s cannot be both the checkpoint and the model of --from", checkpoint);
    return code;
}
