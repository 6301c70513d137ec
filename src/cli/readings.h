/* Which settings tell how a kind of data file is read.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_READINGS_H
#define BP_READINGS_H

#include "command.h"

/* False for a setting that none of the run's data files is read by: a delimiter where all are NPY. A file of unknown kind may be
 * anything. */
bool bp_readings_take(const bp_arguments *arguments, const char *key);

/* BP_EXIT_USAGE, said, where such a setting was given. */
int bp_readings_check(const bp_arguments *arguments);

#endif
