/* SPDX-License-Identifier: Apache-2.0 */
#include "stopping.h"

#include <math.h>

bool bp_stopping_take(bp_stopping *stopping, bp_metric metric, uint64_t epoch, const bp_metrics *metrics)
{
    double value = bp_metric_rises((int32_t)metric) ? -metrics->watched : metrics->watched;

    if (isnan(value) || (stopping->best_epoch && !(value < stopping->best))) {
        stopping->waited++;
        return false;
    }
    *stopping = (bp_stopping){.best = value, .best_epoch = epoch, .metrics = *metrics};
    return true;
}
