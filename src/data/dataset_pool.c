/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset_pool.h"

#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

#ifndef BP_POOL_CHUNK
#define BP_POOL_CHUNK 8192 /* a few hundred names; what a small data set wastes at most */
#endif

#define CHUNK ((size_t)BP_POOL_CHUNK)
#define SMALL (CHUNK / 8) /* from here on a piece has a block of its own: a chunk's end wastes less than this */

bp_status bp_pool_adopt(bp_pool *pool, void *memory, size_t size, bp_error *error)
{
    void *list = pool->blocks;
    bp_status status = bp_grow(&pool->allocator, &list, &pool->block_bytes, (pool->block_count + 1) * sizeof *pool->blocks, error);

    pool->blocks = list;
    if (status != BP_OK) {
        bp_release(&pool->allocator, memory, size);
        return status;
    }
    pool->blocks[pool->block_count++] = (struct bp_block){memory, size};
    return BP_OK;
}

static void *take_block(bp_pool *pool, size_t size, bp_error *error)
{
    void *memory = bp_allocate(&pool->allocator, size);

    if (!memory) {
        bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", size);
        return NULL;
    }
    return bp_pool_adopt(pool, memory, size, error) == BP_OK ? memory : NULL;
}

void *bp_pool_take(bp_pool *pool, size_t size, bp_error *error)
{
    if (size >= SMALL)
        return take_block(pool, size, error);
    size = bp_size_round_up(size, 8);
    if (size > pool->chunk_left) {
        char *chunk = take_block(pool, CHUNK, error);
        if (!chunk)
            return NULL;
        pool->chunk = chunk;
        pool->chunk_left = CHUNK;
    }
    char *piece = pool->chunk;
    pool->chunk += size;
    pool->chunk_left -= size;
    return piece;
}

void *bp_pool_take_array(bp_pool *pool, size_t count, size_t size, bp_error *error)
{
    size_t bytes;

    if (!bp_size_mul(count, size, &bytes)) {
        bp_fail(error, BP_NO_MEMORY, "%zu times %zu bytes are more than there can be", count, size);
        return NULL;
    }
    return bp_pool_take(pool, bytes, error);
}

char *bp_pool_text(bp_pool *pool, const char *text, size_t length, bp_error *error)
{
    char *copy = bp_pool_take(pool, length + 1, error);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = 0;
    }
    return copy;
}

void bp_pool_release(bp_pool *pool)
{
    for (size_t i = 0; i < pool->block_count; i++)
        bp_release(&pool->allocator, pool->blocks[i].memory, pool->blocks[i].size);
    bp_release(&pool->allocator, pool->blocks, pool->block_bytes);
}
