/* What kind of data a file holds, by its name, and which settings tell how such a file is read.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATA_KIND_H
#define BP_DATA_KIND_H

#include "command.h"

typedef enum bp_data_kind { BP_DATA_UNKNOWN, BP_DATA_CSV, BP_DATA_NPY, BP_DATA_LIBSVM, BP_DATA_IDX, BP_DATA_BPD } bp_data_kind;

bp_data_kind bp_data_kind_of(const char *path);

/* False for a setting that none of the run's data files is read by: a delimiter where all are NPY. A file of unknown kind may be
 * anything. */
bool bp_data_kind_takes(const bp_arguments *arguments, const char *key);

/* BP_EXIT_USAGE, said, where such a setting was given. */
int bp_data_kind_check(const bp_arguments *arguments);

#endif
