/* What the library and the program need of the settings table beyond the public functions.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SETTINGS_H
#define BP_SETTINGS_H

#include <stdbool.h>

#include "backprop.h"

/* *full = *settings as far as its size reaches, defaults behind it: what a function of the library looks at, so that a
 * binary older than the library gets the defaults of fields that it does not know. */
void bp_settings_complete(const bp_settings *settings, bp_settings *full);

/* The table's entry for a key, NULL for an unknown one; *index (may be NULL) is its place. */
const bp_setting *bp_setting_find(const char *key, size_t *index);

/* Whether bp_settings_set was called for that key. */
bool bp_settings_given(const bp_settings *settings, const char *key);

/* As if it had not been called for that key; the value stays. */
void bp_settings_unset(bp_settings *settings, const char *key);

/* Refuses settings that bp_settings_init has not filled. bp_settings_check does so too. */
bp_status bp_settings_check_size(const bp_settings *settings, bp_error *error);

/* Refuses a delimiter that numbers, quotes and line ends are made of. bp_settings_check does so too. */
bp_status bp_settings_check_delimiter(const bp_settings *settings, bp_error *error);

/* Whether the optimizer takes all rows for each update. */
static inline bool bp_settings_full_batch(const bp_settings *settings)
{
    return settings->optimizer == BP_LBFGS || settings->optimizer == BP_RPROP;
}

/* Whether training watches the metric of the validation rows. */
static inline bool bp_settings_watch(const bp_settings *settings)
{
    return settings->patience || settings->schedule == BP_PLATEAU;
}

#endif
