/* The bytes of a text by their places, for many threads at once: a file is read where it lies, block by block, so that the
 * system's cache holds it and not the process; what comes through a pipe or gzip comes but once and is kept.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_SOURCE_H
#define BP_CSV_SOURCE_H

#include "backprop.h"

typedef struct bp_csv_source {
    bp_allocator allocator;
    const char *path;
    uint64_t size;
    int fd;        /* -1: kept in blocks */
    char **blocks; /* all of them full but the last */
    size_t block_count;
    size_t list_bytes;
} bp_csv_source;

/* "-" is standard input. On failure nothing is left to close. `path` must outlive the source. */
bp_status bp_csv_source_open(bp_csv_source *source, const char *path, const bp_allocator *allocator, bp_error *error);

/* Exactly the bytes from `offset` on; offset + size <= source->size. */
bp_status bp_csv_source_read(const bp_csv_source *source, uint64_t offset, char *buffer, size_t size, bp_error *error);

void bp_csv_source_close(bp_csv_source *source);

#endif
