/* CSV and TSV files -> data sets.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_H
#define BP_CSV_H

#include "dataset.h"

/* Reads and names all columns; roles are the caller's. `separator` is what the file's name says, 0 where it says nothing. Settings
 * used: delimiter, decimal, missing, header, categorical (names may be unknown where `lenient`), threads; a target-file is refused.
 * Without a header columns are named column1, column2, ... */
bp_status bp_csv_read(const char *path, char separator, const bp_settings *settings, bool lenient, const bp_allocator *allocator,
                      bp_dataset **result, bp_error *error);

/* The same, with the size of the chunks that threads take: it changes no result. */
bp_status bp_csv_read_by(const char *path, char separator, const bp_settings *settings, bool lenient, size_t chunk,
                         const bp_allocator *allocator, bp_dataset **result, bp_error *error);

#endif
