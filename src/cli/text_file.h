/* A text file written line by line and put in place as a whole, or not at all.
 *
 * Not through open_memstream: glibc's cuts what it has no memory for, and ferror does not tell.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEXT_FILE_H
#define BP_TEXT_FILE_H

#include <stdio.h>

#include "file.h"

typedef struct bp_text_file {
    FILE *lines; /* to be written to */
    bp_replacement replacement;
    bp_status status; /* of what has been written so far */
    bp_error error;
    char buffer[65536];
} bp_text_file;

/* `path` must outlive it. A begin that failed needs no end; both fill `error`. */
bp_status bp_text_file_begin(bp_text_file *text, const char *path, bp_error *error);
bp_status bp_text_file_end(bp_text_file *text, bp_error *error);

#endif
