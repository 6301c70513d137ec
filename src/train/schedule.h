/* The learning rate of each update.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SCHEDULE_H
#define BP_SCHEDULE_H

#include <stdbool.h>

#include "backprop.h"

/* The settings' learning rate, or the optimizer's own. */
double bp_schedule_base(const bp_settings *settings);

/* The rate of update t = 0, 1, ... of `total` by the formulas of bp_schedule, plateau's share left out; behind the end it stays at
 * the last one's. Total 0, for those who step without an end: the constant rate after warm-up. */
double bp_schedule_rate(const bp_settings *settings, uint64_t t, uint64_t total);

/* How far schedule plateau has come down; share 1 and waited 0 at first. */
typedef struct bp_plateau {
    double share;    /* of the rate */
    uint64_t waited; /* epochs since the last better metric, or since the last time the rate fell */
} bp_plateau;

/* An epoch has ended, with a better metric than every one before or without. */
void bp_plateau_take(bp_plateau *plateau, const bp_settings *settings, bool better);

#endif
