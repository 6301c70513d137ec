/* Memory that lives as long as one handle: many small pieces in shared chunks, large ones alone.
 *
 *      chunk  | name | name | category | ...   free   |        blocks of their own  | column |  | matrix |
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATASET_POOL_H
#define BP_DATASET_POOL_H

#include "backprop.h"

typedef struct bp_pool {
    bp_allocator allocator;
    struct bp_block {
        void *memory;
        size_t size;
    } * blocks;
    size_t block_count;
    size_t block_bytes; /* capacity of the list of blocks, in bytes */
    char *chunk;        /* where the next small piece goes */
    size_t chunk_left;
} bp_pool;

/* `size` bytes, not cleared: at a multiple of 64 where they fill a block of their own (from 1 KiB), else of 8. NULL with
 * *error filled where refused. */
void *bp_pool_take(bp_pool *pool, size_t size, bp_error *error);

/* count * size bytes; an overflow is a refusal. */
void *bp_pool_take_array(bp_pool *pool, size_t count, size_t size, bp_error *error);

/* The bytes as NUL-terminated text. */
char *bp_pool_text(bp_pool *pool, const char *text, size_t length, bp_error *error);

/* The pool releases `memory` from now on, also where it fails. */
bp_status bp_pool_adopt(bp_pool *pool, void *memory, size_t size, bp_error *error);

void bp_pool_release(bp_pool *pool);

#endif
