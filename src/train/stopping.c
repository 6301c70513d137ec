/* SPDX-License-Identifier: Apache-2.0 */
#include "stopping.h"

#include <math.h>

static double turned(bp_metric metric, const bp_metrics *metrics)
{
    switch (metric) {
    case BP_METRIC_ACCURACY:
        return -metrics->accuracy;
    case BP_METRIC_RMSE:
        return metrics->rmse;
    case BP_METRIC_MAE:
        return metrics->mae;
    case BP_METRIC_R2:
        return -metrics->r2;
    default:
        return metrics->loss;
    }
}

bool bp_stopping_take(bp_stopping *stopping, bp_metric metric, uint64_t epoch, const bp_metrics *metrics)
{
    double value = turned(metric, metrics);

    if (isnan(value) || (stopping->best_epoch && !(value < stopping->best))) {
        stopping->waited++;
        return false;
    }
    *stopping = (bp_stopping){.best = value, .best_epoch = epoch, .metrics = *metrics};
    return true;
}
