/* What a training run tells at its end.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "message.h"
#include "progress.h"
#include "report.h"
#include "train.h"

static bp_status evaluate(const bp_train *train, bp_workspace *workspace, const bp_material *material, bp_metrics *metrics,
                          bp_error *error)
{
    const bp_examples *examples = material->examples ? material->examples : train->training.examples;

    if (material->count == 0)
        return BP_OK;
    return bp_network_evaluate(train->network, workspace, train->encoder, examples, bp_material_rows(material), metrics, error);
}

int bp_train_evaluate(bp_train *train)
{
    bp_workspace *workspace;
    bp_error error;
    bp_status status;

    status = bp_workspace_create(train->network, train->settings.threads, (bp_isa)train->settings.isa, NULL, &workspace, &error);
    if (status != BP_OK)
        return bp_say_error(train->arguments, &error);
    status = evaluate(train, workspace, &train->validation, &train->validation_metrics, &error);
    if (status == BP_OK)
        status = evaluate(train, workspace, &train->test, &train->test_metrics, &error);
    bp_workspace_free(workspace);
    return status == BP_OK ? BP_EXIT_DONE : bp_say_error(train->arguments, &error);
}

static int print_json(const bp_train *train)
{
    const bp_progress *progress = &train->progress;
    bp_task task = (bp_task)train->info.task;
    json_t *object = json_object();
    char precision[32] = "";

    bp_settings_get(&train->settings, "precision", precision, sizeof precision, NULL);
    json_object_set_new(object, "task", json_string(bp_task_name(task)));
    json_object_set_new(object, "layers", bp_json_layers(train->network));
    json_object_set_new(object, "parameters", bp_json_count(bp_network_parameters(train->network)));
    json_object_set_new(object, "epochs", bp_json_count(progress->epoch));
    json_object_set_new(object, "best_epoch", progress->best_epoch ? bp_json_count(progress->best_epoch) : json_null());
    json_object_set_new(object, "steps", bp_json_count(progress->step));
    json_object_set_new(object, "examples", bp_json_count(progress->examples));
    json_object_set_new(object, "seconds", bp_json_number(progress->seconds));
    json_object_set_new(object, "examples_per_second", bp_json_number(bp_progress_rate(progress, &train->first)));
    json_object_set_new(object, "threads", bp_json_count(train->threads));
    json_object_set_new(object, "isa", json_string(train->isa));
    json_object_set_new(object, "precision", json_string(precision));
    json_object_set_new(object, "peak_memory_bytes", bp_json_count(bp_peak_memory()));
    json_object_set_new(object, "train_loss", bp_json_number(progress->train_loss));
    json_object_set_new(object, "validation", bp_json_metrics(&train->validation_metrics, task));
    json_object_set_new(object, "test", bp_json_metrics(&train->test_metrics, task));
    json_object_set_new(object, "model", json_string(train->output));
    return bp_json_print(object);
}

static void print_text(const bp_train *train)
{
    const bp_progress *progress = &train->progress;
    bp_task task = (bp_task)train->info.task;

    printf("%-11s %s", "task", bp_task_name(task));
    if (train->info.classes)
        printf(", %lu classes", (unsigned long)train->info.classes);
    printf("\n%-11s ", "network");
    bp_layers_print(train->network);
    printf(", %llu parameters\n", (unsigned long long)bp_network_parameters(train->network));
    printf("%-11s %llu epoch%s, %llu step%s, %.1f s, %.0f examples/s, threads: %lu, %s\n", "training",
           (unsigned long long)progress->epoch, progress->epoch == 1 ? "" : "s", (unsigned long long)progress->step,
           progress->step == 1 ? "" : "s", progress->seconds, bp_progress_rate(progress, &train->first),
           (unsigned long)train->threads, train->isa);
    if (progress->best_epoch)
        printf("%-11s epoch %llu\n", "best", (unsigned long long)progress->best_epoch);
    printf("%-11s loss %.4g in the last epoch\n", "train", progress->train_loss);
    bp_metrics_print("validation", &train->validation_metrics, task);
    bp_metrics_print("test", &train->test_metrics, task);
    printf("%-11s %s\n", "model", train->output);
}

int bp_train_report(const bp_train *train)
{
    if (train->arguments->option[BP_OPTION_JSON])
        return print_json(train);
    if (!train->arguments->option[BP_OPTION_QUIET])
        print_text(train);
    return BP_EXIT_DONE;
}
