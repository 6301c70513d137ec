/* Metrics over rows: partial sums of each block of rows, by whichever thread has it, then sums over the blocks in order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "answers.h"
#include "batch.h"
#include "elementary.h"
#include "error.h"
#include "evaluate.h"
#include "loss.h"
#include "network.h"
#include "size.h"
#include "sum.h"
#include "workspace.h"

bool bp_has_classes(const bp_network *network, const bp_examples *examples)
{
    return network->loss == BP_CROSS_ENTROPY || network->loss == BP_BINARY_CROSS_ENTROPY || examples->classes;
}

bool bp_one_of_many(bp_loss loss, uint32_t outputs)
{
    return loss == BP_CROSS_ENTROPY || (loss != BP_BINARY_CROSS_ENTROPY && outputs > 1);
}

/* What one block adds; in a regression followed by the squared error of each output. */
typedef struct partial {
    double loss;      /* sum of w L */
    double log_loss;  /* sum of L, where answers are kept */
    double correct;   /* right answers */
    double absolutes; /* sum of |y^ - y| */
    double squares[]; /* [outputs], sums of (y^ - y)^2 */
} partial;

typedef struct evaluation {
    const bp_workspace *workspace;
    const bp_encoder *encoder; /* NULL: network units */
    const bp_examples *examples;
    bp_rows rows;
    bp_loss loss;
    double loss_shape;
    bool classes; /* targets are classes, whatever the loss: accuracy is asked for; else errors are */
    uint32_t outputs;
    bp_answers *answers;     /* NULL: not kept */
    size_t stride;           /* bytes from partial to partial */
    unsigned char *partials; /* [blocks] */
    double *target;          /* [outputs], one row's */
    bp_sum *sums;            /* [outputs] */
    double *mean;            /* [outputs] */
} evaluation;

static partial *partial_at(const evaluation *e, size_t block)
{
    return (partial *)(void *)(e->partials + block * e->stride);
}

static double element(const bp_pass *pass, const float *block, size_t row, size_t j)
{
    return (double)block[j / BP_PANEL * bp_pass_panel(pass) + row * BP_PANEL + j % BP_PANEL];
}

/* ----------------------------------------------------------------------------------------------------- blocks of rows */

/* One class out of several; else every output answers a question of its own. */
static bool one_of_many(const evaluation *e)
{
    return bp_one_of_many(e->loss, e->outputs);
}

/* The first of the largest; a NaN is never larger. */
static size_t largest(const bp_pass *pass, const float *block, size_t row, uint32_t n)
{
    size_t best = 0;

    for (size_t j = 1; j < n; j++)
        if (element(pass, block, row, j) > element(pass, block, row, best))
            best = j;
    return best;
}

static double count_correct(const evaluation *e, const bp_pass *pass, uint32_t last, size_t row)
{
    double correct = 0.0;

    if (one_of_many(e))
        return largest(pass, pass->a[last], row, e->outputs) == largest(pass, pass->d[last], row, e->outputs);
    double middle = e->loss == BP_BINARY_CROSS_ENTROPY ? 0.0 : 0.5; /* z > 0 is a probability above one half */
    for (size_t j = 0; j < e->outputs; j++)
        correct += (element(pass, pass->a[last], row, j) > middle) == (element(pass, pass->d[last], row, j) > 0.5);
    return correct;
}

static void decode(const evaluation *e, double *values)
{
    if (e->encoder)
        bp_encoder_decode(e->encoder, 1, values);
}

/* `first` is the block's place among the rows asked for. */
static void add_errors(const evaluation *e, const bp_seat *seat, uint32_t last, size_t first, size_t row, partial *sums)
{
    double *predicted = seat->values, *target = seat->values + e->outputs;

    for (size_t j = 0; j < e->outputs; j++) {
        predicted[j] = element(&seat->pass, seat->pass.a[last], row, j);
        if (e->loss == BP_POISSON)
            predicted[j] = bp_exp(predicted[j]);
        target[j] = element(&seat->pass, seat->pass.d[last], row, j);
    }
    decode(e, predicted);
    decode(e, target);
    for (size_t j = 0; j < e->outputs; j++) {
        double difference = predicted[j] - target[j];
        sums->squares[j] += difference * difference;
        sums->absolutes += fabs(difference);
    }
    if (e->answers)
        bp_answers_take_numbers(e->answers, first + row, predicted, target);
}

static void gather_targets(const evaluation *e, const bp_block_rows *block, float *weight)
{
    const bp_pass *pass = &block->seat->pass;
    bp_batch batch = {.y = pass->d[e->workspace->layout.layers], .weight = weight, .panel = bp_pass_panel(pass)};

    bp_batch_gather(&batch, e->workspace->weights.arithmetic.kernels, e->examples,
                    e->rows.index ? e->rows.index + block->first : NULL, block->first, 0, block->count);
}

/* Sum of the rows' losses, and d[last] becomes their gradient. */
static double sum_losses(const evaluation *e, const bp_block_rows *block, const float *weight)
{
    const bp_seat *seat = block->seat;
    double sum = 0.0;

    bp_loss_rows(e->workspace->weights.arithmetic.kernels, e->loss, e->loss_shape, e->outputs, &seat->pass,
                 e->workspace->layout.layers, (bp_span){0, block->count}, weight, seat->losses);
    for (size_t row = 0; row < block->count; row++)
        sum += seat->losses[row];
    return sum;
}

/* Before the loss, which overwrites the targets. */
static void keep_classes(const evaluation *e, const bp_pass *pass, uint32_t last, size_t first, size_t row)
{
    double middle = e->loss == BP_BINARY_CROSS_ENTROPY ? 0.0 : 0.5;

    if (one_of_many(e)) {
        bp_answers_take_class(e->answers, first + row, 0, (uint32_t)largest(pass, pass->d[last], row, e->outputs),
                              (uint32_t)largest(pass, pass->a[last], row, e->outputs));
        return;
    }
    for (uint32_t j = 0; j < e->outputs; j++)
        bp_answers_take_class(e->answers, first + row, j, element(pass, pass->d[last], row, j) > 0.5,
                              element(pass, pass->a[last], row, j) > middle);
}

/* What is over when the loss has been taken: a[last] becomes the prediction. */
static void keep_scores(const evaluation *e, const bp_block_rows *block, partial *sums)
{
    const bp_pass *pass = &block->seat->pass;
    uint32_t last = e->workspace->layout.layers;

    if (!e->examples->weight) {
        sums->log_loss = sums->loss;
    } else {
        gather_targets(e, block, NULL);
        sums->log_loss = sum_losses(e, block, NULL);
    }
    bp_prediction_rows(e->workspace->weights.arithmetic.kernels, e->loss, e->outputs, pass, last, (bp_span){0, block->count});
    for (uint32_t j = 0; j < e->outputs; j++)
        for (size_t row = 0; row < block->count; row++)
            bp_answers_take_score(e->answers, block->first + row, j, (float)element(pass, pass->a[last], row, j));
}

static void sum_block(void *context, const bp_block_rows *block)
{
    const evaluation *e = context;
    const bp_seat *seat = block->seat;
    const bp_pass *pass = &seat->pass;
    uint32_t last = e->workspace->layout.layers;
    partial *sums = partial_at(e, block->first / BP_BLOCK_ROWS);

    gather_targets(e, block, seat->weight);
    for (size_t row = 0; row < block->count; row++) {
        if (!e->classes)
            add_errors(e, seat, last, block->first, row, sums);
        else
            sums->correct += count_correct(e, pass, last, row);
        if (e->classes && e->answers)
            keep_classes(e, pass, last, block->first, row);
    }
    sums->loss = sum_losses(e, block, seat->weight);
    if (e->classes && e->answers)
        keep_scores(e, block, sums);
}

/* ----------------------------------------------------------------------------------------------------------- baseline */

/* Target row r of those asked for, in the target's unit. */
static void read_target(const evaluation *e, uint64_t r)
{
    uint64_t row = e->rows.index ? e->rows.index[r] : r;

    for (size_t j = 0; j < e->outputs; j++)
        e->target[j] = e->examples->classes
                           ? (double)(e->outputs == 1 ? e->examples->classes[row] : e->examples->classes[row] == (int32_t)j)
                           : (double)e->examples->y[row * e->examples->y_stride + j];
    if (!e->classes)
        decode(e, e->target);
}

static void restart(const evaluation *e)
{
    for (size_t j = 0; j < e->outputs; j++)
        bp_sum_start(&e->sums[j]);
}

static void find_means(const evaluation *e)
{
    restart(e);
    for (uint64_t r = 0; r < e->rows.count; r++) {
        read_target(e, r);
        for (size_t j = 0; j < e->outputs; j++)
            bp_sum_add(&e->sums[j], e->target[j]);
    }
    for (size_t j = 0; j < e->outputs; j++)
        e->mean[j] = bp_sum_total(&e->sums[j]) / (double)e->rows.count;
}

/* The share that the most frequent class has; of separate yes and no answers, that of the more frequent one each. */
static double majority(const evaluation *e)
{
    double share = 0.0;

    for (size_t j = 0; j < e->outputs; j++) {
        double yes = e->mean[j], more = yes > 0.5 ? yes : 1.0 - yes;
        if (!one_of_many(e))
            share += more / e->outputs;
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
    for (uint64_t r = 0; r < e->rows.count; r++) {
        read_target(e, r);
        for (size_t j = 0; j < e->outputs; j++) {
            double difference = e->target[j] - e->mean[j];
            bp_sum_add(&e->sums[j], difference * difference);
        }
    }
    for (size_t j = 0; j < e->outputs; j++)
        squares += bp_sum_total(&e->sums[j]);
    return squares;
}

/* ------------------------------------------------------------------------------------------------------------ totals */

static size_t count_blocks(const evaluation *e)
{
    return (e->rows.count + BP_BLOCK_ROWS - 1) / BP_BLOCK_ROWS;
}

/* Sum over blocks of the double at `offset` of each partial. */
static double total(const evaluation *e, size_t offset)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t block = 0; block < count_blocks(e); block++) {
        double value;
        memcpy(&value, (unsigned char *)partial_at(e, block) + offset, sizeof value);
        bp_sum_add(&sum, value);
    }
    return bp_sum_total(&sum);
}

static void regression_metrics(const evaluation *e, bp_metrics *metrics)
{
    double squares = 0.0, r2 = 0.0, count = (double)e->rows.count * e->outputs;

    find_means(e);
    metrics->baseline_rmse = sqrt(add_squares(e) / count);
    for (size_t j = 0; j < e->outputs; j++) {
        double own = total(e, offsetof(partial, squares) + j * sizeof(double)), about_mean = bp_sum_total(&e->sums[j]);
        squares += own;
        r2 += about_mean > 0.0 ? (1.0 - own / about_mean) / e->outputs : NAN;
    }
    metrics->rmse = sqrt(squares / count);
    metrics->mae = total(e, offsetof(partial, absolutes)) / count;
    metrics->r2 = r2;
}

static void class_metrics(const evaluation *e, bp_metrics *metrics)
{
    double answers = (double)e->rows.count * (one_of_many(e) ? 1 : e->outputs);

    metrics->accuracy = total(e, offsetof(partial, correct)) / answers;
    find_means(e);
    metrics->baseline_accuracy = majority(e);
}

static void collect(const evaluation *e, bp_metrics *metrics)
{
    *metrics = (bp_metrics){
        .rows = e->rows.count,
        .loss = total(e, offsetof(partial, loss)) / (double)e->rows.count,
        .accuracy = NAN,
        .rmse = NAN,
        .mae = NAN,
        .r2 = NAN,
        .baseline_accuracy = NAN,
        .baseline_rmse = NAN,
        .watched = NAN,
    };
    if (!e->classes)
        regression_metrics(e, metrics);
    else
        class_metrics(e, metrics);
    if (e->answers)
        e->answers->log_loss = total(e, offsetof(partial, log_loss)) / (double)e->rows.count;
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
    e->partials = bp_arena_take(arena, count_blocks(e), e->stride);
    e->sums = bp_arena_take(arena, e->outputs, sizeof *e->sums);
    e->target = bp_arena_take(arena, e->outputs, sizeof *e->target);
    e->mean = bp_arena_take(arena, e->outputs, sizeof *e->mean);
}

bp_status bp_evaluate(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder, const bp_examples *examples,
                      bp_rows rows, bp_answers *answers, bp_metrics *result, bp_error *error)
{
    BP_TRY(bp_evaluate_check(network, encoder, examples, rows, error));
    evaluation e = {
        .workspace = workspace,
        .encoder = encoder,
        .examples = examples,
        .rows = rows,
        .loss = network->loss,
        .loss_shape = network->loss_shape,
        .outputs = examples->outputs,
        .classes = bp_has_classes(network, examples),
        .answers = answers,
        .stride = sizeof(partial) + examples->outputs * sizeof(double),
    };
    bp_arena arena = {.base = NULL};
    carve(&e, &arena);
    size_t bytes;
    void *memory = bp_arena_commit(&arena, &workspace->allocator, &bytes);
    if (!memory)
        return bp_fail(error, BP_NO_MEMORY, "metrics of %llu rows: %zu bytes were refused", (unsigned long long)rows.count, bytes);
    carve(&e, &arena);
    memset(e.partials, 0, count_blocks(&e) * e.stride);
    bp_status status = bp_workspace_visit(workspace, network, examples, rows, sum_block, &e, error);
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
