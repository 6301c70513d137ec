/* The order of examples: which rows make up each minibatch.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SAMPLER_H
#define BP_SAMPLER_H

#include "backprop.h"
#include "kernels.h"

/* order [rows.count] gets the rows in the order of one epoch: as they stand, or shuffled by (seed, epoch). Every epoch's
 * order is made from the rows themselves, not from the last one's, so that an epoch can be resumed. */
void bp_sampler_order(const bp_kernels *kernels, bp_rows rows, bp_shuffle shuffle, uint64_t seed, uint64_t epoch, uint64_t *order);

#endif
