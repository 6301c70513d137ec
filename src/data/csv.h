/* CSV and TSV files -> data sets.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_H
#define BP_CSV_H

#include "dataset.h"

/* Reads and names all columns; roles are the caller's. Settings used: header, categorical (names may be unknown where
 * `lenient`); a target-file is refused. Without a header columns are named column1, column2, ... */
bp_status bp_csv_read(const char *path, char separator, const bp_settings *settings, bool lenient, const bp_allocator *allocator,
                      bp_dataset **result, bp_error *error);

#endif
