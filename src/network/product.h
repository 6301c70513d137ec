/* The product c = a b of a layer, rows and panels of it: cut into blocks that fit the caches.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PRODUCT_H
#define BP_PRODUCT_H

#include "dropout.h"
#include "pass.h"
#include "team.h"

typedef struct bp_product {
    size_t k;       /* columns of a */
    size_t n;       /* columns of c */
    size_t panel;   /* floats from one panel of a and of c to the next */
    const float *a; /* [k panels][ld][32] */
    const float *b; /* [n panels][k][32] */
    bool narrow;    /* n is at most BP_NARROW, and b is turned: [k panels][n][32] */
    bp_mask mask;   /* what follows the end */
    bp_end end;     /* bias [n panels][32] or NULL, a and slopes of c's shape or NULL */
    float *c;       /* [n panels][ld][32] */
} bp_product;

/* The rows of c's panels `panels`. */
void bp_product_compute(const bp_kernels *kernels, const bp_product *product, bp_span rows, bp_range panels);

#endif
