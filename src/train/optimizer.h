/* The optimizer: its numbers for one update, and the update of a tile.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_OPTIMIZER_H
#define BP_OPTIMIZER_H

#include "backprop.h"
#include "kernels.h"

/* Moments of the parameters, laid out as they are; NULL where the optimizer has none. */
typedef struct bp_moments {
    float *first;
    float *second;
} bp_moments;

/* How many moments a parameter has: 0, 1 or 2. */
unsigned bp_optimizer_moments(const bp_settings *settings);

/* Numbers of update t = 1, 2, ... at a rate, for a gradient that is the sum g times `scale`. */
bp_update bp_optimizer_numbers(const bp_settings *settings, uint64_t t, double rate, float scale);

/* Updates w [count] from g; `at` is where they lie in the moments. Biases do not decay. True where a gradient is not
 * finite. */
bool bp_optimizer_update(const bp_kernels *kernels, bp_optimizer optimizer, const bp_moments *moments, const bp_update *update,
                         size_t at, size_t count, float *w, const float *g);

/* The same numbers without weight decay and l1. */
bp_update bp_optimizer_for_biases(const bp_update *update);

#endif
