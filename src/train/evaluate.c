/* Metrics over rows: partial sums of each block of rows, by whichever thread has it, then sums over the blocks in order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "error.h"
#include "evaluate.h"
#include "network.h"
#include "sum.h"
#include "tally.h"

bool bp_has_classes(const bp_network *network, const bp_examples *examples)
{
    return network->loss == BP_CROSS_ENTROPY || network->loss == BP_BINARY_CROSS_ENTROPY || examples->classes;
}

typedef struct evaluation {
    bp_tally tally;
    double *target; /* [outputs], one row's */
    bp_sum *sums;   /* [outputs] */
    double *mean;   /* [outputs] */
} evaluation;

/* ----------------------------------------------------------------------------------------------------------- baseline */

/* Target row r of those asked for, in the target's unit. */
static void read_target(const evaluation *e, uint64_t r)
{
    uint64_t row = e->tally.rows.index ? e->tally.rows.index[r] : r;

    for (size_t j = 0; j < e->tally.outputs; j++)
        e->target[j] = e->tally.examples->classes ? (double)(e->tally.outputs == 1 ? e->tally.examples->classes[row]
                                                                                   : e->tally.examples->classes[row] == (int32_t)j)
                                                  : (double)e->tally.examples->y[row * e->tally.examples->y_stride + j];
    if (!e->tally.classes && e->tally.encoder)
        bp_encoder_decode(e->tally.encoder, 1, e->target);
}

static void restart(const evaluation *e)
{
    for (size_t j = 0; j < e->tally.outputs; j++)
        bp_sum_start(&e->sums[j]);
}

static void find_means(const evaluation *e)
{
    restart(e);
    for (uint64_t r = 0; r < e->tally.rows.count; r++) {
        read_target(e, r);
        for (size_t j = 0; j < e->tally.outputs; j++)
            bp_sum_add(&e->sums[j], e->target[j]);
    }
    for (size_t j = 0; j < e->tally.outputs; j++)
        e->mean[j] = bp_sum_total(&e->sums[j]) / (double)e->tally.rows.count;
}

/* The share that the most frequent class has; of separate yes and no answers, that of the more frequent one each. */
static double majority(const evaluation *e)
{
    double share = 0.0;

    for (size_t j = 0; j < e->tally.outputs; j++) {
        double yes = e->mean[j], more = yes > 0.5 ? yes : 1.0 - yes;
        if (!bp_one_of_many(e->tally.loss, e->tally.outputs))
            share += more / e->tally.outputs;
        else if (yes > share)
            share = yes;
    }
    return share;
}

/* Squares about the mean stay in e->sums. */
static double add_squares(const evaluation *e)
{
    double squares = 0.0;

    restart(e);
    for (uint64_t r = 0; r < e->tally.rows.count; r++) {
        read_target(e, r);
        for (size_t j = 0; j < e->tally.outputs; j++) {
            double difference = e->target[j] - e->mean[j];
            bp_sum_add(&e->sums[j], difference * difference);
        }
    }
    for (size_t j = 0; j < e->tally.outputs; j++)
        squares += bp_sum_total(&e->sums[j]);
    return squares;
}

/* ------------------------------------------------------------------------------------------------------------ totals */

static void regression_metrics(const evaluation *e, bp_metrics *metrics)
{
    double squares = 0.0, r2 = 0.0, count = (double)e->tally.rows.count * e->tally.outputs;

    find_means(e);
    metrics->baseline_rmse = sqrt(add_squares(e) / count);
    for (size_t j = 0; j < e->tally.outputs; j++) {
        double own = bp_tally_total(&e->tally, offsetof(bp_partial, squares) + j * sizeof(double)),
               about_mean = bp_sum_total(&e->sums[j]);
        squares += own;
        r2 += about_mean > 0.0 ? (1.0 - own / about_mean) / e->tally.outputs : NAN;
    }
    metrics->rmse = sqrt(squares / count);
    metrics->mae = bp_tally_total(&e->tally, offsetof(bp_partial, absolutes)) / count;
    metrics->r2 = r2;
}

static void class_metrics(const evaluation *e, bp_metrics *metrics)
{
    double answers = (double)e->tally.rows.count * (bp_one_of_many(e->tally.loss, e->tally.outputs) ? 1 : e->tally.outputs);

    metrics->accuracy = bp_tally_total(&e->tally, offsetof(bp_partial, correct)) / answers;
    find_means(e);
    metrics->baseline_accuracy = majority(e);
}

static void collect(const evaluation *e, bp_metrics *metrics)
{
    *metrics = (bp_metrics){
        .rows = e->tally.rows.count,
        .loss = bp_tally_total(&e->tally, offsetof(bp_partial, loss)) / (double)e->tally.rows.count,
        .accuracy = NAN,
        .rmse = NAN,
        .mae = NAN,
        .r2 = NAN,
        .baseline_accuracy = NAN,
        .baseline_rmse = NAN,
        .watched = NAN,
    };
    if (!e->tally.classes)
        regression_metrics(e, metrics);
    else
        class_metrics(e, metrics);
    if (e->tally.answers)
        e->tally.answers->log_loss = bp_tally_total(&e->tally, offsetof(bp_partial, log_loss)) / (double)e->tally.rows.count;
}

typedef struct collection {
    const evaluation *evaluation;
    bp_metrics *metrics;
} collection;

/* Alone, where the team's floating-point state holds: the host may round in another direction. */
static void collect_alone(void *context, bp_member member)
{
    const collection *work = context;
    (void)member;
    collect(work->evaluation, work->metrics);
}

bp_status bp_evaluate_check(const bp_network *network, const bp_encoder *encoder, const bp_examples *examples, bp_rows rows,
                            bp_error *error)
{
    uint32_t outputs = network->layout.layer[network->layout.layers - 1].n;

    if (examples->outputs != outputs || (!examples->y && !examples->classes))
        return bp_fail(error, BP_INVALID, "the examples have %u targets, the network has %u outputs", examples->outputs, outputs);
    BP_TRY(bp_network_check_encoder(network, encoder, error));
    return rows.count ? BP_OK : bp_fail(error, BP_INVALID, "there are no rows to evaluate");
}

static void carve(evaluation *e, bp_arena *arena)
{
    e->tally.partials = bp_arena_take(arena, bp_tally_blocks(&e->tally), e->tally.stride);
    e->sums = bp_arena_take(arena, e->tally.outputs, sizeof *e->sums);
    e->target = bp_arena_take(arena, e->tally.outputs, sizeof *e->target);
    e->mean = bp_arena_take(arena, e->tally.outputs, sizeof *e->mean);
}

bp_status bp_evaluate(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder, const bp_examples *examples,
                      bp_rows rows, bp_answers *answers, bp_metrics *result, bp_error *error)
{
    BP_TRY(bp_evaluate_check(network, encoder, examples, rows, error));
    evaluation e = {
        .tally =
            {
                .workspace = workspace,
                .encoder = encoder,
                .examples = examples,
                .rows = rows,
                .loss = network->loss,
                .loss_shape = network->loss_shape,
                .outputs = examples->outputs,
                .classes = bp_has_classes(network, examples),
                .answers = answers,
                .stride = sizeof(bp_partial) + examples->outputs * sizeof(double),
            },
    };
    bp_arena arena = {.base = NULL};
    carve(&e, &arena);
    size_t bytes;
    void *memory = bp_arena_commit(&arena, &workspace->allocator, &bytes);
    if (!memory)
        return bp_fail(error, BP_NO_MEMORY, "metrics of %llu rows: %zu bytes were refused", (unsigned long long)rows.count, bytes);
    carve(&e, &arena);
    memset(e.tally.partials, 0, bp_tally_blocks(&e.tally) * e.tally.stride);
    bp_status status = bp_workspace_visit(workspace, network, examples, rows, bp_tally_take, &e.tally, error);
    if (status == BP_OK)
        bp_team_run(1, collect_alone, &(collection){&e, result});
    bp_release(&workspace->allocator, memory, bytes);
    return status;
}

bp_status bp_network_evaluate(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                              const bp_examples *examples, bp_rows rows, bp_metrics *result, bp_error *error)
{
    if (!rows.index)
        rows.count = examples->rows;
    return bp_evaluate(network, workspace, encoder, examples, rows, NULL, result, error);
}
