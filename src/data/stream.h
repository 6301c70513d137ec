/* The bytes of a data file, whatever it is wrapped in: plain, gzip (by the suffix .gz), or standard input ("-").
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_STREAM_H
#define BP_STREAM_H

#include "backprop.h"

typedef struct bp_stream bp_stream;

/* BP_IO where the file cannot be opened, BP_BAD_FILE for a directory. `path` must outlive the stream. */
bp_status bp_stream_open(const char *path, const bp_allocator *allocator, bp_stream **result, bp_error *error);

/* Reads until `size` bytes are there or the data end: *got < size only at the end. A gzip file that is damaged or cut off
 * is BP_BAD_FILE with the offset in the compressed file. */
bp_status bp_stream_read(bp_stream *stream, void *buffer, size_t size, size_t *got, bp_error *error);

void bp_stream_close(bp_stream *stream);

/* At most `limit` bytes in a block that grows with what has been seen; given back by bp_release(allocator, *bytes,
 * *capacity). */
bp_status bp_stream_read_up_to(bp_stream *stream, size_t limit, void **bytes, size_t *size, size_t *capacity, bp_error *error);

#endif
