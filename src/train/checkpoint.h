/* Checkpoints: all that a fit depends on, as a safetensors file, so that a later process goes on with the same bits.
 *
 *      parameters, moment.first, moment.second, snapshot, best   F32, flat blocks as in network/layout.h
 *      lbfgs.gradient, lbfgs.s0 ... y9   F32, and lbfgs   F64, with that optimizer
 *      counters   U64, values   F64                              in the order of the lists below
 *      metadata   format, version, layers, activation, loss, fingerprint.training, .validation, .encoder, data, and every setting
 *                 that fixes the result
 *
 * This is shared by the file that writes them and the one that reads them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CHECKPOINT_H
#define BP_CHECKPOINT_H

#include "trainer.h"

#define BP_CHECKPOINT_FORMAT "backprop-checkpoint"
#define BP_CHECKPOINT_SETTING "setting." /* in front of the keys */
#define BP_CHECKPOINT_FINGERPRINT "fingerprint."
#define BP_CHECKPOINT_VERSION 4
#define BP_CHECKPOINT_FIRST 4 /* of the versions that are read, for ever; 1 to 3 are from before the first release */

enum {
    BP_CHECKPOINT_METRIC_VALUES = 8,
    BP_CHECKPOINT_OTHER_VALUES = 6,
    BP_CHECKPOINT_VALUES = BP_CHECKPOINT_OTHER_VALUES + 2 * BP_CHECKPOINT_METRIC_VALUES,
    BP_CHECKPOINT_COUNTERS = 12,
    BP_CHECKPOINT_EPOCH = 0, /* places among the counters */
    BP_CHECKPOINT_BEST_EPOCH = 7,
    BP_CHECKPOINT_BLOCKS = 6 + 2 * BP_LBFGS_HISTORY,
    BP_CHECKPOINT_SHAPE = 12 * (BP_LAYERS_MAX + 1)
};

typedef struct bp_named_block {
    const char *name;
    float *block; /* [layout.floats] */
} bp_named_block;

/* The blocks of a trainer's parameters; blocks that it does not have are left out. Returns how many there are. */
size_t bp_checkpoint_blocks(const bp_trainer *trainer, bp_named_block list[BP_CHECKPOINT_BLOCKS]);

/* Where the numbers are that are no parameters. */
void bp_checkpoint_values(bp_fit_state *fit, double *list[BP_CHECKPOINT_VALUES]);
void bp_checkpoint_counters(bp_fit_state *fit, uint64_t *updates, uint64_t *finished, uint64_t *list[BP_CHECKPOINT_COUNTERS]);

/* "784,512,10" */
void bp_checkpoint_shape(const bp_layout *layout, char text[BP_CHECKPOINT_SHAPE]);

#endif
