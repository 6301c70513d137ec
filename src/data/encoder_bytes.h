/* Sums of columns of bytes that lie side by side, as the pixels of images do.
 *
 * One column of 784 at a time touches a cache line for every byte; 64 columns at a time use all of the line. The sums are
 * whole numbers, so they are exact in any order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_BYTES_H
#define BP_ENCODER_BYTES_H

#include "dataset.h"

#define BP_BYTE_COLUMNS 64

/* Of `count` columns of the data set from `first` on. */
typedef struct bp_byte_sums {
    size_t first;
    size_t count; /* 64 at most */
    uint64_t sum[BP_BYTE_COLUMNS];
    uint64_t squares[BP_BYTE_COLUMNS];
    unsigned char low[BP_BYTE_COLUMNS];
    unsigned char high[BP_BYTE_COLUMNS];
} bp_byte_sums;

/* Nothing summed yet. */
void bp_byte_sums_start(bp_byte_sums *sums, size_t first, size_t count);

/* The chosen rows of a data set, which may be a part of a larger one. */
void bp_byte_sums_add(bp_byte_sums *sums, const bp_dataset *dataset, bp_rows rows);

/* The root of the mean square of what differs from the mean, over the `rows` rows that were summed. */
double bp_byte_deviation(const bp_byte_sums *sums, size_t place, uint64_t rows);

#endif
