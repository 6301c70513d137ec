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
    bp_dataset *dataset;
    bp_error error;
    int code = check(arguments);

    if (code != BP_EXIT_DONE)
        return code;
    if (bp_dataset_read(arguments->operands[0], &arguments->settings, 1, NULL, &dataset, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    if (bp_dataset_pack(dataset, path, &error) != BP_OK)
        code = bp_say_error(arguments, &error);
    else if (!arguments->option[BP_OPTION_QUIET])
        bp_say("%s: %llu rows, %llu columns", path, (unsigned long long)bp_dataset_rows(dataset),
               (unsigned long long)bp_dataset_columns(dataset));
    bp_dataset_free(dataset);
    return code;
}

static const char *const settings[] = {"target-file", "categorical", "header", "delimiter", "decimal", "missing", "threads", NULL};
static const bp_option_id options[] = {BP_OPTION_OUTPUT_BPD, BP_OPTION_QUIET, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_pack = {"pack",  "DATA", "raw data as a .bpd file, which is read quickly, and in parts", 1, 1, settings,
                                    options, run};
