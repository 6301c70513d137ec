/* A fit in progress: its epochs, and what happens between blocks of steps.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FIT_H
#define BP_FIT_H

#include "feed.h"
#include "pace.h"
#include "run.h"
#include "sampler.h"

typedef struct bp_fit {
    bp_trainer *trainer;
    const bp_encoder *encoder;
    const bp_examples *training;
    bp_rows training_rows;
    const bp_examples *validation; /* NULL: none */
    bp_rows validation_rows;
    bp_callbacks callbacks;
    bp_workspace *workspace; /* NULL where there is no validation */
    uint64_t *order;         /* [training_rows.count] */
    bp_feed *feed;           /* where the training examples are larger than memory; else NULL */
    bp_block_order blocks;   /* where they are shuffled by blocks */
    uint64_t steps;          /* of an epoch */
    bp_pace pace;
    double started;
    double last_pause;
} bp_fit;

/* BP_INVALID for data that do not go with the network and its settings; BP_DIVERGED where an earlier fit has. */
bp_status bp_fit_check(const bp_fit *fit, bp_error *error);

/* Checks the data against the network and the resumed state, and allocates what epochs need. */
bp_status bp_fit_begin(bp_fit *fit, bp_trainer *trainer, const bp_encoder *encoder, const bp_examples *training,
                       bp_rows training_rows, const bp_examples *validation, bp_rows validation_rows, const bp_callbacks *callbacks,
                       bp_error *error);
void bp_fit_end(bp_fit *fit);

/* The order of the running epoch; reading ahead begins. */
bp_status bp_fit_order(bp_fit *fit, bp_error *error);

/* The rows of the next steps come into memory, where they are not. */
bp_status bp_fit_fetch(bp_fit *fit, bp_error *error);

/* The running epoch begins again with its first row. */
bp_status bp_fit_rewind(bp_fit *fit, bp_error *error);

/* The rest of the running epoch. */
bp_run bp_fit_run(const bp_fit *fit);

/* After a block: what it tells of the pace. */
void bp_fit_measure(bp_fit *fit, const bp_run *run, double seconds);

/* After a block that was stopped: true where the fit is cancelled. Calls back where a pause was due. */
bool bp_fit_pause(bp_fit *fit, const bp_run *run);

/* Closes the epoch: validation, early stopping, snapshot. */
bp_status bp_fit_end_epoch(bp_fit *fit, bp_error *error);

/* Calls back; true where the fit is cancelled. */
bool bp_fit_tell_epoch(bp_fit *fit);

/* At the end, where early stopping watches: the best epoch's parameters and metrics take the place of the last one's. */
void bp_fit_keep_best(bp_fit *fit);

bp_progress bp_fit_progress(const bp_fit *fit);

/* Makes `parameters` [layout.floats] the network's. */
void bp_fit_restore(bp_trainer *trainer, const float *parameters);

#endif
