/* How far an f32 engine may be from the exact gradient: running error analysis beside the reference.
 *
 * With u = 2^-24, a chain of k fused multiply-adds is off by at most k u (1 + k u) times the sum of its magnitudes, and an
 * error of the input goes through |W|, through the activation's slope, and back. A ReLU whose z is nearer to 0 than its own
 * error may be on either side. What is over the bound is a mistake, not rounding.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_BOUNDS_H
#define BP_TEST_BOUNDS_H

#include "reference.h"

#define BOUND_WIDTH 160 /* the widest layer */

typedef struct bounds {
    double J, J_bound;
    double *gradient, *gradient_bound; /* [parameters] */
    double *y_hat, *y_hat_bound;       /* [m, outputs] */
    double *d_x, *d_x_bound;           /* [m, inputs] dL/dx of each example */
} bounds;

/* Over a minibatch x [m, inputs], y [m, outputs]. */
bounds bounds_create(bp_reference *reference, size_t m, const float *x, const float *y);
void bounds_free(bounds *b);

/* The first of count numbers that is further from `exact` than `bound`; count if none is. NaN is. */
size_t first_outside(const float *got, const double *exact, const double *bound, size_t count);

#endif
