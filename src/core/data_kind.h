/* What kind of data a file holds, by its name.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATA_KIND_H
#define BP_DATA_KIND_H

#include <stddef.h>

typedef enum bp_data_kind { BP_DATA_UNKNOWN, BP_DATA_CSV, BP_DATA_NPY, BP_DATA_LIBSVM, BP_DATA_IDX, BP_DATA_BPD } bp_data_kind;

/* The path without a suffix .gz, as far as it reaches: the length of what names the kind. */
size_t bp_plain_length(const char *path);

/* Of what is in it, whether or not it is wrapped; "-" is CSV. */
bp_data_kind bp_data_kind_of(const char *path);

#endif
