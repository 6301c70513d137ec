/* What a metric is for, and which way it is better.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_METRIC_H
#define BP_METRIC_H

#include <stdbool.h>

#include "backprop.h"

bool bp_metric_of_classes(bp_metric metric); /* has no meaning for numbers */
bool bp_metric_of_numbers(bp_metric metric); /* has no meaning for classes */

/* BP_OK for a metric that targets of this kind have. */
bp_status bp_metric_check(bp_metric metric, bool classes, bp_error *error);

/* BP_INVALID: the validation rows do not have it. */
bp_status bp_metric_missing(bp_metric metric, bp_error *error);

#endif
