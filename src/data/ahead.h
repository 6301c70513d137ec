/* Blocks of a .bpd file, read ahead of need by a thread of its own.
 *
 *      chosen rows   7 2 0 5 | 12 9 | 3 1      here with blocks of 8: the blocks 0, 1, 0
 *      buffers       [ handed out | read, checked | being read ]      the reader waits where none is free
 *
 * Where the caller's threads have all cores, a thread beside them would make the whole team wait for the member whose core it
 * takes: then it only asks the system for blocks, and the team reads what has been handed out.
 *
 * The thread lives from begin to end, which are inside one call of the library; signals are blocked in it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_AHEAD_H
#define BP_AHEAD_H

#include "bpd.h"

typedef struct bp_ahead bp_ahead;

/* A block that has been read, and which of the chosen rows it holds: places first ... end - 1 of their list, none where all have
 * been handed out. */
typedef struct bp_ahead_block {
    uint64_t number;
    void *bytes;
    bool read; /* else there is room in `bytes` for the block, and the caller reads it */
    uint64_t first;
    uint64_t end;
} bp_ahead_block;

/* Buffers for BP_AHEAD_BLOCKS blocks; or one, where so many are only asked for and the caller `reads`. */
#define BP_AHEAD_BLOCKS 3
bp_status bp_ahead_create(const bp_bpd *bpd, bool reads, const bp_allocator *allocator, bp_ahead **result, bp_error *error);

/* Reads the blocks of the rows from place `first` on, in the order in which they come; rows that follow each other in a block are
 * one piece. rows.count counts, and rows.index has to stay until the end. */
bp_status bp_ahead_begin(bp_ahead *ahead, bp_rows rows, uint64_t first, bp_error *error);

/* The next block; the one before it is given back. What went wrong in reading it is told here. */
bp_status bp_ahead_next(bp_ahead *ahead, bp_ahead_block *result, bp_error *error);

/* Stops reading; may be called twice. In a child of fork, which has no such thread, nothing is left to stop, and the caller asks
 * for no more blocks. */
void bp_ahead_end(bp_ahead *ahead);

/* Ends, too. */
void bp_ahead_free(bp_ahead *ahead);

#endif
