/* The files of other programs -> data sets, by the ends of their names. BP_EMBEDDED leaves their readers out; reader_absent.c then
 * stands for them, and .bpd files are all that is read.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_READER_H
#define BP_READER_H

#include "dataset.h"

/* Reads any file but a .bpd; roles are the caller's, but for targets that the format brings. */
bp_status bp_reader_read(const char *path, const bp_settings *settings, bp_need need, const bp_allocator *allocator,
                         bp_dataset **result, bp_error *error);

/* Whether a path is read as CSV; *separator is then what its name says, 0 where it says nothing. */
bool bp_reader_is_csv(const char *path, char *separator);

#endif
