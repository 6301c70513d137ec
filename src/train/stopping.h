/* Early stopping: which epoch was best, and whether to go on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_STOPPING_H
#define BP_STOPPING_H

#include <stdbool.h>

#include "backprop.h"

typedef struct bp_stopping {
    double best;         /* the metric, turned so that less is better */
    uint64_t best_epoch; /* counted from 1; 0: none yet */
    uint64_t waited;     /* epochs since */
    bp_metrics metrics;  /* of the best epoch */
} bp_stopping;

/* Takes an epoch's metrics; true where it is the best so far. A metric that is not a number is never better. */
bool bp_stopping_take(bp_stopping *stopping, bp_metric metric, uint64_t epoch, const bp_metrics *metrics);

#endif
