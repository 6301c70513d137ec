/* --config files, as `backprop train` reads them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "memory_files.h"
#include "options.h"
#include "tensors.h"
#include "train.h"

static bool read_config(bp_arguments *arguments, const char *name)
{
    int code = BP_EXIT_DONE;

    memset(arguments, 0, sizeof *arguments);
    arguments->command = &bp_command_train;
    bp_settings_init(&arguments->settings, sizeof arguments->settings);
    bool accepted = bp_config_read(arguments, name, &code);
    if (accepted != (code == BP_EXIT_DONE) || (!accepted && code != BP_EXIT_USAGE && code != BP_EXIT_BAD_INPUT))
        fuzz_die("%s: exit code %d", name, code);
    return accepted;
}

static void write_config(bp_arguments *arguments, const char *name)
{
    bp_train train = {.arguments = arguments, .settings = arguments->settings};

    arguments->option[BP_OPTION_WRITE_CONFIG] = name;
    if (bp_train_write_config(&train) != BP_EXIT_DONE)
        fuzz_die("%s cannot be written", name);
}

/* What the settings themselves refuse no run gets to write. */
static void check_round_trip(bp_arguments *once)
{
    bp_arguments twice;

    if (bp_settings_check(&once->settings, NULL) != BP_OK)
        return;
    write_config(once, "once.config");
    if (!read_config(&twice, "once.config"))
        fuzz_die("what was written is not read");
    write_config(&twice, "twice.config");
    tensors_must_be_same("once.config", "twice.config");
    bp_arguments_free(&twice);
}

static bool run(const unsigned char *bytes, size_t size)
{
    static FILE *silence;
    bp_arguments arguments;

    if (!silence && (silence = fopen("/dev/null", "w")))
        stderr = silence; /* messages are not what is looked at */
    memory_files_put("in.config", bytes, size);
    bool accepted = read_config(&arguments, "in.config");
    if (accepted)
        check_round_trip(&arguments);
    bp_arguments_free(&arguments);
    return accepted;
}

const fuzz_target fuzz_config = {.name = "config", .factor = 3, .constant = (size_t)1 << 20, .run = run};
