/* backprop pack: data of any kind -> a .bpd file.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "places.h"

static int check(const bp_arguments *arguments)
{
    const char *path = arguments->option[BP_OPTION_OUTPUT_BPD];
    size_t length = path ? strlen(path) : 0;

    if (!path)
        return bp_say_usage(arguments->command, "-o FILE.bpd is needed");
    if (length < 4 || strcmp(path + length - 4, ".bpd") != 0)
        return bp_say_usage(arguments->command, "-o %s: the name must end in .bpd, by which the file is known", path);
    return bp_places_check(arguments);
}

static int run(bp_arguments *arguments)
{
    const char *path = arguments->option[BP_OPTION_OUTPUT_BPD];
    bp_pack_counts packed = {0};
    bp_error error;
    int code = check(arguments);

    if (code != BP_EXIT_DONE)
        return code;
    if (bp_pack(arguments->operands[0], &arguments->settings, path, NULL, &packed, &error) != BP_OK)
        return packed.rows && error.status == BP_IO ? bp_say_error(arguments, &error) : bp_say_input_error(arguments, &error);
    if (!arguments->option[BP_OPTION_QUIET])
        bp_say("%s: %llu row%s, %llu column%s", path, (unsigned long long)packed.rows, packed.rows == 1 ? "" : "s",
               (unsigned long long)packed.columns, packed.columns == 1 ? "" : "s");
    return code;
}

static const char *const settings[] = {"target-file", "categorical", "header", "delimiter", "decimal", "missing", "threads", NULL};
static const bp_option_id options[] = {BP_OPTION_OUTPUT_BPD, BP_OPTION_QUIET, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_pack = {
    "pack",  "DATA", "raw data, CSV and NPY of C order also beyond memory, as a .bpd file, which is read quickly, and in parts",
    1,       1,      settings,
    options, run};
