/* The learning rate of each update.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SCHEDULE_H
#define BP_SCHEDULE_H

#include "backprop.h"

/* The rate of update t = 0, 1, ... of `total` by the formulas of bp_schedule; behind the end it stays at the last one's. Total
 * 0, for those who step without an end: the constant rate after warm-up. */
double bp_schedule_rate(const bp_settings *settings, uint64_t t, uint64_t total);

#endif
