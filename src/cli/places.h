/* Which files a run reads and writes, before it does either: no result may take the place of what it is made from.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PLACES_H
#define BP_PLACES_H

#include "command.h"

/* Whether both paths lead to one file, over links too. */
bool bp_same_file(const char *path, const char *other);

/* BP_EXIT_USAGE, with the reason said, where an output of the command is one of its inputs or another output, or where two
 * inputs are standard input. An output may be the model that training begins with. */
int bp_places_check(const bp_arguments *arguments);

#endif
