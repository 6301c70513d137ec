/* SPDX-License-Identifier: Apache-2.0 */
#include "evaluation_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "report.h"
#include "shown.h"
#include "size.h"

#define CLASSES_LISTED 1000 /* in JSON: a confusion matrix of more has a million numbers */
#define CLASSES_PRINTED 50
#define CLASSES_ACROSS 12 /* of a confusion matrix on a terminal of 132 columns */
#define NAME_WIDTH 20

static const char *const quantile_names[] = {"error_5", "error_25", "error_50", "error_75", "error_95"};

/* --------------------------------------------------------------------------------------------------------------- JSON */

void bp_json_scores(json_t *object, const bp_scores *scores)
{
    char name[48];

    for (int i = BP_METRIC_LOSS; i < BP_METRICS; i++) {
        if (!isnan(scores->model[i]))
            json_object_set_new(object, bp_metric_name(i), bp_json_number(scores->model[i]));
        snprintf(name, sizeof name, "baseline_%s", bp_metric_name(i));
        if (!isnan(scores->baseline[i]))
            json_object_set_new(object, name, bp_json_number(scores->baseline[i]));
    }
}

/* The name of a class, or of the output whose yes it is. */
static const char *class_name(const bp_encoder *encoder, uint32_t index)
{
    const char *name = bp_encoder_class(encoder, index);
    return name ? name : bp_encoder_target(encoder, index);
}

static json_t *json_class(const bp_class_scores *c, const char *name)
{
    json_t *object = json_object();

    json_object_set_new(object, "class", json_string(name));
    json_object_set_new(object, "rows", bp_json_count(c->rows));
    json_object_set_new(object, "predicted", bp_json_count(c->predicted));
    json_object_set_new(object, "right", bp_json_count(c->right));
    json_object_set_new(object, "precision", bp_json_number(c->precision));
    json_object_set_new(object, "recall", bp_json_number(c->recall));
    json_object_set_new(object, "f1", bp_json_number(c->f1));
    json_object_set_new(object, "auc", bp_json_number(c->auc));
    json_object_set_new(object, "baseline_precision", bp_json_number(c->baseline_precision));
    json_object_set_new(object, "baseline_recall", bp_json_number(c->baseline_recall));
    json_object_set_new(object, "baseline_f1", bp_json_number(c->baseline_f1));
    return object;
}

static json_t *json_classes(const bp_evaluation *evaluation, const bp_encoder *encoder)
{
    json_t *array = json_array();
    bp_class_scores scores;

    for (uint32_t i = 0; bp_evaluation_class(evaluation, i, &scores, NULL) == BP_OK; i++)
        json_array_append_new(array, json_class(&scores, class_name(encoder, i)));
    return array;
}

/* [classes, classes], from malloc; NULL where there is none to tell of, or, which is said, no memory. */
static uint64_t *confusion_of(const bp_evaluation *evaluation, uint32_t most)
{
    uint32_t classes = bp_evaluation_classes(evaluation);

    if (!classes || classes > most)
        return NULL;
    uint64_t *counts = malloc(sizeof *counts * classes * classes);
    if (!counts)
        bp_say("no memory to tell which of %lu classes were taken for which", (unsigned long)classes);
    if (counts && bp_evaluation_confusion(evaluation, counts, NULL) != BP_OK) {
        free(counts);
        return NULL;
    }
    return counts;
}

static json_t *json_confusion(const bp_evaluation *evaluation)
{
    uint32_t classes = bp_evaluation_classes(evaluation);
    uint64_t *counts = confusion_of(evaluation, CLASSES_LISTED);

    if (!counts)
        return json_null();
    json_t *matrix = json_array();
    for (uint32_t i = 0; i < classes; i++) {
        json_t *line = json_array();
        for (uint32_t j = 0; j < classes; j++)
            json_array_append_new(line, bp_json_count(counts[(size_t)i * classes + j]));
        json_array_append_new(matrix, line);
    }
    free(counts);
    return matrix;
}

static json_t *json_output(const bp_number_scores *o, const char *name)
{
    json_t *object = json_object(), *baseline = json_object();

    json_object_set_new(object, "target", json_string(name));
    json_object_set_new(object, "rmse", bp_json_number(o->rmse));
    json_object_set_new(object, "mae", bp_json_number(o->mae));
    json_object_set_new(object, "r2", bp_json_number(o->r2));
    json_object_set_new(object, "mean_error", bp_json_number(o->mean_error));
    json_object_set_new(baseline, "mean", bp_json_number(o->mean));
    json_object_set_new(baseline, "median", bp_json_number(o->median));
    json_object_set_new(baseline, "rmse", bp_json_number(o->baseline_rmse));
    json_object_set_new(baseline, "mae", bp_json_number(o->baseline_mae));
    for (int q = 0; q < 5; q++) {
        json_object_set_new(object, quantile_names[q], bp_json_number(o->quantile[q]));
        json_object_set_new(baseline, quantile_names[q], bp_json_number(o->baseline_quantile[q]));
    }
    json_object_set_new(object, "baseline", baseline);
    return object;
}

static json_t *json_outputs(const bp_evaluation *evaluation, const bp_encoder *encoder)
{
    json_t *array = json_array();
    bp_number_scores scores;

    for (uint32_t i = 0; bp_evaluation_output(evaluation, i, &scores, NULL) == BP_OK; i++)
        json_array_append_new(array, json_output(&scores, bp_encoder_target(encoder, i)));
    return array;
}

json_t *bp_json_evaluation(const bp_evaluation *evaluation, const bp_encoder *encoder)
{
    json_t *object = json_object();
    bp_metrics metrics;
    bp_scores scores;

    bp_evaluation_metrics(evaluation, &metrics);
    bp_evaluation_scores(evaluation, &scores);
    json_object_set_new(object, "rows", bp_json_count(metrics.rows));
    bp_json_scores(object, &scores);
    if (bp_evaluation_classes(evaluation)) {
        json_object_set_new(object, "classes", json_classes(evaluation, encoder));
        json_object_set_new(object, "confusion", json_confusion(evaluation));
    } else {
        json_object_set_new(object, "outputs", json_outputs(evaluation, encoder));
    }
    return object;
}

/* --------------------------------------------------------------------------------------------------------------- text */

const char *bp_baseline_name(int metric)
{
    switch (metric) {
    case BP_METRIC_RMSE:
    case BP_METRIC_R2:
        return "the mean";
    case BP_METRIC_AUC:
    case BP_METRIC_LOG_LOSS:
        return "the classes' shares";
    case BP_METRIC_MAE:
    case BP_METRIC_ERROR_5:
    case BP_METRIC_ERROR_25:
    case BP_METRIC_ERROR_50:
    case BP_METRIC_ERROR_75:
    case BP_METRIC_ERROR_95:
        return "the median";
    default:
        return "the majority class";
    }
}

static void print_scores(const bp_scores *scores)
{
    printf("%-*s%12s%12s\n", NAME_WIDTH, "", "model", "baseline");
    for (int i = BP_METRIC_LOSS; i < BP_METRICS; i++) {
        if (isnan(scores->model[i]))
            continue;
        printf("%-*s%12.5g", NAME_WIDTH, bp_metric_name(i), scores->model[i]);
        if (!isnan(scores->baseline[i]))
            printf("%12.5g  %s", scores->baseline[i], bp_baseline_name(i));
        putchar('\n');
    }
}

static void print_classes(const bp_evaluation *evaluation, const bp_encoder *encoder)
{
    bp_class_scores c;

    printf("\n%-*s%10s%10s%10s%10s%10s%10s\n", NAME_WIDTH, "class", "rows", "predicted", "precision", "recall", "f1", "auc");
    for (uint32_t i = 0; i < CLASSES_PRINTED && bp_evaluation_class(evaluation, i, &c, NULL) == BP_OK; i++) {
        bp_shown_print(class_name(encoder, i), NAME_WIDTH, NAME_WIDTH - 1);
        printf("%10llu%10llu%10.4f%10.4f%10.4f%10.4f\n", (unsigned long long)c.rows, (unsigned long long)c.predicted, c.precision,
               c.recall, c.f1, c.auc);
    }
    if (bp_evaluation_classes(evaluation) > CLASSES_PRINTED)
        printf("... and %lu more, which --json lists\n", (unsigned long)bp_evaluation_classes(evaluation) - CLASSES_PRINTED);
}

static void print_confusion(const bp_evaluation *evaluation, const bp_encoder *encoder)
{
    uint32_t classes = bp_evaluation_classes(evaluation);
    uint64_t *counts = confusion_of(evaluation, CLASSES_ACROSS);

    if (!counts)
        return;
    printf("\n%-*s", NAME_WIDTH, "true \\ predicted");
    for (uint32_t j = 0; j < classes; j++)
        bp_shown_print(class_name(encoder, j), 10, 9);
    for (uint32_t i = 0; i < classes; i++) {
        putchar('\n');
        bp_shown_print(class_name(encoder, i), NAME_WIDTH, NAME_WIDTH - 1);
        for (uint32_t j = 0; j < classes; j++)
            printf("%-10llu", (unsigned long long)counts[(size_t)i * classes + j]);
    }
    putchar('\n');
    free(counts);
}

static void print_outputs(const bp_evaluation *evaluation, const bp_encoder *encoder)
{
    bp_number_scores o;

    printf("\n%-*s%12s%12s%12s%12s%12s%12s\n", NAME_WIDTH, "target", "rmse", "of the mean", "mae", "of median", "r2", "mean error");
    for (uint32_t i = 0; i < CLASSES_PRINTED && bp_evaluation_output(evaluation, i, &o, NULL) == BP_OK; i++) {
        bp_shown_print(bp_encoder_target(encoder, i), NAME_WIDTH, NAME_WIDTH - 1);
        printf("%12.5g%12.5g%12.5g%12.5g%12.4f%12.3g\n", o.rmse, o.baseline_rmse, o.mae, o.baseline_mae, o.r2, o.mean_error);
    }
    if (bp_evaluation_outputs(evaluation) > CLASSES_PRINTED)
        printf("... and %lu more, which --json lists\n", (unsigned long)bp_evaluation_outputs(evaluation) - CLASSES_PRINTED);
}

void bp_evaluation_print(const bp_evaluation *evaluation, const bp_encoder *encoder)
{
    bp_metrics metrics;
    bp_scores scores;

    bp_evaluation_metrics(evaluation, &metrics);
    bp_evaluation_scores(evaluation, &scores);
    printf("%-*s%12llu\n", NAME_WIDTH, "rows", (unsigned long long)metrics.rows);
    print_scores(&scores);
    if (bp_evaluation_classes(evaluation)) {
        print_classes(evaluation, encoder);
        print_confusion(evaluation, encoder);
    } else {
        print_outputs(evaluation, encoder);
    }
}
