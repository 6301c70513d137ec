/* backprop info on a data file: what was inferred, and what training would make of it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_INFO_DATA_H
#define BP_INFO_DATA_H

#include "command.h"

/* The exit code. */
int bp_info_data(const bp_arguments *arguments);

#endif
