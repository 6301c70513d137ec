/* What blocks of rows add to an evaluation: each block's sums by whichever thread has it, and each row's answer where answers are
 * kept.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TALLY_H
#define BP_TALLY_H

#include <stdbool.h>

#include "answers.h"
#include "workspace.h"

/* What one block adds; in a regression followed by the squared error of each output. */
typedef struct bp_partial {
    double loss;      /* sum of w L */
    double log_loss;  /* sum of L, where answers are kept */
    double correct;   /* right answers */
    double absolutes; /* sum of |y^ - y| */
    double squares[]; /* [outputs], sums of (y^ - y)^2 */
} bp_partial;

typedef struct bp_tally {
    const bp_workspace *workspace;
    const bp_encoder *encoder; /* NULL: network units */
    const bp_examples *examples;
    bp_rows rows;
    bp_loss loss;
    double loss_shape;
    bool classes; /* targets are classes, whatever the loss: accuracy is asked for; else errors are */
    uint32_t outputs;
    bp_answers *answers;     /* NULL: not kept */
    size_t stride;           /* bytes from partial to partial */
    unsigned char *partials; /* [bp_tally_blocks] */
} bp_tally;

/* One class out of several; else every output answers a question of its own. */
bool bp_one_of_many(bp_loss loss, uint32_t outputs);

size_t bp_tally_blocks(const bp_tally *tally);

/* A bp_block_visit; the context is the bp_tally. Partials are all 0 before. */
void bp_tally_take(void *context, const bp_block_rows *block);

/* Sum over blocks of the double at `offset` of each partial, in their order. */
double bp_tally_total(const bp_tally *tally, size_t offset);

#endif
