/* CSV and TSV files -> data sets.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_H
#define BP_CSV_H

#include "csv_fill.h"

#define BP_CSV_CHUNK \
    ((size_t)256 << 10) /* bytes: stays in a core's second cache between reading and parsing; half and double are as fast */

/* Reads and names all columns; roles are the caller's. `separator` is what the file's name says, 0 where it says nothing. Settings
 * used: delimiter, decimal, missing, header, categorical (names may be unknown where `lenient`), threads; a target-file is refused.
 * Without a header columns are named column1, column2, ... */
bp_status bp_csv_read(const char *path, char separator, const bp_settings *settings, bool lenient, const bp_allocator *allocator,
                      bp_dataset **result, bp_error *error);

/* A file whose columns are named and whose rows are found, while it is open. */
typedef struct bp_csv_file {
    bp_csv_source source;
    bp_csv_dialect dialect;
    bp_csv_survey survey;
    bp_csv_table table; /* with a window of all rows */
} bp_csv_file;

/* Makes the data set that bp_csv_fill fills, by chunks of this size. On failure nothing is left; the file must not move. */
bp_status bp_csv_open(bp_csv_file *file, const char *path, char separator, const bp_settings *settings, bool lenient, size_t chunk,
                      const bp_allocator *allocator, bp_dataset **result, bp_error *error);
void bp_csv_close(bp_csv_file *file);

/* bp_csv_read, with the size of the chunks that threads take: it changes no result. */
bp_status bp_csv_read_by(const char *path, char separator, const bp_settings *settings, bool lenient, size_t chunk,
                         const bp_allocator *allocator, bp_dataset **result, bp_error *error);

#endif
