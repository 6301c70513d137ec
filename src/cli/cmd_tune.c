/* backprop tune: searches settings on a validation split, and keeps the network that did best.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "options.h"
#include "places.h"
#include "report.h"
#include "settings.h"
#include "train.h"

typedef struct tuning {
    bp_train train;
    const char *watched; /* name of the metric that trials are compared by */
    uint32_t trials;
    bp_trial *trial; /* [trials], best first */
} tuning;

/* --------------------------------------------------------------------------------------------------------------- JSON */

static json_t *json_trial(const bp_trial *trial, const char *watched)
{
    json_t *object = json_object(), *hidden = json_array();

    for (uint32_t i = 0; i < trial->hidden_count; i++)
        json_array_append_new(hidden, bp_json_count(trial->hidden[i]));
    json_object_set_new(object, "trial", bp_json_count(trial->number));
    json_object_set_new(object, "hidden", hidden);
    json_object_set_new(object, "learning_rate", bp_json_number(trial->learning_rate));
    json_object_set_new(object, "weight_decay", bp_json_number(trial->weight_decay));
    json_object_set_new(object, "dropout", bp_json_number(trial->dropout));
    json_object_set_new(object, "rung", bp_json_count(trial->rung));
    json_object_set_new(object, "epochs", bp_json_count(trial->epochs));
    json_object_set_new(object, "best_epoch", trial->best_epoch ? bp_json_count(trial->best_epoch) : json_null());
    json_object_set_new(object, "diverged", json_boolean(trial->status == BP_DIVERGED));
    json_object_set_new(object, "seconds", bp_json_number(trial->seconds));
    json_object_set_new(object, watched, bp_json_number(trial->watched));
    return object;
}

static int print_json(const tuning *t)
{
    json_t *object = json_object(), *trials = json_array();
    bp_task task = (bp_task)t->train.info.task;

    for (uint32_t i = 0; i < t->trials; i++)
        json_array_append_new(trials, json_trial(&t->trial[i], t->watched));
    json_object_set_new(object, "task", json_string(bp_task_name(task)));
    json_object_set_new(object, "metric", json_string(t->watched));
    json_object_set_new(object, "trials", trials);
    json_object_set_new(object, "layers", bp_json_layers(t->train.network));
    json_object_set_new(object, "validation", bp_json_metrics(&t->train.validation_metrics, task));
    json_object_set_new(object, "model", json_string(t->train.output));
    return bp_json_print(object);
}

/* --------------------------------------------------------------------------------------------------------------- text */

static void print_trial(const bp_trial *trial)
{
    char hidden[64] = "none";
    size_t used = 0;

    for (uint32_t i = 0; i < trial->hidden_count && used < sizeof hidden; i++)
        used += (size_t)snprintf(hidden + used, sizeof hidden - used, "%s%lu", i ? "," : "", (unsigned long)trial->hidden[i]);
    printf("%-6lu %-16s%10.3g%10.3g%10.3g%8llu%8llu", (unsigned long)trial->number, hidden, trial->learning_rate,
           trial->weight_decay, trial->dropout, (unsigned long long)trial->epochs, (unsigned long long)trial->best_epoch);
    if (trial->status == BP_DIVERGED)
        printf("%18s\n", "diverged");
    else
        printf("%18.6g\n", trial->watched);
}

static int print(const tuning *t)
{
    if (t->train.arguments->option[BP_OPTION_JSON])
        return print_json(t);
    printf("%-6s %-16s%10s%10s%10s%8s%8s%18s\n", "trial", "hidden", "rate", "decay", "dropout", "epochs", "best", t->watched);
    for (uint32_t i = 0; i < t->trials; i++)
        print_trial(&t->trial[i]);
    printf("\n%-11s ", "network");
    bp_layers_print(t->train.network);
    putchar('\n');
    bp_metrics_print("validation", &t->train.validation_metrics, (bp_task)t->train.info.task);
    printf("%-11s these are the rows that the best of %lu trials was chosen by; on others it will do somewhat worse\n", "",
           (unsigned long)t->trials);
    printf("%-11s %s\n", "model", t->train.output);
    return BP_EXIT_DONE;
}

/* -------------------------------------------------------------------------------------------------------------- whole */

static int check(tuning *t)
{
    const bp_arguments *arguments = t->train.arguments;
    const char *text = bp_option_text(arguments, BP_OPTION_TRIALS);
    uint64_t trials;
    bp_error error;

    if (!bp_option_list(text, 1, BP_TRIALS_MAX, &trials, 1))
        return bp_say_usage(arguments->command, "--trials '%.100s': expected a number from 1 to %d", text, BP_TRIALS_MAX);
    t->trials = (uint32_t)trials;
    if (arguments->settings.validation_split == 0)
        return bp_say_usage(arguments->command, "trials are compared on validation rows: --validation-split above 0");
    if (bp_settings_check(&t->train.settings, &error) != BP_OK)
        return bp_say_error(arguments, &error);
    int code = bp_places_check(arguments);
    return code == BP_EXIT_DONE ? bp_train_check_place(arguments, t->train.output) : code;
}

/* Of the last rung: they had done better than the winner, as far as they came. */
static void say_diverged(const tuning *t)
{
    for (uint32_t i = 1; i < t->trials; i++)
        if (t->trial[i].status == BP_DIVERGED && t->trial[i].rung == t->trial[0].rung)
            bp_say("trial %lu came to the last rung and diverged there; the best that did not is trial %lu",
                   (unsigned long)t->trial[i].number, (unsigned long)t->trial[0].number);
}

static int search(tuning *t)
{
    bp_train *train = &t->train;
    bp_settings best;
    bp_error error;

    t->trial = calloc(t->trials, sizeof *t->trial);
    if (!t->trial) {
        bp_say("no memory for %lu trials", (unsigned long)t->trials);
        return BP_EXIT_FAILED;
    }
    if (bp_tune(&train->settings, train->encoder, train->training.examples, bp_material_rows(&train->training),
                bp_material_rows(&train->validation), t->trials, NULL, t->trial, &best, &train->network, &error) != BP_OK)
        return bp_say_input_error(train->arguments, &error);
    train->settings = best;
    say_diverged(t);
    return BP_EXIT_DONE;
}

static int tune(tuning *t)
{
    int code = check(t);

    if (code == BP_EXIT_DONE)
        code = bp_train_read(&t->train);
    if (code == BP_EXIT_DONE)
        code = search(t);
    if (code == BP_EXIT_DONE)
        code = bp_train_save(&t->train);
    if (code == BP_EXIT_DONE)
        code = bp_train_evaluate(&t->train);
    return code == BP_EXIT_DONE ? print(t) : code;
}

static int run(bp_arguments *arguments)
{
    tuning t = {.train = {.arguments = arguments, .settings = arguments->settings}};

    int32_t metric = t.train.settings.metric;
    t.watched = bp_metric_name(metric == BP_METRIC_AUTO ? BP_METRIC_LOSS : metric);
    bp_settings_unset(&t.train.settings, "metric"); /* trials are compared by it with patience 0, too */
    t.train.output = bp_option_text(arguments, BP_OPTION_OUTPUT_MODEL);
    int code = tune(&t);
    free(t.trial);
    bp_train_close(&t.train);
    return code;
}

static const bp_option_id options[] = {BP_OPTION_OUTPUT_MODEL, BP_OPTION_TRIALS, BP_OPTION_JSON,
                                       BP_OPTION_CONFIG,       BP_OPTION_HELP,   BP_OPTIONS};

const bp_command bp_command_tune = {
    "tune",  "DATA", "searches hidden sizes, learning rate, decay and dropout, and writes the best model", 1, 1, bp_training_keys,
    options, run};
