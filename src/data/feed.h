/* A feed: chosen rows of paged examples, in their order, a segment at a time.
 *
 *      order      4 1 7 | 12 9 15 11 | 2 0 5 ...       rows, the blocks that hold them
 *      segment   [4 1 7   12 9 15 11]                  encoded: whoever reads it takes row after row
 *      next      [15 11   2 0 5 ...]                   what was kept of the last one comes first
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FEED_H
#define BP_FEED_H

#include "examples.h"
#include "pages.h"

typedef struct bp_feed {
    bp_allocator allocator;
    const bp_examples *from;
    bp_pages *pages; /* its own: others may read the same examples */
    bp_ahead *ahead;
    unsigned threads;
    bool reads;          /* by those threads; else by one of its own */
    uint64_t least;      /* rows that a segment has, but for the last */
    uint64_t capacity;   /* and that it has room for */
    bp_rows rows;        /* all that are wanted, in their order */
    bp_examples segment; /* places first ... first + segment.rows - 1 of them */
    uint64_t first;
    bp_ahead_block block; /* the one at hand; its rows up to block.first are in the segment */
    uint64_t *place;      /* [BP_BPD_ROWS], where in the segment a row of the block goes */
    float *spare;         /* [threads, inputs], for rows of a block that are not wanted */
    void *memory;
    size_t bytes;
} bp_feed;

/* Segments of at least so many rows, encoded by so many threads, which also read where no core is left for another. `from` is
 * borrowed. */
bp_status bp_feed_create(const bp_examples *from, uint64_t least, unsigned threads, const bp_allocator *allocator, bp_feed **result,
                         bp_error *error);

/* From place `first` of these rows on; rows.count counts, and rows.index has to stay. The segment is empty. */
bp_status bp_feed_begin(bp_feed *feed, bp_rows rows, uint64_t first, bp_error *error);

/* The next segment: it begins with the rows of this one from its row `used` on. */
bp_status bp_feed_next(bp_feed *feed, uint64_t used, bp_error *error);

void bp_feed_free(bp_feed *feed);

#endif
