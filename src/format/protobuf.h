/* Protocol Buffers as they are written: fields of one message behind each other, messages within messages.
 *
 *      field, varint | value        field, fixed 32 | 4 bytes        field, length | length, 5 bytes of varint | message or bytes
 *
 * A failure stays: what is written after it is dropped, and `status` tells in the end.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PROTOBUF_H
#define BP_PROTOBUF_H

#include "backprop.h"

typedef struct bp_protobuf {
    bp_allocator allocator;
    unsigned char *bytes; /* [capacity], the first `length` of them written; bp_protobuf_free gives them back */
    size_t length;
    size_t capacity;
    bp_status status;
    bp_error *error;
} bp_protobuf;

void bp_protobuf_free(bp_protobuf *p);

void bp_protobuf_number(bp_protobuf *p, unsigned field, uint64_t value);
void bp_protobuf_float(bp_protobuf *p, unsigned field, float value);
void bp_protobuf_bytes(bp_protobuf *p, unsigned field, const void *bytes, size_t size);
void bp_protobuf_text(bp_protobuf *p, unsigned field, const char *text);

/* Fields between the two are of a message within; _open's answer is _close's. A message may have 2 GiB, as readers allow. */
size_t bp_protobuf_open(bp_protobuf *p, unsigned field);
void bp_protobuf_close(bp_protobuf *p, size_t opened);

#endif
