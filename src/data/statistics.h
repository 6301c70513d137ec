/* Statistics of columns over chosen rows. The rows come in one block after another: a whole data set, or the parts of a file
 * that is larger than memory.
 *
 *      pass 1   missing values, low, high, mean; how often each category occurs
 *      pass 2   deviation, from the mean: in one pass with it the difference of squares would cancel
 *
 *      rows of a pass    0 ...... 4095 | 4096 .... 8191 | ...        whatever blocks they came in
 *                        64 chains of 64 | 64 chains ...             ascending, in double, a missing value being +0
 *                              tree           tree      -> tree      as in core/sum.h
 *
 * Invariant: a result is a function of the chosen rows in their order. Neither blocks nor threads change a bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_STATISTICS_H
#define BP_STATISTICS_H

#include "dataset.h"
#include "encoder_bytes.h"
#include "sum.h"

/* What is wanted of a column, and what may not be in it. */
enum {
    BP_WANT_VALUES = 1,     /* all of pass 1 */
    BP_WANT_DEVIATION = 2,  /* of numbers, with the former */
    BP_REFUSE_MISSING = 4,  /* "the target is missing" where it is one */
    BP_REFUSE_INFINITE = 8, /* the others are for numbers */
    BP_REFUSE_NEGATIVE = 16
};

typedef struct bp_column_statistics {
    unsigned want;
    uint64_t missing;
    double low; /* numbers: INFINITY, -INFINITY, 0, 0 where all are missing */
    double high;
    double mean;
    double deviation; /* the root of the mean square of what differs from the mean; 0 where it was not wanted */
    uint64_t *counts; /* [category_count]; NULL for numbers */
    bp_sum sum;       /* of the running pass */
} bp_column_statistics;

typedef struct bp_statistics {
    bp_pool pool;
    unsigned threads;
    uint64_t rows;                 /* of a whole pass, once the first is over */
    uint64_t taken;                /* of the running pass */
    bool second;                   /* it is the second */
    bp_column_statistics *columns; /* [column_count] */
    size_t column_count;
    size_t *numbers; /* [number_count]: columns of numbers but bytes */
    size_t number_count;
    size_t *codes; /* [code_count]: columns of categories */
    size_t code_count;
    bp_byte_sums *bytes; /* [byte_count]: columns of bytes that are neighbours */
    size_t byte_count;
} bp_statistics;

/* `want` [columns] is a sum of the above for each column of `shape`, of which names, types and categories are used. `threads`
 * is an upper limit; 0: as many as the machine gives. */
bp_status bp_statistics_create(const bp_dataset *shape, const unsigned *want, unsigned threads, const bp_allocator *allocator,
                               bp_statistics **result, bp_error *error);

/* The next rows of the running pass, `rows` of `block`, which has the shape's columns; rows.count counts. BP_BAD_FILE tells row
 * and column of what is refused. */
bp_status bp_statistics_add(bp_statistics *statistics, const bp_dataset *block, bp_rows rows, bp_error *error);

/* Ends a pass. True where another one is wanted, over the same rows in the same order. */
bool bp_statistics_next(bp_statistics *statistics);

void bp_statistics_free(bp_statistics *statistics);

/* How many threads are worth while for so many values: `threads`, 0 for as many as the machine gives, is the most. */
unsigned bp_data_threads(unsigned threads, uint64_t values);

#endif
