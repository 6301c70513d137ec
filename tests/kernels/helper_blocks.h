/* What the tests of blocks share: the tables that run here, difficult operands, and where elements of a block lie.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_BLOCKS_H
#define BP_TEST_BLOCKS_H

#include "blocks.h"
#include "helper_kernels.h"

/* A table of blocks, and the table of kernels whose functions may follow its products. */
typedef struct block_table {
    const bp_block_kernels *blocks;
    const bp_kernels *kernels;
} block_table;

enum { BLOCK_TABLES_MOST = 4 };

/* Those that run here, scalar first; returns how many. Where AMX is refused, it is not among them, and a message says so. */
size_t block_tables_here(block_table tables[BLOCK_TABLES_MOST]);

/* Beside the kinds of `fill`: products of many exponents that over- and underflow, and bf16 of few bits around 2^-63 and below. */
enum { FILL_WIDE = FILL_KINDS, FILL_FEW_BITS, BLOCK_FILLS };
void fill_difficult(float *to, size_t count, int kind, uint64_t seed);

/* Where element (r, j) goes in a term. */
size_t block_place(bp_packing packing, size_t r, size_t j);

float bf16_value(uint16_t bits);

#endif
