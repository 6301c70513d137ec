/* SPDX-License-Identifier: Apache-2.0 */
#include "metric.h"

#include "error.h"

typedef enum subject { OF_ALL, OF_CLASSES, OF_NUMBERS } subject;

typedef struct facts {
    const char *name;
    subject of;
    bool more; /* is better */
} facts;

static const facts table[BP_METRICS] = {
    [BP_METRIC_AUTO] = {"auto", OF_ALL, false},
    [BP_METRIC_LOSS] = {"loss", OF_ALL, false},
    [BP_METRIC_ACCURACY] = {"accuracy", OF_CLASSES, true},
    [BP_METRIC_RMSE] = {"rmse", OF_NUMBERS, false},
    [BP_METRIC_MAE] = {"mae", OF_NUMBERS, false},
    [BP_METRIC_R2] = {"r2", OF_NUMBERS, true},
    [BP_METRIC_BALANCED_ACCURACY] = {"balanced_accuracy", OF_CLASSES, true},
    [BP_METRIC_PRECISION] = {"precision", OF_CLASSES, true},
    [BP_METRIC_RECALL] = {"recall", OF_CLASSES, true},
    [BP_METRIC_F1] = {"f1", OF_CLASSES, true},
    [BP_METRIC_WEIGHTED_PRECISION] = {"weighted_precision", OF_CLASSES, true},
    [BP_METRIC_WEIGHTED_RECALL] = {"weighted_recall", OF_CLASSES, true},
    [BP_METRIC_WEIGHTED_F1] = {"weighted_f1", OF_CLASSES, true},
    [BP_METRIC_AUC] = {"auc", OF_CLASSES, true},
    [BP_METRIC_LOG_LOSS] = {"log_loss", OF_CLASSES, false},
    [BP_METRIC_ERROR_5] = {"error_5", OF_NUMBERS, false},
    [BP_METRIC_ERROR_25] = {"error_25", OF_NUMBERS, false},
    [BP_METRIC_ERROR_50] = {"error_50", OF_NUMBERS, false},
    [BP_METRIC_ERROR_75] = {"error_75", OF_NUMBERS, false},
    [BP_METRIC_ERROR_95] = {"error_95", OF_NUMBERS, false},
};

const char *bp_metric_name(int32_t metric)
{
    return metric >= 0 && metric < BP_METRICS ? table[metric].name : NULL;
}

int bp_metric_rises(int32_t metric)
{
    return metric >= 0 && metric < BP_METRICS && table[metric].more;
}

bool bp_metric_of_classes(bp_metric metric)
{
    return table[metric].of == OF_CLASSES;
}

bool bp_metric_of_numbers(bp_metric metric)
{
    return table[metric].of == OF_NUMBERS;
}

bp_status bp_metric_check(bp_metric metric, bool classes, bp_error *error)
{
    if (classes && bp_metric_of_numbers(metric))
        return bp_fail(error, BP_INVALID, "metric: %s needs a regression, and the targets are classes", table[metric].name);
    if (!classes && bp_metric_of_classes(metric))
        return bp_fail(error, BP_INVALID, "metric: %s needs classes, and the task is a regression", table[metric].name);
    return BP_OK;
}

bp_status bp_metric_missing(bp_metric metric, bp_error *error)
{
    return bp_fail(error, BP_INVALID, "metric: the validation rows have no %s, as where all are of one class or value",
                   table[metric].name);
}
