/* Which settings a search tries: drawn by counters from short lists, so that a trial depends on seed and number alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TRIAL_DRAW_H
#define BP_TRIAL_DRAW_H

#include <stdbool.h>

#include "backprop.h"

/* Trial 1 has the settings as they are; others change those of hidden, learning-rate, weight-decay and dropout that were not
 * given and have an effect. */
bp_settings bp_trial_draw(const bp_settings *settings, uint32_t number);

/* Whether there is anything to draw. */
bool bp_trial_has_choice(const bp_settings *settings);

#endif
