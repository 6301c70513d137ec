/* SPDX-License-Identifier: Apache-2.0 */
#include "protobuf.h"

#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

#define LENGTH 5 /* bytes of a length: 35 bits */
#define MESSAGE_MAX ((size_t)INT32_MAX)

enum { VARINT = 0, FIXED_32 = 5, WITH_LENGTH = 2 };

void bp_protobuf_free(bp_protobuf *p)
{
    bp_release(&p->allocator, p->bytes, p->capacity);
    p->bytes = NULL;
    p->capacity = p->length = 0;
}

static void put(bp_protobuf *p, const void *bytes, size_t size)
{
    void *block = p->bytes;
    size_t need;

    if (p->status == BP_OK && (!bp_size_add(p->length, size, &need) || need > MESSAGE_MAX))
        p->status = bp_fail(p->error, BP_INVALID, "a protobuf message of 2 GiB or more cannot be written");
    if (p->status == BP_OK)
        p->status = bp_grow(&p->allocator, &block, &p->capacity, need, p->error);
    p->bytes = block;
    if (p->status != BP_OK)
        return;
    memcpy(p->bytes + p->length, bytes, size);
    p->length += size;
}

/* Seven bits a byte, the lowest first; in `least` bytes at least. */
static size_t encode(uint64_t value, size_t least, unsigned char bytes[10])
{
    size_t used = 0;

    do {
        bytes[used++] = (unsigned char)((value & 0x7f) | 0x80);
        value >>= 7;
    } while (value || used < least);
    bytes[used - 1] &= 0x7f;
    return used;
}

static void put_varint(bp_protobuf *p, uint64_t value)
{
    unsigned char bytes[10];
    put(p, bytes, encode(value, 1, bytes));
}

void bp_protobuf_number(bp_protobuf *p, unsigned field, uint64_t value)
{
    put_varint(p, field << 3 | VARINT);
    put_varint(p, value);
}

void bp_protobuf_float(bp_protobuf *p, unsigned field, float value)
{
    put_varint(p, field << 3 | FIXED_32);
    put(p, &value, sizeof value);
}

size_t bp_protobuf_open(bp_protobuf *p, unsigned field)
{
    static const unsigned char room[LENGTH] = {0};

    put_varint(p, field << 3 | WITH_LENGTH);
    put(p, room, LENGTH);
    return p->length;
}

void bp_protobuf_close(bp_protobuf *p, size_t opened)
{
    unsigned char bytes[10];

    if (p->status == BP_OK)
        memcpy(p->bytes + opened - LENGTH, bytes, encode(p->length - opened, LENGTH, bytes));
}

void bp_protobuf_bytes(bp_protobuf *p, unsigned field, const void *bytes, size_t size)
{
    size_t opened = bp_protobuf_open(p, field);

    put(p, bytes, size);
    bp_protobuf_close(p, opened);
}

void bp_protobuf_text(bp_protobuf *p, unsigned field, const char *text)
{
    bp_protobuf_bytes(p, field, text, strlen(text));
}
