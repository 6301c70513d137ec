/* Tiny networks: one hidden layer and one output, so small that calls, clears and copies between the pieces of a step would cost
 * more than its arithmetic (8-16-1, 32 rows: 2.4 us a step in pieces, 0.3 so). A shard's rows take one call, from gathering to the
 * gradient, and the update one for each part of the parameters.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TRAIN_TINY_H
#define BP_TRAIN_TINY_H

#include "trainer.h"

/* A member's rows of the minibatch: their losses, and the gradients of their shards. True where all losses are finite. */
bool bp_tiny_rows_phase(bp_trainer *trainer, bp_member member, bp_range range, const bp_minibatch *minibatch);

/* The update, by one member of the team: it takes less time than sharing it would. */
void bp_tiny_update(bp_trainer *trainer, bp_member member);

#endif
