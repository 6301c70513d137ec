/* SPDX-License-Identifier: Apache-2.0 */
#include "npz.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "error.h"
#include "file.h"
#include "memory.h"
#include "size.h"

/* Sizes of a local header and of an entry of the directory without their names, and of the end: PKWARE's APPNOTE.TXT, 4.3. */
#define LOCAL 30
#define ENTRY 46
#define END 22
#define NAME_MAX_BYTES 68 /* with ".npy" */
#define NPY 128           /* a header of .npy, padded */
#define FIRST_DAY 0x21    /* 1 January 1980 */

/* What stands before a tensor's elements: the local header and that of .npy. */
typedef struct opening {
    unsigned char bytes[LOCAL + NAME_MAX_BYTES + NPY];
    size_t size;
    size_t offset; /* in the file */
} opening;

typedef struct writing {
    bp_allocator allocator;
    void *memory;
    size_t memory_size;
    opening *openings;        /* [count] */
    unsigned char *directory; /* [count] entries with their names, then the end */
    size_t directory_size;
    bp_file_piece *pieces; /* [2 count + 1] */
    size_t file_size;      /* so far */
} writing;

static unsigned char *put(unsigned char *to, size_t bytes, uint64_t value)
{
    for (; bytes; bytes--, value >>= 8)
        *to++ = (unsigned char)value;
    return to;
}

/* Version 1.0: magic, the length of what follows, a Python dictionary, spaces and a newline up to NPY bytes. */
static void make_npy(const bp_tensor *tensor, unsigned char npy[NPY])
{
    char shape[64], text[NPY];
    size_t used = (size_t)snprintf(shape, sizeof shape, "%llu,", (unsigned long long)tensor->shape[0]);

    if (tensor->rank == 2)
        snprintf(shape + used, sizeof shape - used, " %llu", (unsigned long long)tensor->shape[1]);
    int length = snprintf(text, sizeof text, "{'descr': '<f%zu', 'fortran_order': False, 'shape': (%s), }",
                          bp_dtype_size(tensor->dtype), shape);
    memset(npy, ' ', NPY);
    memcpy(npy, "\x93NUMPY\x01", 7);
    npy[7] = 0;
    put(npy + 8, 2, NPY - 10);
    memcpy(npy + 10, text, (size_t)length);
    npy[NPY - 1] = '\n';
}

/* zlib counts in 32 bits. */
static uint32_t checksum(const unsigned char npy[NPY], const bp_tensor *tensor, size_t size)
{
    uLong crc = crc32(crc32(0, NULL, 0), npy, NPY);
    const unsigned char *data = tensor->data;

    for (size_t done = 0, some; done < size; done += some) {
        some = bp_size_min(size - done, (size_t)1 << 30);
        crc = crc32(crc, data + done, (uInt)some);
    }
    return (uint32_t)crc;
}

/* What a local header and an entry have in common: needed version 2.0, no flags, stored, time 0, date, checksum, sizes, lengths. */
static unsigned char *put_facts(unsigned char *to, uint32_t crc, size_t size, size_t name_length)
{
    to = put(to, 2, 20);
    to = put(to, 2, 0);
    to = put(to, 2, 0);
    to = put(to, 2, 0);
    to = put(to, 2, FIRST_DAY);
    to = put(to, 4, crc);
    to = put(to, 4, size);
    to = put(to, 4, size);
    to = put(to, 2, name_length);
    return put(to, 2, 0);
}

/* One tensor: its opening, its pieces of the file, its entry in the directory. */
static bp_status add(writing *w, const bp_tensor *tensor, size_t i, bp_error *error)
{
    opening *o = &w->openings[i];
    unsigned char npy[NPY], *to, *entry = w->directory + w->directory_size;
    char name[NAME_MAX_BYTES + 1];
    size_t size, length = (size_t)snprintf(name, sizeof name, "%.64s.npy", tensor->name);

    if (!bp_tensor_bytes(tensor, &size) || !bp_size_add(w->file_size, size, &w->file_size) || w->file_size > UINT32_MAX - 65536)
        return bp_fail(error, BP_INVALID, "an .npz file of 4 GiB or more cannot be written; take .safetensors");
    make_npy(tensor, npy);
    uint32_t crc = checksum(npy, tensor, size);
    o->offset = w->file_size - size;
    to = put_facts(put(o->bytes, 4, 0x04034b50), crc, NPY + size, length);
    memcpy(to, name, length);
    memcpy(to + length, npy, NPY);
    o->size = LOCAL + length + NPY;
    w->file_size += o->size;
    w->pieces[2 * i] = (bp_file_piece){o->bytes, o->size};
    w->pieces[2 * i + 1] = (bp_file_piece){tensor->data, size};
    to = put_facts(put(put(entry, 4, 0x02014b50), 2, 20), crc, NPY + size, length);
    to = put(put(to, 10, 0), 4, o->offset); /* no comment, disk 0, no attributes */
    memcpy(to, name, length);
    w->directory_size += ENTRY + length;
    return BP_OK;
}

/* Disk 0 of 1, entries on it and in all, the directory's size and place, no comment. */
static void add_end(writing *w, size_t count)
{
    unsigned char *to = put(put(w->directory + w->directory_size, 4, 0x06054b50), 4, 0);

    to = put(put(to, 2, count), 2, count);
    put(put(put(to, 4, w->directory_size), 4, w->file_size), 2, 0);
    w->directory_size += END;
    w->pieces[2 * count] = (bp_file_piece){w->directory, w->directory_size};
}

static void carve(writing *w, size_t count, bp_arena *arena)
{
    w->openings = bp_arena_take(arena, count, sizeof *w->openings);
    w->directory = bp_arena_take(arena, count + 1, ENTRY + NAME_MAX_BYTES);
    w->pieces = bp_arena_take(arena, 2 * count + 1, sizeof *w->pieces);
}

static bp_status write_all(writing *w, const char *path, const bp_tensor *tensors, size_t count, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(w, count, &arena);
    w->memory = bp_arena_commit(&arena, &w->allocator, &w->memory_size);
    if (!w->memory)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", path, w->memory_size);
    carve(w, count, &arena);
    for (size_t i = 0; i < count; i++)
        BP_TRY(add(w, &tensors[i], i, error));
    add_end(w, count);
    return bp_file_replace(path, w->pieces, 2 * count + 1, error);
}

bp_status bp_npz_write(const char *path, const bp_tensor *tensors, size_t count, const bp_allocator *allocator, bp_error *error)
{
    writing w = {.allocator = bp_allocator_or_default(allocator)};
    bp_status status = write_all(&w, path, tensors, count, error);

    bp_release(&w.allocator, w.memory, w.memory_size);
    return status;
}
