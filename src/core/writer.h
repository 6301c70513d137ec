/* Text in a buffer of the caller's, cut at its capacity: what does not fit is counted all the same.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_WRITER_H
#define BP_WRITER_H

#include <stddef.h>

typedef struct bp_writer {
    char *text;
    size_t capacity;
    size_t length; /* of the whole so far */
} bp_writer;

void bp_write(bp_writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
