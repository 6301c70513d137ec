/* The workspace: what predicting needs besides the network. Each thread takes blocks of rows through a pass of its own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_WORKSPACE_H
#define BP_WORKSPACE_H

#include "block_product.h"
#include "examples.h"
#include "team.h"

#define BP_BLOCK_ROWS 256   /* 256 rows of 784 columns are 0.8 MiB: they stay in L2 beside the weights */
#define BP_SEATS_MAX 65536u /* threads, as in the settings */

/* What one thread has to itself, for BP_BLOCK_ROWS rows. */
typedef struct bp_seat {
    bp_pass pass; /* of d only the last, for targets and losses */
    bp_strip strip;
    bp_sparse_row *sparse; /* [BP_BLOCK_ROWS], in f32; else NULL */
    float *weight;         /* [BP_BLOCK_ROWS] */
    double *losses;        /* [BP_BLOCK_ROWS] */
    double *values;        /* [2, outputs] */
} bp_seat;

struct bp_workspace {
    bp_allocator allocator;
    void *memory; /* arena of all passes */
    size_t bytes;
    bp_layout layout;
    bp_precision precision;
    bp_weights weights; /* but for the parameters, which are those of the network that is asked */
    unsigned threads;
    unsigned generation;
    bp_seat *seat; /* [threads] */
};

/* One block: rows [first, first + count) of what was asked for are rows 0 ... count - 1 of the seat's pass, and its a[last]
 * holds z. */
typedef struct bp_block_rows {
    const bp_seat *seat;
    size_t first;
    size_t count;
} bp_block_rows;

/* What is done with a block while it is in cache; blocks of one thread come in order, those of all threads in any. */
typedef void bp_block_visit(void *context, const bp_block_rows *block);

/* Takes chosen rows of the examples through the network, block by block. Blocks are cut at multiples of BP_BLOCK_ROWS. */
bp_status bp_workspace_visit(bp_workspace *workspace, const bp_network *network, const bp_examples *examples, bp_rows rows,
                             bp_block_visit *visit, void *context, bp_error *error);

#endif
