/* The log of a run: a JSON object a line, each written as soon as it is known.
 *
 *      {"event":"begin", ... "config":{...}}      what runs: data, network, and all that the result depends on
 *      {"event":"epoch","epoch":1, ...}           train loss, learning rate, validation metrics
 *      {"event":"step","step":100, ...}           with --log-every 100
 *      {"event":"end","outcome":"done", ...}
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options.h"
#include "report.h"
#include "train.h"

static void give_up(bp_train *train, int reason)
{
    bp_say("%s: the log cannot be written%s%s; training goes on without it", train->arguments->option[BP_OPTION_LOG],
           reason ? ": " : "", reason ? strerror(reason) : "");
    if (train->log)
        fclose(train->log);
    train->log = NULL;
    train->log_failed = true;
}

/* Takes the reference. */
static void write_line(bp_train *train, json_t *object)
{
    char *text = bp_json_text(object, 0);

    errno = 0;
    if (!text)
        give_up(train, ENOMEM);
    else if (fprintf(train->log, "%s\n", text) < 0 || fflush(train->log) != 0)
        give_up(train, errno);
    free(text);
}

int bp_train_log_open(bp_train *train)
{
    const bp_arguments *arguments = train->arguments;
    const char *path = arguments->option[BP_OPTION_LOG];

    if (!path)
        return BP_EXIT_DONE;
    train->log = fopen(path, arguments->option[BP_OPTION_RESUME] ? "ae" : "we");
    if (train->log)
        return BP_EXIT_DONE;
    bp_say("%s: cannot be written: %s", path, strerror(errno));
    return BP_EXIT_FAILED;
}

void bp_train_log_begin(bp_train *train)
{
    json_t *object;

    if (!train->log)
        return;
    object = json_object();
    json_object_set_new(object, "event", json_string("begin"));
    json_object_set_new(object, "version", json_string(bp_version()));
    json_object_set_new(object, "data", json_string(train->arguments->operands[0]));
    json_object_set_new(object, "resumed", json_boolean(train->resumed));
    json_object_set_new(object, "task", json_string(bp_task_name((bp_task)train->info.task)));
    json_object_set_new(object, "layers", bp_json_layers(train->network));
    json_object_set_new(object, "parameters", bp_json_count(bp_network_parameters(train->network)));
    json_object_set_new(object, "training_rows", bp_json_count(train->training.count));
    json_object_set_new(object, "validation_rows", bp_json_count(train->validation.count));
    json_object_set_new(object, "threads", bp_json_count(bp_trainer_threads(train->trainer)));
    json_object_set_new(object, "isa", json_string(bp_trainer_isa(train->trainer)));
    json_object_set_new(object, "model", json_string(train->output));
    json_object_set_new(object, "config", bp_train_config(train));
    write_line(train, object);
}

static json_t *progress_object(const bp_train *train, const char *event, const bp_progress *progress)
{
    json_t *object = json_object();

    json_object_set_new(object, "event", json_string(event));
    json_object_set_new(object, "epoch", bp_json_count(progress->epoch));
    json_object_set_new(object, "step", bp_json_count(progress->step));
    json_object_set_new(object, "examples", bp_json_count(progress->examples));
    json_object_set_new(object, "seconds", bp_json_number(progress->seconds));
    json_object_set_new(object, "learning_rate", bp_json_number(progress->learning_rate));
    json_object_set_new(object, "train_loss", bp_json_number(progress->train_loss));
    if (strcmp(event, "step") != 0) {
        json_object_set_new(object, "best_epoch", progress->best_epoch ? bp_json_count(progress->best_epoch) : json_null());
        json_object_set_new(object, "validation", bp_json_metrics(&progress->validation, (bp_task)train->info.task));
    }
    return object;
}

void bp_train_log_progress(bp_train *train, const char *event, const bp_progress *progress)
{
    if (train->log)
        write_line(train, progress_object(train, event, progress));
}

static const char *outcome_of(int code)
{
    switch (code) {
    case BP_EXIT_DONE:
        return "done";
    case BP_EXIT_DIVERGED:
        return "diverged";
    case BP_EXIT_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

int bp_train_log_end(bp_train *train, int code)
{
    if (train->log) {
        json_t *object = progress_object(train, "end", &train->progress);
        json_object_set_new(object, "outcome", json_string(outcome_of(code)));
        json_object_set_new(object, "test", bp_json_metrics(&train->test_metrics, (bp_task)train->info.task));
        write_line(train, object);
    }
    errno = 0;
    if (train->log && fclose(train->log) != 0) {
        train->log = NULL;
        give_up(train, errno);
    }
    return code == BP_EXIT_DONE && train->log_failed ? BP_EXIT_FAILED : code;
}
