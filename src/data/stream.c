/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "stream.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "data_kind.h"
#include "error.h"
#include "file.h"
#include "memory.h"
#include "size.h"

#define WINDOW ((size_t)65536)     /* compressed bytes read at once */
#define FIRST ((size_t)1 << 20)    /* least of a block that grows */
#define PACKED_TIMES 4             /* that data are larger than their gzip file: images 2, tables of numbers 2 to 4 */
#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to say: a gzip header, and any window */

struct bp_stream {
    bp_allocator allocator;
    const char *path;
    int fd;
    bool gzip;
    bool open_member; /* inside a gzip member: the file may not end here */
    bool ended;       /* no more bytes in the file */
    z_stream zlib;
    uint64_t file_size; /* 0 where it is not known */
    uint64_t consumed;  /* compressed bytes handed to zlib and taken by it */
    unsigned char window[WINDOW];
};

/* zlib does not say how large a block is when it gives it back: a header in front keeps that. */
static void *allocate_for_zlib(void *context, uInt count, uInt size)
{
    size_t bytes = (size_t)count * size + BP_ALIGNMENT;
    char *memory = bp_allocate(context, bytes);

    if (!memory)
        return NULL;
    memcpy(memory, &bytes, sizeof bytes);
    return memory + BP_ALIGNMENT;
}

static void release_for_zlib(void *context, void *pointer)
{
    char *memory = (char *)pointer - BP_ALIGNMENT;
    size_t bytes;

    memcpy(&bytes, memory, sizeof bytes);
    bp_release(context, memory, bytes);
}

static bp_status open_file(bp_stream *stream, bp_error *error)
{
    if (strcmp(stream->path, "-") == 0) {
        stream->fd = STDIN_FILENO;
        return BP_OK;
    }
    return bp_file_open_read(stream->path, &stream->fd, &stream->file_size, error);
}

static bp_status open_gzip(bp_stream *stream, bp_error *error)
{
    stream->zlib = (z_stream){.zalloc = allocate_for_zlib, .zfree = release_for_zlib, .opaque = &stream->allocator};
    if (inflateInit2(&stream->zlib, GZIP_WINDOW_BITS) != Z_OK)
        return bp_fail(error, BP_NO_MEMORY, "%s: zlib was refused memory", stream->path);
    stream->gzip = true;
    stream->open_member = true; /* an empty file is no gzip file */
    return BP_OK;
}

bp_status bp_stream_open(const char *path, const bp_allocator *allocator, bp_stream **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_stream *stream = bp_allocate(&memory, sizeof *stream);

    if (!stream)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory to read it was refused", path);
    memset(stream, 0, offsetof(bp_stream, window));
    stream->allocator = memory;
    stream->path = path;
    stream->fd = -1;
    bp_status status = open_file(stream, error);
    if (status == BP_OK && path[bp_plain_length(path)])
        status = open_gzip(stream, error);
    if (status != BP_OK) {
        bp_stream_close(stream);
        return status;
    }
    *result = stream;
    return BP_OK;
}

void bp_stream_close(bp_stream *stream)
{
    if (!stream)
        return;
    if (stream->gzip)
        inflateEnd(&stream->zlib);
    if (stream->fd >= 0 && strcmp(stream->path, "-") != 0)
        bp_file_close(stream->fd);
    bp_allocator memory = stream->allocator;
    bp_release(&memory, stream, sizeof *stream);
}

/* Makes sure that zlib has input, unless the file has ended. */
static bp_status refill(bp_stream *stream, bp_error *error)
{
    size_t got;

    if (stream->zlib.avail_in || stream->ended)
        return BP_OK;
    BP_TRY(bp_file_read(stream->fd, stream->window, WINDOW, &got, stream->path, error));
    stream->ended = got < WINDOW;
    stream->zlib.next_in = stream->window;
    stream->zlib.avail_in = (uInt)got;
    return BP_OK;
}

/* One call of zlib: some input becomes some output. */
static bp_status inflate_some(bp_stream *stream, bp_error *error)
{
    uInt before = stream->zlib.avail_in;

    if (!stream->open_member) { /* gzip allows members one after the other */
        inflateReset(&stream->zlib);
        stream->open_member = true;
    }
    int code = inflate(&stream->zlib, Z_NO_FLUSH);
    stream->consumed += before - stream->zlib.avail_in;
    if (code == Z_STREAM_END)
        stream->open_member = false;
    else if (code == Z_MEM_ERROR)
        return bp_fail(error, BP_NO_MEMORY, "%s: zlib was refused memory", stream->path);
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return bp_fail_offset(error, stream->path, stream->consumed, "corrupt gzip data: %s",
                              stream->zlib.msg ? stream->zlib.msg : "needs a dictionary");
    return BP_OK;
}

static bp_status read_gzip(bp_stream *stream, void *buffer, size_t size, size_t *got, bp_error *error)
{
    size_t done = 0;

    while (done < size) {
        uInt room = (uInt)bp_size_min(size - done, (size_t)1 << 30); /* zlib counts in 32 bits */
        BP_TRY(refill(stream, error));
        if (stream->zlib.avail_in == 0 && !stream->open_member)
            break;
        bool nothing_left = stream->zlib.avail_in == 0;
        stream->zlib.next_out = (unsigned char *)buffer + done;
        stream->zlib.avail_out = room;
        BP_TRY(inflate_some(stream, error));
        size_t made = room - stream->zlib.avail_out;
        done += made;
        if (nothing_left && made == 0 && stream->open_member)
            return bp_fail_offset(error, stream->path, stream->consumed, "truncated: the gzip data end in the middle");
    }
    *got = done;
    return BP_OK;
}

bp_status bp_stream_read(bp_stream *stream, void *buffer, size_t size, size_t *got, bp_error *error)
{
    if (stream->gzip)
        return read_gzip(stream, buffer, size, got, error);
    return bp_file_read(stream->fd, buffer, size, got, stream->path, error);
}

/* Begins with what the file's own size promises, since moving a block that is full costs as much as a fifth of unpacking it;
 * a byte more shows the end of a plain file without another block. */
static size_t first_block(const bp_stream *stream)
{
    size_t times = stream->gzip ? PACKED_TIMES : 1;
    size_t most = stream->file_size < SIZE_MAX / 8 ? (size_t)stream->file_size * times + 1 : 0;

    return bp_size_max(FIRST, most);
}

/* Doubles up to the limit: no more is asked for than a few times the file's size or twice what was there. */
static bp_status grow_towards(const bp_stream *stream, size_t limit, void **bytes, size_t *capacity, bp_error *error)
{
    const bp_allocator *allocator = &stream->allocator;
    size_t wanted = *capacity ? 2 * *capacity : first_block(stream),
           larger = *capacity > limit / 2 ? limit : bp_size_min(limit, wanted);
    void *moved = bp_allocate(allocator, larger);

    if (!moved)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", larger);
    if (*bytes)
        memcpy(moved, *bytes, *capacity);
    bp_release(allocator, *bytes, *capacity);
    *bytes = moved;
    *capacity = larger;
    return BP_OK;
}

bp_status bp_stream_read_up_to(bp_stream *stream, size_t limit, void **bytes, size_t *size, size_t *capacity, bp_error *error)
{
    void *block = NULL;
    size_t room = 0, used = 0, got;
    bp_status status;

    do {
        status = grow_towards(stream, limit, &block, &room, error);
        if (status == BP_OK)
            status = bp_stream_read(stream, (char *)block + used, room - used, &got, error);
        if (status != BP_OK) {
            bp_release(&stream->allocator, block, room);
            return status;
        }
        used += got;
    } while (used == room && room < limit);
    *bytes = block;
    *size = used;
    *capacity = room;
    return BP_OK;
}
