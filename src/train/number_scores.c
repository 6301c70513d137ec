/* SPDX-License-Identifier: Apache-2.0 */
#include "number_scores.h"

#include <math.h>

#include "sort.h"
#include "sum.h"

static const double shares[5] = {0.05, 0.25, 0.5, 0.75, 0.95};

/* Of |a - b| over `count` numbers, b a list or one number; NaN where one is none. */
static void find_quantiles(uint64_t *keys, uint64_t count, const double *a, const double *b, double constant, double result[5])
{
    bool whole = true;

    for (uint64_t i = 0; i < count; i++) {
        double difference = fabs(a[i] - (b ? b[i] : constant));
        whole = whole && !isnan(difference);
        keys[i] = bp_sort_key(difference);
    }
    bp_sort_keys(keys, keys + count, count);
    for (int q = 0; q < 5; q++)
        result[q] = whole ? bp_sorted_quantile(keys, count, shares[q]) : NAN;
}

static double median(uint64_t *keys, uint64_t count, const double *values)
{
    for (uint64_t i = 0; i < count; i++)
        keys[i] = bp_sort_key(values[i]);
    bp_sort_keys(keys, keys + count, count);
    return bp_sorted_quantile(keys, count, 0.5);
}

/* Sums of a - b over `count` numbers, b a list or one number. */
typedef struct sums {
    bp_sum plain, absolute, square;
} sums;

static void add_differences(sums *s, uint64_t count, const double *a, const double *b, double constant)
{
    bp_sum_start(&s->plain);
    bp_sum_start(&s->absolute);
    bp_sum_start(&s->square);
    for (uint64_t i = 0; i < count; i++) {
        double difference = a[i] - (b ? b[i] : constant);
        bp_sum_add(&s->plain, difference);
        bp_sum_add(&s->absolute, fabs(difference));
        bp_sum_add(&s->square, difference * difference);
    }
}

/* What the best constants are off by, summed over outputs. */
typedef struct constants {
    double squares, absolutes;
} constants;

static void judge_output(const bp_answers *answers, uint32_t j, bp_number_scores *o, constants *all)
{
    const double *predicted = answers->predicted + j * answers->rows, *target = answers->target + j * answers->rows;
    uint64_t rows = answers->rows;
    double count = (double)rows;
    sums s;

    add_differences(&s, rows, target, NULL, 0.0);
    o->mean = bp_sum_total(&s.plain) / count;
    o->median = median(answers->keys, rows, target);
    add_differences(&s, rows, target, NULL, o->median);
    o->baseline_mae = bp_sum_total(&s.absolute) / count;
    add_differences(&s, rows, target, NULL, o->mean);
    double about = bp_sum_total(&s.square);
    o->baseline_rmse = sqrt(about / count);
    all->squares += about;
    all->absolutes += o->baseline_mae;
    add_differences(&s, rows, predicted, target, 0.0);
    o->mean_error = bp_sum_total(&s.plain) / count;
    o->mae = bp_sum_total(&s.absolute) / count;
    o->rmse = sqrt(bp_sum_total(&s.square) / count);
    o->r2 = about > 0.0 ? 1.0 - bp_sum_total(&s.square) / about : NAN;
    find_quantiles(answers->keys, rows, predicted, target, 0.0, o->quantile);
    find_quantiles(answers->keys, rows, target, NULL, o->median, o->baseline_quantile);
}

/* Targets are no longer needed: each becomes its distance from the median. */
static void centre_targets(const bp_answers *answers, const bp_number_scores *outputs)
{
    for (uint32_t j = 0; j < answers->outputs; j++)
        for (uint64_t row = 0; row < answers->rows; row++)
            answers->target[j * answers->rows + row] -= outputs[j].median;
}

void bp_number_scores_make(const bp_answers *answers, bp_number_scores *outputs, bp_scores *scores)
{
    uint64_t all = answers->rows * answers->outputs;
    constants best = {0.0, 0.0};
    bool known = true;

    for (uint32_t j = 0; j < answers->outputs; j++) {
        judge_output(answers, j, &outputs[j], &best);
        known = known && !isnan(outputs[j].r2);
    }
    scores->baseline[BP_METRIC_RMSE] = sqrt(best.squares / (double)all);
    scores->baseline[BP_METRIC_MAE] = best.absolutes / answers->outputs;
    scores->baseline[BP_METRIC_R2] = known ? 0.0 : NAN;
    find_quantiles(answers->keys, all, answers->predicted, answers->target, 0.0, scores->model + BP_METRIC_ERROR_5);
    centre_targets(answers, outputs);
    find_quantiles(answers->keys, all, answers->target, NULL, 0.0, scores->baseline + BP_METRIC_ERROR_5);
}
