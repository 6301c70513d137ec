/* backprop cv: how well networks do on rows that they have not seen, by k-fold cross-validation.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evaluation_report.h"
#include "message.h"
#include "options.h"
#include "places.h"
#include "report.h"
#include "train.h"

typedef struct validation {
    const bp_arguments *arguments;
    bp_dataset *dataset;
    uint32_t folds;
    bp_fold_result *fold; /* [folds] */
} validation;

static bool has_metric(const validation *v, int metric, bp_mean *model, bp_mean *baseline)
{
    bp_folds_mean(v->fold, v->folds, metric, model, baseline);
    return !isnan(model->mean);
}

/* --------------------------------------------------------------------------------------------------------------- JSON */

static json_t *json_mean(const bp_mean *mean)
{
    json_t *object = json_object();

    json_object_set_new(object, "mean", bp_json_number(mean->mean));
    json_object_set_new(object, "standard_error", bp_json_number(mean->error));
    return object;
}

static json_t *json_metrics(const validation *v)
{
    json_t *object = json_object();
    bp_mean model, baseline;

    for (int metric = BP_METRIC_LOSS; metric < BP_METRICS; metric++)
        if (has_metric(v, metric, &model, &baseline)) {
            json_t *entry = json_mean(&model);
            if (!isnan(baseline.mean))
                json_object_set_new(entry, "baseline", json_mean(&baseline));
            json_object_set_new(object, bp_metric_name(metric), entry);
        }
    return object;
}

static json_t *json_fold(const bp_fold_result *fold)
{
    json_t *object = json_object();

    json_object_set_new(object, "training_rows", bp_json_count(fold->training_rows));
    json_object_set_new(object, "validation_rows", bp_json_count(fold->validation_rows));
    json_object_set_new(object, "test_rows", bp_json_count(fold->test_rows));
    json_object_set_new(object, "epochs", bp_json_count(fold->epochs));
    json_object_set_new(object, "best_epoch", fold->best_epoch ? bp_json_count(fold->best_epoch) : json_null());
    json_object_set_new(object, "seconds", bp_json_number(fold->seconds));
    bp_json_scores(object, &fold->scores);
    return object;
}

static int print_json(const validation *v)
{
    json_t *object = json_object(), *folds = json_array();

    for (uint32_t f = 0; f < v->folds; f++)
        json_array_append_new(folds, json_fold(&v->fold[f]));
    json_object_set_new(object, "rows", bp_json_count(bp_dataset_rows(v->dataset)));
    json_object_set_new(object, "metrics", json_metrics(v));
    json_object_set_new(object, "folds", folds);
    return bp_json_print(object);
}

/* --------------------------------------------------------------------------------------------------------------- text */

static void print_text(const validation *v)
{
    bp_mean model, baseline;

    printf("%-20s%12s%12s%12s%12s\n", "", "mean", "std. error", "baseline", "std. error");
    for (int metric = BP_METRIC_LOSS; metric < BP_METRICS; metric++)
        if (has_metric(v, metric, &model, &baseline)) {
            printf("%-20s%12.5g%12.2g", bp_metric_name(metric), model.mean, model.error);
            if (!isnan(baseline.mean))
                printf("%12.5g%12.2g  %s", baseline.mean, baseline.error, bp_baseline_name(metric));
            putchar('\n');
        }
    printf("\n%-8s%10s%12s%10s%10s%10s%10s\n", "fold", "training", "validation", "test", "epochs", "best", "seconds");
    for (uint32_t f = 0; f < v->folds; f++) {
        const bp_fold_result *fold = &v->fold[f];
        printf("%-8lu%10llu%12llu%10llu%10llu%10llu%10.2f\n", (unsigned long)f + 1, (unsigned long long)fold->training_rows,
               (unsigned long long)fold->validation_rows, (unsigned long long)fold->test_rows, (unsigned long long)fold->epochs,
               (unsigned long long)fold->best_epoch, fold->seconds);
    }
}

/* -------------------------------------------------------------------------------------------------------------- whole */

static int check(validation *v)
{
    const bp_arguments *arguments = v->arguments;
    uint64_t folds;
    bp_error error;

    if (!bp_option_list(bp_option_text(arguments, BP_OPTION_FOLDS), 2, BP_FOLDS_MAX, &folds, 1))
        return bp_say_usage(arguments->command, "--folds '%.100s': expected a number from 2 to %d",
                            bp_option_text(arguments, BP_OPTION_FOLDS), BP_FOLDS_MAX);
    v->folds = (uint32_t)folds;
    if (bp_settings_check(&arguments->settings, &error) != BP_OK)
        return bp_say_error(arguments, &error);
    int code = bp_train_check_validation(arguments, false);
    return code == BP_EXIT_DONE ? bp_places_check(arguments) : code;
}

static int validate(validation *v)
{
    const bp_arguments *arguments = v->arguments;
    bp_error error;

    v->fold = calloc(v->folds, sizeof *v->fold);
    if (!v->fold) {
        bp_say("no memory for %lu folds", (unsigned long)v->folds);
        return BP_EXIT_FAILED;
    }
    if (bp_dataset_read(arguments->operands[0], &arguments->settings, BP_NEED_TARGET, NULL, &v->dataset, &error) != BP_OK ||
        bp_cross_validate(v->dataset, &arguments->settings, v->folds, NULL, v->fold, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    if (arguments->option[BP_OPTION_JSON])
        return print_json(v);
    print_text(v);
    return BP_EXIT_DONE;
}

static int run(bp_arguments *arguments)
{
    validation v = {.arguments = arguments};
    int code = check(&v);

    if (code == BP_EXIT_DONE)
        code = validate(&v);
    free(v.fold);
    bp_dataset_free(v.dataset);
    return code;
}

static const bp_option_id options[] = {BP_OPTION_FOLDS, BP_OPTION_JSON, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_cv = {
    "cv", "DATA", "trains on all folds but one and judges on that one, each in turn", 1, 1, bp_training_keys, options, run};
