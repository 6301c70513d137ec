/* A fit in progress: which rows come when, and what happens between blocks of steps.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FIT_H
#define BP_FIT_H

#include "pace.h"
#include "trainer.h"

/* A block of steps inside one parallel region. */
typedef struct bp_run {
    bp_trainer *trainer;
    const bp_examples *examples;
    const uint64_t *order; /* [rows], or NULL: as they stand */
    uint64_t rows;         /* of the epoch */
    uint64_t first, end;   /* steps of the epoch */
    uint64_t pause_at;     /* ask for a pause when so many steps of all epochs are done; 0: never */
    double pause_time;     /* or when the clock says so; 0: never */
    double slice_end;      /* leave the region when the clock says so, for the pace's sake; 0: never */
    unsigned threads;
    bool in_fit;
    bool stop;   /* written by member 0 before a step's first barrier, read by all before its second */
    double cost; /* J of the last step */
} bp_run;

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
    uint64_t steps;          /* of an epoch */
    bp_pace pace;
    double started;
    double last_pause;
} bp_fit;

bp_minibatch bp_run_minibatch(const bp_run *run, uint64_t step);

/* Member 0, before the barrier: numbers of the update, and whether to stop behind this step. */
void bp_run_decide(bp_run *run, uint64_t step, size_t m);

/* Member 0, during the update: the step is done. */
void bp_run_count(bp_run *run, size_t m);

/* The barrier; the time that the caller's thread waits is measured where the trainer is timed. */
void bp_run_barrier(bp_run *run, bp_member member);

/* The steps of a run on the calling thread alone, inside a team of somebody else's. */
bp_status bp_run_alone(bp_run *run);

/* What came of the trainer's last run: BP_OK, or BP_DIVERGED with step and layer. */
bp_status bp_run_outcome(const bp_trainer *trainer, bp_error *error);

/* Examples over rows of the caller's. BP_INVALID for no rows, and for missing arrays. */
bp_status bp_rows_of_caller(const bp_trainer *trainer, uint64_t rows, const float *x, const float *y, const float *weight,
                            bp_examples *examples, bp_error *error);

/* The same of a minibatch. BP_INVALID for more rows than the batch size, too. */
bp_status bp_minibatch_of_caller(const bp_trainer *trainer, uint64_t m, const float *x, const float *y, const float *weight,
                                 bp_examples *examples, bp_error *error);

/* Checks the data against the network and the resumed state, and allocates what epochs need. */
bp_status bp_fit_begin(bp_fit *fit, bp_trainer *trainer, const bp_encoder *encoder, const bp_examples *training,
                       bp_rows training_rows, const bp_examples *validation, bp_rows validation_rows, const bp_callbacks *callbacks,
                       bp_error *error);
void bp_fit_end(bp_fit *fit);

/* The order of the running epoch. */
void bp_fit_order(bp_fit *fit);

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
