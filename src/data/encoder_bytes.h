/* Sums of columns of bytes that lie side by side, as the pixels of images do.
 *
 * One column of 784 at a time touches a cache line for every byte; 64 columns at a time use all of the line. The sums are
 * whole numbers, so they are exact in any order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_BYTES_H
#define BP_ENCODER_BYTES_H

#include "dataset.h"

/* The data set's row behind the i-th chosen one. */
static inline uint64_t bp_rows_at(bp_rows rows, uint64_t i)
{
    return rows.index ? rows.index[i] : i;
}

#define BP_BYTE_COLUMNS 64

/* All bits 0: of no columns. */
typedef struct bp_byte_sums {
    const unsigned char *first; /* the first row of the first column */
    size_t stride;
    size_t count; /* of columns */
    uint64_t sum[BP_BYTE_COLUMNS];
    uint64_t squares[BP_BYTE_COLUMNS];
    unsigned char low[BP_BYTE_COLUMNS];
    unsigned char high[BP_BYTE_COLUMNS];
} bp_byte_sums;

typedef struct bp_moments {
    double low;
    double high;
    double mean;
    double deviation; /* the root of the mean square of what differs from the mean */
} bp_moments;

/* Over the chosen rows, of a column of bytes and of the data set's columns behind it that lie beside it. What `sums` holds
 * already is not summed again. */
bp_moments bp_byte_moments(const bp_dataset *dataset, const bp_column *column, bp_rows rows, bp_byte_sums *sums);

#endif
