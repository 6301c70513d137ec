/* Dropout: which activations of hidden layers a minibatch keeps, and what that does to them and to their gradients.
 *
 * Element e = row x w + column of layer i, w its width rounded up to 32, is dropped where word e % 4 of the 128 random bits of
 * (seed, BP_STREAM_DROPOUT, epoch, step, element e / 4 + i 2^56) is below p 2^32; what stays is divided by 1 - p, so that
 * evaluation changes nothing (inverted dropout; Srivastava et al. 2014, as torch.nn.Dropout has it).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DROPOUT_H
#define BP_DROPOUT_H

#include "pass.h"

/* A minibatch as random numbers know it. */
typedef struct bp_draw {
    uint64_t seed;
    uint64_t epoch;
    uint64_t step; /* of the epoch */
    double share;  /* p */
} bp_draw;

/* Draws for rows of the pass, which are rows `row` ... of the minibatch, in all hidden layers; nothing where the pass keeps all. */
void bp_dropout_draw(const bp_kernels *kernels, const bp_layout *layout, const bp_pass *pass, const bp_draw *draw, bp_span rows,
                     size_t row);

/* What is dropped of the columns of a product, behind its end. */
typedef struct bp_mask {
    const uint32_t *kept;                                  /* [panels][ld] rows of bits; NULL: nothing is dropped */
    float scale;                                           /* of what is kept */
    float undo;                                            /* of a, which was scaled before, for `slope` */
    void (*slope)(size_t count, const float *a, float *d); /* then follows, or NULL */
    const float *a;                                        /* of the product's shape */
} bp_mask;

/* Of a[number], and of d[number], number > 0: a slope that a's size tells, and not its sign alone nor what
 * was kept of it before, must follow the mask. */
bp_mask bp_mask_forward(const bp_pass *pass, uint32_t number);
bp_mask bp_mask_backward(const bp_kernels *kernels, const bp_layout *layout, const bp_pass *pass, uint32_t number);

/* Rows of panel j, whose panels are `panel` floats apart; c [rows.count][32]. */
void bp_mask_apply(const bp_kernels *kernels, const bp_mask *mask, size_t panel, size_t j, bp_span rows, float *c);

#endif
