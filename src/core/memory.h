/* All memory of the library: the caller's allocator, and arenas carved out of one block.
 *
 * An arena is walked twice by the same code: over base NULL to measure, then over a real block to commit.
 *
 *      base                                                        base + used
 *       | view 0, 64-byte aligned | view 1, 64-byte aligned | ...    |
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_MEMORY_H
#define BP_MEMORY_H

#include <stdbool.h>

#include "backprop.h"

#define BP_ALIGNMENT 64 /* a cache line, and the widest vector */

/* *allocator, or aligned_alloc and free where it is NULL. */
bp_allocator bp_allocator_or_default(const bp_allocator *allocator);

/* `size` bytes at a multiple of BP_ALIGNMENT, not cleared; NULL where refused. size 0 gives a pointer that may be released. */
void *bp_allocate(const bp_allocator *allocator, size_t size);

/* The same, in small pages of the system however large it is: for what is written once and then read from front to back. Huge pages
 * gain nothing there, and were cleared in 0.3 to 1.2 s instead of 0.3 where 500 MB of a virtual machine's memory were fresh. */
void *bp_allocate_in_passing(const bp_allocator *allocator, size_t size);

/* The same as bp_allocate, cleared. */
void *bp_allocate_zeroed(const bp_allocator *allocator, size_t size);

/* `memory` may be NULL; `size` as it was asked for. */
void bp_release(const bp_allocator *allocator, void *memory, size_t size);

/* Whether so many bytes are there to be had at this moment: asked before a library that takes its memory from malloc, and ends the
 * process where that refuses. */
bool bp_memory_has_room(size_t size);

/* Makes room for `need` bytes in a block that grows by doubling; content is kept. On BP_NO_MEMORY the block is as it was. */
bp_status bp_grow(const bp_allocator *allocator, void **memory, size_t *capacity, size_t need, bp_error *error);

typedef struct bp_arena {
    unsigned char *base; /* NULL while measuring */
    size_t used;         /* SIZE_MAX once a size has overflowed */
} bp_arena;

/* The next view of count * size bytes; NULL while measuring. */
void *bp_arena_take(bp_arena *arena, size_t count, size_t size);

/* Between the two walks: a block of as many bytes as were measured, which the arena begins anew in. NULL where they overflowed or
 * were refused; *size tells how many they were, for the message and for bp_release. */
void *bp_arena_commit(bp_arena *arena, const bp_allocator *allocator, size_t *size);
void *bp_arena_commit_zeroed(bp_arena *arena, const bp_allocator *allocator, size_t *size);

#endif
