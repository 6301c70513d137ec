/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <math.h>
#include <string.h>

#include "batch.h"
#include "elementary.h"
#include "loss.h"
#include "sum.h"

bool bp_one_of_many(bp_loss loss, uint32_t outputs)
{
    return loss == BP_CROSS_ENTROPY || (loss != BP_BINARY_CROSS_ENTROPY && outputs > 1);
}

static bp_partial *partial_at(const bp_tally *e, size_t block)
{
    return (bp_partial *)(void *)(e->partials + block * e->stride);
}

static double element(const bp_pass *pass, const float *block, size_t row, size_t j)
{
    return (double)block[j / BP_PANEL * bp_pass_panel(pass) + row * BP_PANEL + j % BP_PANEL];
}

/* ------------------------------------------------------------------------------------------------------------- numbers */

static void decode(const bp_tally *e, double *values)
{
    if (e->encoder)
        bp_encoder_decode(e->encoder, 1, values);
}

/* `first` is the block's place among the rows asked for. */
static void add_errors(const bp_tally *e, const bp_seat *seat, uint32_t last, size_t first, size_t row, bp_partial *sums)
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

/* -------------------------------------------------------------------------------------------------------------- losses */

static void gather_targets(const bp_tally *e, const bp_block_rows *block, float *weight)
{
    const bp_pass *pass = &block->seat->pass;
    bp_batch batch = {.y = pass->d[e->workspace->layout.layers], .weight = weight, .panel = bp_pass_panel(pass)};

    bp_batch_gather(&batch, e->workspace->weights.arithmetic.kernels, e->examples,
                    e->rows.index ? e->rows.index + block->first : NULL, block->first, 0, block->count);
}

/* Sum of the rows' losses, and d[last] becomes their gradient. */
static double sum_losses(const bp_tally *e, const bp_block_rows *block, const float *weight)
{
    const bp_seat *seat = block->seat;
    double sum = 0.0;

    bp_loss_rows(e->workspace->weights.arithmetic.kernels, e->loss, e->loss_shape, e->outputs, &seat->pass,
                 e->workspace->layout.layers, (bp_span){0, block->count}, weight, seat->losses);
    for (size_t row = 0; row < block->count; row++)
        sum += seat->losses[row];
    return sum;
}

/* ------------------------------------------------------------------------------------------------------------- classes */

/* The class of a row's predictions or targets, as whoever has the predictions finds it. */
static uint32_t class_of(const bp_tally *e, const bp_seat *seat, const float *block, size_t row)
{
    float *y = (float *)(void *)seat->values; /* room for twice as many doubles */

    for (uint32_t j = 0; j < e->outputs; j++)
        y[j] = (float)element(&seat->pass, block, row, j);
    return bp_predicted_class(y, e->outputs);
}

static uint32_t answer_of(const bp_pass *pass, const float *block, size_t row, uint32_t j)
{
    float y = (float)element(pass, block, row, j);
    return bp_predicted_class(&y, 1);
}

static void judge_answer(const bp_tally *e, size_t row, uint32_t question, uint32_t truth, uint32_t guess, bp_partial *sums)
{
    sums->correct += truth == guess;
    if (e->answers)
        bp_answers_take_class(e->answers, row, question, truth, guess);
}

static void judge_row(const bp_tally *e, const bp_block_rows *block, size_t row, bp_partial *sums)
{
    const bp_pass *pass = &block->seat->pass;
    const float *predicted = pass->a[e->workspace->layout.layers], *target = pass->d[e->workspace->layout.layers];

    if (bp_one_of_many(e->loss, e->outputs)) {
        judge_answer(e, block->first + row, 0, class_of(e, block->seat, target, row), class_of(e, block->seat, predicted, row),
                     sums);
        return;
    }
    for (uint32_t j = 0; j < e->outputs; j++)
        judge_answer(e, block->first + row, j, answer_of(pass, target, row, j), answer_of(pass, predicted, row, j), sums);
}

static void keep_scores(const bp_tally *e, const bp_block_rows *block)
{
    const bp_pass *pass = &block->seat->pass;

    for (uint32_t j = 0; j < e->outputs; j++)
        for (size_t row = 0; row < block->count; row++)
            bp_answers_take_score(e->answers, block->first + row, j,
                                  (float)element(pass, pass->a[e->workspace->layout.layers], row, j));
}

/* When the loss has been taken: a[last] becomes the prediction, and d[last] the target again. */
static void judge_classes(const bp_tally *e, const bp_block_rows *block, bp_partial *sums)
{
    const bp_pass *pass = &block->seat->pass;

    gather_targets(e, block, NULL);
    bp_prediction_rows(e->workspace->weights.arithmetic.kernels, e->loss, e->outputs, pass, e->workspace->layout.layers,
                       (bp_span){0, block->count});
    for (size_t row = 0; row < block->count; row++)
        judge_row(e, block, row, sums);
    if (e->answers)
        keep_scores(e, block);
}

/* ------------------------------------------------------------------------------------------------------------ all of them */

size_t bp_tally_blocks(const bp_tally *tally)
{
    return (tally->rows.count + BP_BLOCK_ROWS - 1) / BP_BLOCK_ROWS;
}

/* The weights' part in the loss left out. */
static double sum_plain_losses(const bp_tally *e, const bp_block_rows *block, double weighted)
{
    if (!e->examples->weight)
        return weighted;
    gather_targets(e, block, NULL);
    return sum_losses(e, block, NULL);
}

void bp_tally_take(void *context, const bp_block_rows *block)
{
    const bp_tally *e = context;
    const bp_seat *seat = block->seat;
    bp_partial *sums = partial_at(e, block->first / BP_BLOCK_ROWS);

    gather_targets(e, block, seat->weight);
    for (size_t row = 0; row < block->count && !e->classes; row++)
        add_errors(e, seat, e->workspace->layout.layers, block->first, row, sums);
    sums->loss = sum_losses(e, block, seat->weight);
    if (!e->classes)
        return;
    if (e->answers)
        sums->log_loss = sum_plain_losses(e, block, sums->loss);
    judge_classes(e, block, sums);
}

double bp_tally_total(const bp_tally *tally, size_t offset)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t block = 0; block < bp_tally_blocks(tally); block++) {
        double value;
        memcpy(&value, (unsigned char *)partial_at(tally, block) + offset, sizeof value);
        bp_sum_add(&sum, value);
    }
    return bp_sum_total(&sum);
}
