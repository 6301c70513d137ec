/* Where the rows of a text lie, before anybody looks at a field.
 *
 *      chunk 0          chunk 1          chunk 2            fixed sizes, counted on all threads at once
 *      a,b\n1,2\n3|,"x\ny"\n5,6\n7,|8\n"9\n9",1\n|
 *      ^                       ^          ^
 *      segment 0               1          2                 each begins with the first row that begins in its chunk
 *
 * Whether a chunk begins inside quotes is known only when all before it are counted, so that a chunk is counted both ways; a
 * quote more or less turns one way into the other. Chunks do not depend on the number of threads, so nothing else does.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_SURVEY_H
#define BP_CSV_SURVEY_H

#include <stdbool.h>

#include "csv_source.h"

typedef struct bp_csv_segment {
    uint64_t begin; /* bytes; every segment begins with a row */
    uint64_t end;
    uint64_t row; /* the first one's number */
    uint64_t rows;
    uint64_t line; /* it begins on, counted from 1 */
} bp_csv_segment;

typedef struct bp_csv_survey {
    bp_csv_segment *segments; /* [count] */
    size_t count;
    size_t bytes;   /* that the segments take */
    uint64_t rows;  /* that are not blank, a header included */
    bool plain;     /* every row is a line */
    size_t longest; /* segment, in bytes */
} bp_csv_survey;

/* Counts by chunks of `chunk` bytes. BP_BAD_FILE with the line for text that is not UTF-8, or holds NUL. A byte order mark is
 * left out. On failure there is nothing to release. */
bp_status bp_csv_survey_make(const bp_csv_source *source, size_t chunk, unsigned threads, bp_csv_survey *result, bp_error *error);

void bp_csv_survey_release(bp_csv_survey *survey, const bp_allocator *allocator);

#endif
