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

/* z that are so far apart, or from 0, have probabilities that are apart, or from one half, too: e^-GAP is 256 ulp below 1, our e^x
 * is within 2, and a division within 1. */
#define GAP 0x1p-16f

/* Whether the first of the largest z is that of the largest probabilities as well. */
static bool is_clear_class(const float *z, uint32_t outputs)
{
    uint32_t class = bp_predicted_class(z, outputs), below = 0; /* no NaN is */

    for (uint32_t j = 0; j < outputs; j++)
        below += z[class] - z[j] >= GAP;
    return below == outputs - 1 && isfinite(z[class]);
}

/* Whether it is clear which probabilities are above one half: z become 1 there, and 0 elsewhere. */
static bool are_clear_answers(float *z, uint32_t outputs)
{
    uint32_t clear = 0;

    for (uint32_t j = 0; j < outputs; j++) {
        clear += fabsf(z[j]) >= GAP;
        z[j] = z[j] > 0.0f;
    }
    return clear == outputs;
}

/* a[last] becomes the prediction. */
static void predict(const bp_tally *e, const bp_seat *seat, bp_span rows)
{
    bp_prediction_rows(e->workspace->weights.arithmetic.kernels, e->loss, e->outputs, &seat->pass, e->workspace->layout.layers,
                       rows);
}

static void take_outputs(const bp_tally *e, const bp_pass *pass, size_t row, float *y)
{
    for (uint32_t j = 0; j < e->outputs; j++)
        y[j] = (float)element(pass, pass->a[e->workspace->layout.layers], row, j);
}

/* Whether z stand for the same classes as the prediction. */
static bool is_clear(const bp_tally *e, float *z)
{
    if (e->loss == BP_CROSS_ENTROPY)
        return is_clear_class(z, e->outputs);
    return e->loss == BP_BINARY_CROSS_ENTROPY && are_clear_answers(z, e->outputs);
}

/* The row's prediction, or numbers that stand for the same classes: probabilities of all rows would take a third of an epoch more
 * (8 inputs, 16 units, 10 classes, as many rows to validate on as to train on), and few rows need them. */
static void take_prediction(const bp_tally *e, const bp_seat *seat, size_t row, float *y)
{
    take_outputs(e, &seat->pass, row, y);
    if (e->answers || is_clear(e, y))
        return;
    predict(e, seat, (bp_span){row, 1});
    take_outputs(e, &seat->pass, row, y);
}

/* The true answer that outputs [j, j + width) stand for; `place` is the row's among those asked for. */
static uint32_t truth_of(const bp_tally *e, size_t place, uint32_t j, uint32_t width)
{
    const bp_examples *examples = e->examples;
    uint64_t row = e->rows.index ? e->rows.index[place] : place;

    if (!examples->classes)
        return bp_predicted_class(examples->y + row * examples->y_stride + j, width);
    return width == e->outputs ? (uint32_t)examples->classes[row] : examples->classes[row] == (int32_t)j;
}

/* How many of its answers are right: of one class out of several there is one, else one for each output. */
static uint32_t judge_row(const bp_tally *e, const bp_block_rows *block, size_t row)
{
    float *y = (float *)(void *)block->seat->values; /* room for twice as many doubles */
    uint32_t width = bp_one_of_many(e->loss, e->outputs) ? e->outputs : 1, right = 0;

    take_prediction(e, block->seat, row, y);
    for (uint32_t j = 0; j < e->outputs; j += width) {
        uint32_t truth = truth_of(e, block->first + row, j, width), guess = bp_predicted_class(y + j, width);
        right += truth == guess;
        if (e->answers)
            bp_answers_take_class(e->answers, block->first + row, j, truth, guess);
    }
    return right;
}

static void keep_scores(const bp_tally *e, const bp_block_rows *block)
{
    const bp_pass *pass = &block->seat->pass;

    for (uint32_t j = 0; j < e->outputs; j++)
        for (size_t row = 0; row < block->count; row++)
            bp_answers_take_score(e->answers, block->first + row, j,
                                  (float)element(pass, pass->a[e->workspace->layout.layers], row, j));
}

/* When the loss has been taken from z. */
static void judge_classes(const bp_tally *e, const bp_block_rows *block, bp_partial *sums)
{
    uint64_t right = 0;

    if (e->answers)
        predict(e, block->seat, (bp_span){0, block->count});
    for (size_t row = 0; row < block->count; row++)
        right += judge_row(e, block, row);
    sums->correct = (double)right;
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
