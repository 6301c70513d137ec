/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_source.h"

#include <string.h>

#include "data_kind.h"
#include "error.h"
#include "file.h"
#include "memory.h"
#include "size.h"
#include "stream.h"

#define BLOCK ((size_t)1 << 20) /* of a text that is kept: a small one wastes address space alone, since pages come when touched */

static bp_status keep_block(bp_csv_source *source, bp_stream *stream, size_t *got, bp_error *error)
{
    void *list = source->blocks;
    bp_status status = bp_grow(&source->allocator, &list, &source->list_bytes, (source->block_count + 1) * sizeof(char *), error);

    source->blocks = list;
    BP_TRY(status);
    char *block = bp_allocate(&source->allocator, BLOCK);
    if (!block)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", source->path, BLOCK);
    source->blocks[source->block_count++] = block;
    return stream ? bp_stream_read(stream, block, BLOCK, got, error)
                  : bp_file_read(source->fd, block, BLOCK, got, source->path, error);
}

/* What is open already is not opened again: whoever writes into a pipe would find it closed in between, and not come back. */
static bp_status keep_all(bp_csv_source *source, bp_error *error)
{
    bp_stream *stream = NULL;
    size_t got = BLOCK;
    bp_status status;

    if (source->fd < 0)
        BP_TRY(bp_stream_open(source->path, &source->allocator, &stream, error));
    for (status = BP_OK; status == BP_OK && got == BLOCK; source->size += status == BP_OK ? got : 0)
        status = keep_block(source, stream, &got, error);
    bp_stream_close(stream);
    if (source->fd >= 0)
        bp_file_close(source->fd);
    source->fd = -1;
    return status;
}

bp_status bp_csv_source_open(bp_csv_source *source, const char *path, const bp_allocator *allocator, bp_error *error)
{
    *source = (bp_csv_source){.allocator = *allocator, .path = path, .fd = -1};
    if (strcmp(path, "-") != 0 && !path[bp_plain_length(path)]) {
        BP_TRY(bp_file_open_read(path, &source->fd, &source->size, error));
        if (source->size) /* a pipe, or a file of /proc, tells none beforehand */
            return BP_OK;
    }
    bp_status status = keep_all(source, error);
    if (status != BP_OK)
        bp_csv_source_close(source);
    return status;
}

bp_status bp_csv_source_read(const bp_csv_source *source, uint64_t offset, char *buffer, size_t size, bp_error *error)
{
    if (source->fd >= 0)
        return bp_file_read_at(source->fd, offset, buffer, size, source->path, error);
    for (size_t done = 0; done < size;) {
        size_t within = (size_t)(offset % BLOCK), step = bp_size_min(size - done, BLOCK - within);
        memcpy(buffer + done, source->blocks[offset / BLOCK] + within, step);
        done += step;
        offset += step;
    }
    return BP_OK;
}

void bp_csv_source_close(bp_csv_source *source)
{
    if (source->fd >= 0)
        bp_file_close(source->fd);
    source->fd = -1;
    for (size_t i = 0; i < source->block_count; i++)
        bp_release(&source->allocator, source->blocks[i], BLOCK);
    source->block_count = 0;
    bp_release(&source->allocator, source->blocks, source->list_bytes);
    source->blocks = NULL;
}
