/* What `backprop bench` measures: steps of one network, computed in several ways (numbers of threads, precisions) in turns.
 *
 *      prepare each way | round 1: way 1, way 2, ... | round 2: way 1, way 2, ... | ... | phases of each way
 *
 * A round of a way is a fit of its own, of many blocks of steps; the round's figure is its blocks' median, and the way's is its
 * rounds' median. Ways take turns, so that a machine whose speed drifts treats all alike, and the rounds show the drift.
 *
 * A step's time is that of gather, forward, loss, backward and update, inside a fit. It has neither of what comes once an
 * epoch: the copy of the weights at its end, and the order of examples at its start, which is told apart as order_seconds (a
 * step's share of it). What a step costs in a fit that shuffles is the sum of both; other trainers' steps are measured
 * without loader and shuffle, so the ratio to them is of steps alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BENCH_H
#define BP_BENCH_H

#include <jansson.h>

#include "shape.h"
#include "trainer.h"

#define BP_BENCH_WAYS 64
#define BP_BENCH_ROUNDS 15
#define BP_BENCH_EPOCH 16      /* steps of an epoch, at least */
#define BP_BENCH_BLOCKS 100000 /* of one round */

/* One way to compute the steps, and what was found. Seconds are of one step. */
typedef struct bp_bench_way {
    uint64_t threads; /* as asked for; 0: auto */
    int32_t precision;
    bp_network *network;
    bp_trainer *trainer;
    uint64_t minibatches; /* of an epoch */
    uint64_t block;       /* steps of a block, a divisor of it */
    double round[BP_BENCH_ROUNDS];
    size_t rounds;
    double least;       /* of all blocks */
    uint64_t steps;     /* in all blocks */
    double order;       /* seconds of all orders that were made */
    double order_steps; /* steps of the epochs that they were made for */
    double cold, hot;   /* peaks before and right behind the steps, in 1e9 operations a second */
    double phase[BP_PHASES];
    double product_error; /* see bench_error.h */
} bp_bench_way;

typedef struct bp_bench {
    const bp_arguments *arguments;
    bp_shape shape;
    double seconds; /* for each way */
    bp_bench_way way[BP_BENCH_WAYS];
    size_t ways;

    size_t x_bytes, y_bytes;
    float *x, *y;
    int32_t *classes; /* [rows] */
    bp_examples *examples;
    uint64_t *index; /* [indices]: rows of an epoch, which come again and again */
    uint64_t indices;

    bp_bench_way *running;
    double *block; /* [BP_BENCH_BLOCKS], of the running round */
    size_t blocks;
    uint64_t last_step;
    double last_time;
    double end;
} bp_bench;

/* Random examples for the shape, and the memory that measuring takes. The exit code; bp_bench_free in any case. */
int bp_bench_prepare(bp_bench *bench);
void bp_bench_free(bp_bench *bench);

/* Measures all ways. */
bp_status bp_bench_measure(bp_bench *bench, bp_error *error);

/* The median of the way's rounds. */
double bp_bench_step(const bp_bench_way *way);

/* One JSON object a line, or text, for a way that was measured. */
int bp_bench_print(const bp_bench *bench, const bp_bench_way *way);

/* The machine, as far as it makes figures differ: of two files whose objects differ, no figures should be compared. */
json_t *bp_bench_machine(void);

#endif
