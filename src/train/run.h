/* A run: a block of steps inside one parallel region, and which rows come when.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_RUN_H
#define BP_RUN_H

#include "trainer.h"

/* A block of steps inside one parallel region. */
typedef struct bp_run {
    bp_trainer *trainer;
    const bp_examples *examples;
    const uint64_t *order; /* [rows], or NULL: as they stand */
    uint64_t rows;         /* of the epoch */
    uint64_t base;         /* without an order: which of them the examples begin with */
    uint64_t first, end;   /* steps of the epoch */
    uint64_t pause_at;     /* ask for a pause when so many steps of all epochs are done; 0: never */
    double pause_time;     /* or when the clock says so; 0: never */
    double slice_end;      /* leave the region when the clock says so, for the pace's sake; 0: never */
    unsigned threads;
    bool in_fit;
    bool stop;        /* written by member 0 before a step's first barrier, read by all before its second */
    double cost;      /* J: mean over the rows of all steps so far, but for a fit's */
    uint64_t counted; /* those rows */
} bp_run;

/* Minibatches of so many rows. */
uint64_t bp_run_steps(const bp_trainer *trainer, uint64_t rows);

bp_minibatch bp_run_minibatch(const bp_run *run, uint64_t step);

/* Member 0, before the barrier: the minibatch's place in its update, the update's numbers, and whether to stop behind it. */
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

/* The same of one update's rows. BP_INVALID for more of them than the trainer takes, too. */
bp_status bp_minibatch_of_caller(const bp_trainer *trainer, uint64_t m, const float *x, const float *y, const float *weight,
                                 bp_examples *examples, bp_error *error);

#endif
