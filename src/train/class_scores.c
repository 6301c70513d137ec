/* SPDX-License-Identifier: Apache-2.0 */
#include "class_scores.h"

#include <math.h>

#include "elementary.h"
#include "sort.h"
#include "sum.h"

uint32_t bp_class_scores_count(const bp_answers *answers)
{
    return answers->questions > 1 ? answers->questions : answers->classes;
}

/* -------------------------------------------------------------------------------------------------------------- ranks */

/* Twice the pairs of a positive and a negative row in which the positive one has the higher score; equal scores are half of it. */
static unsigned __int128 count_pairs(const uint64_t *keys, uint64_t rows, uint64_t *positives)
{
    unsigned __int128 pairs = 0;
    uint64_t below = 0, above = 0; /* negatives and positives so far */

    for (uint64_t first = 0, end; first < rows; first = end) {
        uint64_t yes = 0, no = 0;
        for (end = first; end < rows && keys[end] >> 1 == keys[first] >> 1; end++)
            *(keys[end] & 1 ? &yes : &no) += 1;
        pairs += (unsigned __int128)yes * (2 * (unsigned __int128)below + no);
        below += no;
        above += yes;
    }
    *positives = above;
    return pairs;
}

double bp_auc(uint64_t rows, const float *score, const uint32_t *truth, uint32_t class, uint64_t *keys)
{
    uint64_t positives;

    for (uint64_t row = 0; row < rows; row++) {
        if (isnan(score[row]))
            return NAN;
        /* An f32 as f64 leaves the lowest 29 bits 0; -0 and 0 are equal. */
        keys[row] = bp_sort_key((double)score[row] + 0.0) >> 1 << 1 | (truth[row] == class);
    }
    bp_sort_keys(keys, keys + rows, rows);
    double pairs = (double)count_pairs(keys, rows, &positives);
    return positives && positives < rows ? pairs / 2 / ((double)positives * (double)(rows - positives)) : NAN;
}

/* ------------------------------------------------------------------------------------------------------------- counts */

/* The class that a question's output speaks of. */
static uint32_t class_of(const bp_answers *answers, uint32_t index)
{
    return answers->questions > 1 ? 1 : index;
}

static void count_answers(const bp_answers *answers, bp_class_scores *classes)
{
    bool many = answers->questions > 1;

    for (uint32_t q = 0; q < answers->questions; q++)
        for (uint64_t row = 0; row < answers->rows; row++) {
            uint32_t truth = answers->truth[q * answers->rows + row], guess = answers->guess[q * answers->rows + row];
            if (many && truth)
                classes[q].rows++;
            if (many && guess)
                classes[q].predicted++;
            if (many && truth && guess)
                classes[q].right++;
            if (!many) {
                classes[truth].rows++;
                classes[guess].predicted++;
                classes[truth].right += truth == guess;
            }
        }
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

static void divide_counts(uint64_t rows, uint64_t predicted, uint64_t right, double *precision, double *recall, double *f1)
{
    *precision = share(right, predicted);
    *recall = share(right, rows);
    *f1 = share(2 * right, rows + predicted);
}

/* The first class with the most rows. */
static uint32_t majority(const bp_class_scores *classes, uint32_t count)
{
    uint32_t most = 0;

    for (uint32_t i = 1; i < count; i++)
        if (classes[i].rows > classes[most].rows)
            most = i;
    return most;
}

/* Whether the constant answer takes every row for class i; `most` is the majority. */
static bool is_constant_answer(const bp_answers *answers, const bp_class_scores *classes, uint32_t i, uint32_t most)
{
    return answers->questions > 1 ? classes[i].rows > answers->rows - classes[i].rows : i == most;
}

static double area(const bp_answers *answers, uint32_t i, const bp_class_scores *classes)
{
    bool many = answers->questions > 1, yes_or_no = !many && answers->outputs == 1;

    if (yes_or_no && i == 1) /* turning scores and classes round is the same area */
        return classes[0].auc;
    uint32_t output = yes_or_no ? 0 : i;
    const uint32_t *truth = answers->truth + (many ? i * answers->rows : 0);
    return bp_auc(answers->rows, answers->score + output * answers->rows, truth, yes_or_no ? 1 : class_of(answers, i),
                  answers->keys);
}

static void fill_classes(const bp_answers *answers, bp_class_scores *classes)
{
    count_answers(answers, classes);
    uint32_t most = majority(classes, bp_class_scores_count(answers));
    for (uint32_t i = 0; i < bp_class_scores_count(answers); i++) {
        bp_class_scores *c = &classes[i];
        bool constant = is_constant_answer(answers, classes, i, most);
        divide_counts(c->rows, c->predicted, c->right, &c->precision, &c->recall, &c->f1);
        divide_counts(c->rows, constant ? answers->rows : 0, constant ? c->rows : 0, &c->baseline_precision, &c->baseline_recall,
                      &c->baseline_f1);
        c->auc = area(answers, i, classes);
    }
}

/* -------------------------------------------------------------------------------------------------------------- means */

/* Of the numbers of classes that `counts` says to count, each by its weight; NaN of none. */
typedef struct mean {
    bp_sum sum;
    double weights;
} mean;

static void start(mean *m)
{
    bp_sum_start(&m->sum);
    m->weights = 0.0;
}

static void add(mean *m, double weight, double value)
{
    bp_sum_add(&m->sum, weight * value);
    m->weights += weight;
}

static double divide(const mean *m)
{
    return m->weights > 0.0 ? bp_sum_total(&m->sum) / m->weights : NAN;
}

enum { PRECISION, RECALL, F1, WEIGHTED_PRECISION, WEIGHTED_RECALL, WEIGHTED_F1, BALANCED, AUC, MEANS };

static const int metric_of[MEANS] = {BP_METRIC_PRECISION,
                                     BP_METRIC_RECALL,
                                     BP_METRIC_F1,
                                     BP_METRIC_WEIGHTED_PRECISION,
                                     BP_METRIC_WEIGHTED_RECALL,
                                     BP_METRIC_WEIGHTED_F1,
                                     BP_METRIC_BALANCED_ACCURACY,
                                     BP_METRIC_AUC};

static void average(const bp_answers *answers, const bp_class_scores *classes, bool baseline, double *values)
{
    uint32_t most = majority(classes, bp_class_scores_count(answers));
    mean means[MEANS];

    for (int i = 0; i < MEANS; i++)
        start(&means[i]);
    for (uint32_t i = 0; i < bp_class_scores_count(answers); i++) {
        const bp_class_scores *c = &classes[i];
        uint64_t predicted = !baseline ? c->predicted : is_constant_answer(answers, classes, i, most) ? answers->rows : 0;
        double three[] = {baseline ? c->baseline_precision : c->precision, baseline ? c->baseline_recall : c->recall,
                          baseline ? c->baseline_f1 : c->f1};
        double counts = answers->questions > 1 || c->rows + predicted > 0;
        for (int k = 0; k < 3; k++) {
            add(&means[PRECISION + k], counts, three[k]);
            add(&means[WEIGHTED_PRECISION + k], (double)c->rows, three[k]);
        }
        add(&means[BALANCED], answers->questions == 1 && c->rows > 0, three[1]);
        if (!isnan(c->auc))
            add(&means[AUC], 1.0, baseline ? 0.5 : c->auc);
    }
    for (int i = 0; i < MEANS; i++)
        values[metric_of[i]] = divide(&means[i]);
}

static double entropy_part(uint64_t part, uint64_t whole)
{
    double p = share(part, whole);
    return p > 0.0 ? -p * bp_log(p) : 0.0;
}

/* -log of the shares that the classes have, over the rows. */
static double entropy_of(const bp_answers *answers, const bp_class_scores *classes)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (uint32_t i = 0; i < bp_class_scores_count(answers); i++) {
        bp_sum_add(&sum, entropy_part(classes[i].rows, answers->rows));
        if (answers->questions > 1)
            bp_sum_add(&sum, entropy_part(answers->rows - classes[i].rows, answers->rows));
    }
    return bp_sum_total(&sum);
}

void bp_class_scores_make(const bp_answers *answers, bool entropy, bp_class_scores *classes, bp_scores *scores)
{
    fill_classes(answers, classes);
    average(answers, classes, false, scores->model);
    average(answers, classes, true, scores->baseline);
    if (entropy) {
        scores->model[BP_METRIC_LOG_LOSS] = answers->log_loss;
        scores->baseline[BP_METRIC_LOG_LOSS] = entropy_of(answers, classes);
    }
}
