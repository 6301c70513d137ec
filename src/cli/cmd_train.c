/* backprop train: from a file of examples to a model.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "message.h"
#include "options.h"
#include "places.h"
#include "settings.h"
#include "text.h"
#include "train.h"

/* ----------------------------------------------------------------------------------------------------- checks before */

/* Nobody wants to hear after the training that its result has no place. */
int bp_train_check_place(const bp_arguments *arguments, const char *path)
{
    struct stat status;
    char copy[PATH_MAX];
    const char *folder;

    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return bp_say_usage(arguments->command, "path of %zu bytes, at most %zu", strlen(path), sizeof copy - 1);
    if (lstat(path, &status) == 0) { /* a link's file is replaced where it is */
        if (!realpath(path, copy) || stat(copy, &status) != 0 || !S_ISREG(status.st_mode))
            return bp_say_usage(arguments->command, "%s: is no regular file, and will not be replaced", path);
    } else if (errno != ENOENT) {
        bp_say("%s: cannot be written: %s", path, strerror(errno));
        return BP_EXIT_FAILED;
    }
    folder = dirname(copy);
    if (access(folder, W_OK | X_OK) == 0)
        return BP_EXIT_DONE;
    bp_say("%s: nothing can be written in %s: %s", path, folder, strerror(errno));
    return BP_EXIT_FAILED;
}

/* "1epoch", "500steps", "60s" */
static bool read_every(const char *text, bp_every *every)
{
    size_t digits = strspn(text, "0123456789.");
    const char *unit = text + digits;
    uint64_t count;
    double seconds;

    if (strcmp(unit, "s") == 0) {
        if (!bp_text_parse_f64(text, digits, &seconds) || seconds <= 0 || seconds > 1e9)
            return false;
        *every = (bp_every){.seconds = seconds};
        return true;
    }
    if (!bp_text_parse_u64(text, digits, &count) || count == 0)
        return false;
    if (strcmp(unit, "epoch") == 0 || strcmp(unit, "epochs") == 0)
        *every = (bp_every){.epochs = count};
    else if (strcmp(unit, "step") == 0 || strcmp(unit, "steps") == 0)
        *every = (bp_every){.steps = count};
    else
        return false;
    return true;
}

int bp_train_check_validation(const bp_arguments *arguments, bool file)
{
    const bp_settings *settings = &arguments->settings;

    if (file && bp_settings_given(settings, "validation-split"))
        return bp_say_usage(arguments->command, "--validation-split has no effect with --validation");
    if (file || settings->validation_split > 0)
        return BP_EXIT_DONE;
    if (bp_settings_given(settings, "patience") && settings->patience > 0)
        return bp_say_usage(arguments->command, "--patience has no effect without validation rows");
    if (bp_settings_given(settings, "metric"))
        return bp_say_usage(arguments->command, "--metric has no effect without validation rows");
    return BP_EXIT_DONE;
}

/* Options that need another one beside them. */
static int check_pairs(const bp_arguments *arguments)
{
    static const bp_option_id pairs[][2] = {{BP_OPTION_RESUME, BP_OPTION_CHECKPOINT},
                                            {BP_OPTION_CHECKPOINT_EVERY, BP_OPTION_CHECKPOINT},
                                            {BP_OPTION_TEST_TARGET_FILE, BP_OPTION_TEST},
                                            {BP_OPTION_VALIDATION_TARGET_FILE, BP_OPTION_VALIDATION},
                                            {BP_OPTION_LOG_EVERY, BP_OPTION_LOG}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (arguments->option[pairs[i][0]] && !arguments->option[pairs[i][1]])
            return bp_say_usage(arguments->command, "--%s needs --%s", bp_option_table[pairs[i][0]].name,
                                bp_option_table[pairs[i][1]].name);
    if (arguments->settings.group[0] && (arguments->option[BP_OPTION_VALIDATION] || arguments->settings.validation_split == 0))
        return bp_say_usage(arguments->command,
                            "--group has no effect where no rows are split; --ignore-columns leaves a column out");
    if (arguments->option[BP_OPTION_LOG_EVERY] && bp_settings_full_batch(&arguments->settings))
        return bp_say_usage(arguments->command, "--log-every has no effect with lbfgs and rprop: an iteration is an epoch");
    return bp_train_check_validation(arguments, arguments->option[BP_OPTION_VALIDATION] != NULL);
}

static int check(bp_train *train)
{
    const bp_arguments *arguments = train->arguments;
    const char *every = bp_option_text(arguments, BP_OPTION_CHECKPOINT_EVERY),
               *checkpoint = arguments->option[BP_OPTION_CHECKPOINT], *log_every = arguments->option[BP_OPTION_LOG_EVERY];
    bp_error error;
    int code;

    if (bp_settings_check(&train->settings, &error) != BP_OK)
        return bp_say_error(arguments, &error);
    code = check_pairs(arguments);
    if (code == BP_EXIT_DONE && log_every && !bp_option_list(log_every, 1, UINT64_MAX, &train->log_every, 1))
        code = bp_say_usage(arguments->command, "--log-every '%.100s': expected a number of steps", log_every);
    if (code == BP_EXIT_DONE && !read_every(every, &train->every))
        code = bp_say_usage(arguments->command, "--checkpoint-every '%.100s': expected 1epoch, 500steps or 60s", every);
    if (code == BP_EXIT_DONE)
        code = bp_places_check(arguments);
    if (code == BP_EXIT_DONE)
        code = bp_train_check_place(arguments, train->output);
    if (code == BP_EXIT_DONE && checkpoint)
        code = bp_train_check_place(arguments, checkpoint);
    if (code == BP_EXIT_DONE && arguments->option[BP_OPTION_WRITE_CONFIG])
        code = bp_train_check_place(arguments, arguments->option[BP_OPTION_WRITE_CONFIG]);
    return code;
}

/* ------------------------------------------------------------------------------------------------------------- whole */

int bp_train_save(const bp_train *train)
{
    bp_error error;

    if (bp_model_save(train->output, train->network, train->encoder, &train->settings, &error) == BP_OK)
        return BP_EXIT_DONE;
    return bp_say_error(train->arguments, &error);
}

static int train_network(bp_train *train)
{
    int code = check(train);

    if (code == BP_EXIT_DONE)
        code = bp_train_read(train);
    if (code == BP_EXIT_DONE)
        code = bp_train_write_config(train);
    if (code == BP_EXIT_DONE)
        code = bp_train_log_open(train);
    if (code == BP_EXIT_DONE)
        code = bp_train_fit(train);
    if (code == BP_EXIT_DONE)
        code = bp_train_save(train);
    if (code == BP_EXIT_DONE)
        code = bp_train_evaluate(train);
    return code == BP_EXIT_DONE ? bp_train_report(train) : code;
}

void bp_train_close(bp_train *train)
{
    bp_trainer_free(train->trainer);
    bp_network_free(train->network);
    bp_encoder_free(train->encoder);
    bp_material_free(&train->test);
    bp_material_free(&train->validation);
    bp_material_free(&train->training);
}

static int run(bp_arguments *arguments)
{
    bp_train train = {.arguments = arguments, .settings = arguments->settings};
    int code;

    train.output = bp_option_text(arguments, BP_OPTION_OUTPUT_MODEL);
    bp_interrupt_watch();
    code = bp_train_log_end(&train, train_network(&train));
    bp_train_close(&train);
    return code;
}

const char *const bp_training_keys[] = {"target",
                                        "target-file",
                                        "ignore-columns",
                                        "weight-column",
                                        "group",
                                        "categorical",
                                        "header",
                                        "delimiter",
                                        "decimal",
                                        "missing",
                                        "max-index",
                                        "scale",
                                        "task",
                                        "validation-split",
                                        "hidden",
                                        "activation",
                                        "loss",
                                        "init-scheme",
                                        "optimizer",
                                        "nesterov",
                                        "schedule",
                                        "learning-rate",
                                        "momentum",
                                        "beta1",
                                        "beta2",
                                        "epsilon",
                                        "alpha",
                                        "weight-decay",
                                        "l1",
                                        "huber-delta",
                                        "quantile",
                                        "clip-norm",
                                        "batch-size",
                                        "accumulate",
                                        "epochs",
                                        "patience",
                                        "metric",
                                        "shuffle",
                                        "seed",
                                        "max-categories",
                                        "threads",
                                        "exact-threads",
                                        "precision",
                                        "gradient",
                                        "isa",
                                        "dropout",
                                        "label-smoothing",
                                        "class-weight",
                                        "missing-targets",
                                        "memory",
                                        NULL};

static const bp_option_id options[] = {BP_OPTION_OUTPUT_MODEL,
                                       BP_OPTION_TEST,
                                       BP_OPTION_TEST_TARGET_FILE,
                                       BP_OPTION_VALIDATION,
                                       BP_OPTION_VALIDATION_TARGET_FILE,
                                       BP_OPTION_FROM,
                                       BP_OPTION_CHECKPOINT,
                                       BP_OPTION_CHECKPOINT_EVERY,
                                       BP_OPTION_RESUME,
                                       BP_OPTION_LOG,
                                       BP_OPTION_LOG_EVERY,
                                       BP_OPTION_WRITE_CONFIG,
                                       BP_OPTION_JSON,
                                       BP_OPTION_QUIET,
                                       BP_OPTION_NO_PROGRESS,
                                       BP_OPTION_CONFIG,
                                       BP_OPTION_HELP,
                                       BP_OPTIONS};

const bp_command bp_command_train = {"train", "DATA", "fits a network and writes a model", 1, 1, bp_training_keys, options, run};
