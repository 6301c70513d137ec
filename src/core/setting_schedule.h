/* The schedule of learning rates as text: NAME[:KEY=VALUE,...], and which parameters each schedule has.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SETTING_SCHEDULE_H
#define BP_SETTING_SCHEDULE_H

#include "settings_table.h"

/* Reads the schedule and sets all of its parameters, those that are not told to their defaults. */
bp_status bp_schedule_read(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error);

/* Writes it with all parameters that it has, warmup where it is not 0. */
void bp_schedule_write(const bp_setting_entry *entry, const bp_settings *settings, char *text, size_t capacity);

/* Refuses parameters out of range, and a plateau that early stopping never lets come. */
bp_status bp_schedule_check(const bp_settings *settings, bp_error *error);

/* The factor, the schedule's own where the settings have 0. */
double bp_schedule_factor(const bp_settings *settings);

#endif
