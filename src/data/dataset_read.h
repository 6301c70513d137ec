/* What reading has in common for all formats: which columns are meant, and what each is for.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATASET_READ_H
#define BP_DATASET_READ_H

#include "dataset.h"

/* Takes the next name off a list NAME[,NAME...]: *column is the one of that name, NULL once the list is empty. What is left
 * of the list is tried as one name first, so that a name may hold commas. A name that no column has is BP_INVALID with
 * the columns that there are, or passed over where `lenient`. `key` is the setting, for the message. */
bp_status bp_dataset_next_named(const bp_dataset *dataset, const char *key, bool lenient, const char **list, bp_column **column,
                                bp_error *error);

/* Roles by the settings target, ignore-columns and weight-column. A format that brings targets of its own has marked them;
 * a target by name replaces them. BP_INVALID where what is needed is not there. */
bp_status bp_dataset_set_roles(bp_dataset *dataset, const bp_settings *settings, bp_need need, bp_error *error);

#endif
