/* The footprint: bytes of memory that a fit touches, by what they are for.
 *
 * A trainer reserves more than that: pages that only the separate calls use (the gradient as a whole, dL/dx, W^T of the first
 * layer, and the whole minibatch's activations where threads take it in chunks) are never touched by a fit, and cost nothing.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FOOTPRINT_H
#define BP_FOOTPRINT_H

#include "plan.h"

typedef struct bp_footprint {
    size_t example;     /* of each example: inputs and outputs as f32, and its place in the epoch's order */
    size_t parameters;  /* W and b: the network's, those of the last epoch's end, those of the best epoch */
    size_t optimizer;   /* moments */
    size_t activations; /* a and dL/dz of the rows under way, training and validation */
    size_t gradients;   /* sums of shards */
    size_t packed;      /* W^T */
    size_t state;       /* of the trainer and of each thread */
} bp_footprint;

bp_footprint bp_footprint_of(const bp_layout *layout, const bp_plan *plan);

/* All parts, with so many examples in memory. */
size_t bp_footprint_total(const bp_footprint *footprint, size_t examples);

/* Buffers may take up a quarter of the whole, one minibatch of examples included; the plan turns to tiles where they would
 * take more. */
#define BP_GRADIENT_SHARE 0.25

#endif
