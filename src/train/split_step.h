/* The split step: the gradient is made whole before anything is updated.
 *
 *      tiles    each thread: its tiles of the gradient: sum over all shards, added to those of the update's earlier minibatches;
 *               with the last one 1 / m over the rows of all, and the sum of squares
 *      ------------------------------------------------------------------------------------------------------------ barrier
 *      apply    each thread: its tiles of the parameters, by a gradient whose norm all threads know
 *      ------------------------------------------------------------------------------------------------------------ barrier
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SPLIT_STEP_H
#define BP_SPLIT_STEP_H

#include "trainer.h"

/* Puts a tile's sums to their place in trainer->gradient, as trainer->group says. */
void bp_split_tile(bp_trainer *trainer, bp_member member, const bp_tile *tile);

/* Whether sums of squares are wanted: of the gradient where it is clipped, of W where it is part of rprop's objective. */
bool bp_split_measures(const bp_trainer *trainer);

/* The sum of squares of tile `number` to its place. */
void bp_split_measure(bp_trainer *trainer, size_t number);

/* What the gradient is multiplied by: 1, or less where it is clipped. All tiles have been measured. */
float bp_split_factor(const bp_trainer *trainer);

/* J of the pass over all rows, and weight decay / 2 times W's squares, as measured. */
double bp_split_objective(const bp_trainer *trainer);

#endif
