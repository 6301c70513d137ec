/* The trainer's memory, and the pieces that a step is made of.
 *
 * A minibatch of m rows goes through two phases, with a barrier behind each, and more where the team divides a layer (grid.h):
 *
 *      rows     each thread: its rows gathered, forward, loss, backward; buffered layers: gradients of its shards
 *      ------------------------------------------------------------------------------------- barrier: the loss is looked at
 *      tiles    each thread: its tiles of the parameters: sum over all shards, 1 / m, update, transposed copy
 *      ------------------------------------------------------------------------------------------------------------ barrier
 *
 * That is the fused step. Where the whole gradient must be there before anything is updated, the step is split (split_step.h):
 * tiles makes its tiles of the gradient, and a third phase updates.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TRAINER_H
#define BP_TRAINER_H

#include <stdatomic.h>

#include "batch.h"
#include "block_product.h"
#include "fingerprint.h"
#include "gradient.h"
#include "hash.h"
#include "lbfgs.h"
#include "network.h"
#include "optimizer.h"
#include "plan.h"
#include "schedule.h"
#include "stopping.h"

/* What one thread tells the others; on a cache line of its own. */
typedef struct bp_slot {
    _Alignas(64) bool bad_loss;
    uint8_t bad_layer;   /* counted from 1; 0: every gradient so far is finite */
    atomic_size_t taken; /* blocks of its tiles that somebody has taken in this step */
} bp_slot;

/* Where a fit stands, and all that a checkpoint must hold besides parameters and moments. */
typedef struct bp_fit_state {
    uint64_t epoch;      /* finished epochs */
    uint64_t step;       /* finished steps of the running epoch */
    uint64_t steps;      /* of all epochs */
    uint64_t examples;   /* of all epochs */
    double epoch_loss;   /* sum of w L over the running epoch's rows */
    double train_loss;   /* of the last finished epoch */
    uint64_t epoch_rows; /* rows of the running epoch so far */
    bool finished;
    bp_stopping stopping;
    bp_plateau plateau;
    double rate;           /* of the last update */
    double objective;      /* rprop: J and weight decay's part before the last update; infinite before the first */
    bp_metrics validation; /* of the last finished epoch */
} bp_fit_state;

/* Phases that a trainer can time, for bench. */
typedef enum bp_phase {
    BP_PHASE_GATHER,
    BP_PHASE_FORWARD,
    BP_PHASE_LOSS,
    BP_PHASE_BACKWARD,
    BP_PHASE_GRADIENT,
    BP_PHASE_WAIT,
    BP_PHASES
} bp_phase;

/* How far the separate calls have come with a minibatch. */
typedef enum bp_stage { BP_STAGE_NONE, BP_STAGE_FORWARD, BP_STAGE_BACKWARD } bp_stage;

/* Where a minibatch stands among those of its update: as many as the plan's group, and fewer at an epoch's end. */
typedef struct bp_group {
    bool first;
    bool last;
    uint64_t rows; /* of all up to this one */
} bp_group;

struct bp_trainer {
    bp_allocator allocator;
    void *memory; /* the arena; this struct is at its start */
    size_t bytes;
    bool owned;          /* came from the allocator */
    unsigned generation; /* of the process, see team.h */

    bp_network *network; /* borrowed */
    bp_settings settings;
    bp_plan plan;

    bp_smoothing smoothing; /* of targets, before the loss */

    bp_weights weights; /* the network's, and their copies */
    bool first_copied;  /* the first layer's for dL/dx are up to date */
    bp_moments moments; /* [layout.floats] each */
    float *gradient;    /* [layout.floats], dJ/dW and dJ/db of the separate calls and of split steps; else sums of long chains */
    double *squares; /* [plan.tiles], sums of squares of its tiles, where the plan clips, or of W's for rprop with weight decay */
    float *snapshot; /* [layout.floats], parameters of the last epoch's end */
    float *best;     /* [layout.floats], parameters of the best epoch */

    bp_pass pass;    /* the whole minibatch */
    bp_pass *chunk;  /* [threads], a thread's rows of the moment, where the plan takes them in chunks */
    bp_strip *strip; /* [threads], in mixed precision */
    float *tiny;     /* [threads][BP_TINY_SCRATCH], where the plan says so */
    float *weight;   /* [batch] */
    double *losses;  /* [batch], w L of each row */
    bp_gradients gradients;
    bp_sparse_batch sparse; /* while a fit has sparse examples */
    bp_slot *slot;          /* [threads] */

    bp_group group;       /* the running minibatch's place in its update */
    bp_lbfgs lbfgs;       /* where the plan searches */
    uint64_t minibatches; /* of the caller's steps and separate calls so far */
    uint64_t updates;     /* made so far */
    bp_update update;     /* numbers of the running one */
    size_t rows;          /* of the minibatch in the separate calls */
    bp_stage stage;
    bool own_loss; /* the last layer's d is of the network's own loss, and finite */

    bp_fit_state fit;
    bool diverged;                /* moments may hold what is not finite: there is nothing to go on from */
    uint64_t total_updates;       /* of the fit; 0 outside of one */
    bp_fingerprints fingerprints; /* of the fit's data */
    char data[BP_DATA_TEXT];      /* what they are; empty before the first fit */
    atomic_int cancelled;

    bool timed;
    double phase_seconds[BP_PHASES]; /* of the caller's thread, where timed */
    double order_began, order_ended; /* clock around the making of the running epoch's order, for bench */
};

/* A minibatch: rows[0 ... m) of the examples, or m rows from `first` on where rows is NULL. */
typedef struct bp_minibatch {
    const bp_examples *examples;
    const uint64_t *rows;
    uint64_t first;
    size_t m;
    uint64_t epoch, step; /* what dropout draws by */
} bp_minibatch;

/* Before the team runs: whether the passes and the gradient take x as sparse rows. */
void bp_phase_choose(bp_trainer *trainer, const bp_examples *examples);

/* Before the team runs: nothing bad is known, not even of members that this run may lack. */
void bp_phase_clear(bp_trainer *trainer);

/* What dropout keeps of the pass's rows, rows `row` ... of a minibatch. */
void bp_phase_draw(const bp_trainer *trainer, const bp_pass *pass, bp_span span, size_t row, uint64_t epoch, uint64_t step);

/* The rows phase of one member. */
void bp_phase_rows(bp_trainer *trainer, bp_member member, const bp_minibatch *minibatch);

/* After the barrier: whether every loss is finite. */
bool bp_phase_loss_is_finite(const bp_trainer *trainer, bp_member member);

/* The tiles phase of one member, which helps others when it has finished: trainer->update holds its numbers. */
void bp_phase_tiles(bp_trainer *trainer, bp_member member, size_t m);

/* The update of one member's tiles from trainer->gradient, behind a barrier: clipped, where the plan says so. */
void bp_phase_apply(bp_trainer *trainer, bp_member member);

/* A gradient of that layer, counted from 0, is not finite. */
void bp_phase_note_bad(bp_trainer *trainer, bp_member member, uint32_t layer);

/* The first layer, counted from 1, in which a member met a gradient that is not finite; 0: none. */
uint32_t bp_phase_bad_layer(const bp_trainer *trainer, bp_member member);

/* 1/m sum of the losses of the minibatch's rows. */
double bp_phase_cost(const bp_trainer *trainer, size_t m);

/* Numbers of the next update into trainer->update: of the sum over m rows, or of a gradient where m is 1. rate <= 0: by
 * schedule. */
void bp_phase_begin_update(bp_trainer *trainer, size_t m, double rate);

/* The member's strip; empty in f32. */
static inline bp_strip bp_trainer_strip(const bp_trainer *trainer, bp_member member)
{
    return trainer->strip ? trainer->strip[member.index] : (bp_strip){.room = NULL};
}

/* Adds the time since *since to a phase, and moves *since on. The caller's thread alone measures. */
void bp_phase_lap(bp_trainer *trainer, bp_member member, bp_phase phase, double *since);

/* Makes all copies of the weights anew, but for what only dL/dx reads. */
void bp_trainer_refresh(bp_trainer *trainer);

/* BP_FORKED in a child of fork for a handle of the parent. */
bp_status bp_trainer_check(const bp_trainer *trainer, bp_error *error);

/* BP_DIVERGED with step and layer (0: the loss). */
bp_status bp_trainer_diverged(uint64_t step, uint32_t layer, bp_error *error);

#endif
