/* What the tests of blocks share: the tables that run here, and operands of bf16.
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

/* Those that this processor runs, scalar first; returns how many. AMX's permission is asked for: where it is refused, a message says
 * so. */
size_t block_tables_here(block_table tables[BLOCK_TABLES_MOST]);

/* Products between enter and leave. */
void block_product(const block_table *table, size_t rows, unsigned terms, size_t count, const uint16_t *left, const uint16_t *right,
                   bp_chain chain, const bp_end *end, float *c);

float bf16_value(uint16_t bits);
bool bf16_is_nan(uint16_t bits);

/* The contract's rounding, said with doubles. */
uint16_t bf16_nearest(float x);

#endif
