/* Every metric against scikit-learn's, and on any number of threads.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tables/table_metrics.h"
#include "class_scores.h"
#include "problem.h"
#include "sort.h"

/* A network whose outputs are its inputs. */
static bp_network *identity(uint32_t n, bp_loss loss)
{
    bp_settings settings = problem_settings(NULL, 0, BP_RELU, loss, BP_SGD);
    float *W = calloc((size_t)n * n, sizeof *W), *b = calloc(n, sizeof *b);
    bp_network *network;

    for (uint32_t i = 0; i < n; i++)
        W[i * n + i] = 1;
    cr_assert_eq(bp_network_create(&settings, n, n, NULL, &network, NULL), BP_OK);
    cr_assert_eq(bp_network_set(network, 0, W, b, NULL), BP_OK);
    free(W);
    free(b);
    return network;
}

static bp_evaluation *judge(bp_loss loss, uint32_t n, uint64_t rows, const float *z, const float *y, const float *weight,
                            uint32_t threads)
{
    bp_array x = {z, BP_TYPE_F32, 0, rows, n, 0}, targets = {y, BP_TYPE_F32, 0, rows, n, 0},
             w = {weight, BP_TYPE_F32, 0, rows, 1, 0};
    bp_network *network = identity(n, loss);
    bp_evaluation *evaluation;
    bp_workspace *workspace;
    bp_examples *examples;
    bp_error error = {0};

    cr_assert_eq(bp_examples_borrow(&x, &targets, weight ? &w : NULL, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(bp_workspace_create(network, threads, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_evaluation_create(network, workspace, NULL, examples, (bp_rows){0}, NULL, &evaluation, &error), BP_OK, "%s",
                 error.text);
    bp_workspace_free(workspace);
    bp_examples_free(examples);
    bp_network_free(network);
    return evaluation;
}

static void check_close(double got, double wanted, const char *what)
{
    cr_assert(isnan(wanted) ? isnan(got) : fabs(got - wanted) <= 2e-6 * (1 + fabs(wanted)), "%s: %.9g, not %.9g", what, got,
              wanted);
}

static int metric_of(const char *name)
{
    int metric = 0;

    while (bp_metric_name(metric) && strcmp(bp_metric_name(metric), name) != 0)
        metric++;
    cr_assert(bp_metric_name(metric), "no metric is named %s", name);
    return metric;
}

static void check_named(const named_metric *list, const double *values)
{
    for (; list->name; list++)
        check_close(values[metric_of(list->name)], list->value, list->name);
}

/* One-hot rows of class numbers; for two classes the numbers themselves. */
static float *targets_of(const float *truth, size_t rows, uint32_t outputs)
{
    float *y = calloc(rows * outputs, sizeof *y);

    for (size_t i = 0; i < rows; i++)
        if (outputs > 1)
            y[i * outputs + (size_t)truth[i]] = 1;
        else
            y[i] = truth[i];
    return y;
}

typedef struct expected {
    const named_metric *found, *baseline;
    const double *each; /* [classes, 4] */
    const unsigned *confusion;
} expected;

static void check_classes(const bp_evaluation *evaluation, const expected *e, uint32_t classes)
{
    uint64_t *counts = malloc(sizeof *counts * classes * classes);
    bp_class_scores c;
    bp_scores scores;

    bp_evaluation_scores(evaluation, &scores);
    check_named(e->found, scores.model);
    check_named(e->baseline, scores.baseline);
    cr_assert_eq(bp_evaluation_classes(evaluation), classes);
    for (uint32_t i = 0; i < classes; i++) {
        cr_assert_eq(bp_evaluation_class(evaluation, i, &c, NULL), BP_OK);
        check_close(c.precision, e->each[4 * i], "precision");
        check_close(c.recall, e->each[4 * i + 1], "recall");
        check_close(c.f1, e->each[4 * i + 2], "f1");
        check_close(c.auc, e->each[4 * i + 3], "auc");
    }
    cr_assert_eq(bp_evaluation_class(evaluation, classes, &c, NULL), BP_INVALID);
    cr_assert_eq(bp_evaluation_confusion(evaluation, counts, NULL), BP_OK);
    for (uint32_t i = 0; i < classes * classes; i++)
        cr_assert_eq(counts[i], e->confusion[i], "place %u of the confusion matrix", i);
    cr_assert_eq(bp_evaluation_outputs(evaluation), 0);
    free(counts);
}

Test(evaluation, of_classes_is_scikit_learn_s)
{
    size_t rows = sizeof classes_truth / sizeof *classes_truth;
    float *y = targets_of(classes_truth, rows, 5);
    bp_evaluation *evaluation = judge(BP_CROSS_ENTROPY, 5, rows, classes_z, y, NULL, 1);

    check_classes(evaluation, &(expected){classes_found, classes_baseline, classes_each, classes_confusion}, 5);
    bp_evaluation_free(evaluation);
    free(y);
}

Test(evaluation, of_yes_and_no_with_ties_is_scikit_learn_s)
{
    size_t rows = sizeof binary_truth / sizeof *binary_truth;
    bp_evaluation *evaluation = judge(BP_BINARY_CROSS_ENTROPY, 1, rows, binary_z, binary_truth, NULL, 1);

    check_classes(evaluation, &(expected){binary_found, binary_baseline, binary_each, binary_confusion}, 2);
    bp_evaluation_free(evaluation);
}

Test(evaluation, of_numbers_is_scikit_learn_s)
{
    size_t rows = sizeof numbers_y / sizeof *numbers_y / 3;
    bp_evaluation *evaluation = judge(BP_SQUARED_ERROR, 3, rows, numbers_z, numbers_y, NULL, 1);
    bp_scores scores;
    bp_number_scores o;

    bp_evaluation_scores(evaluation, &scores);
    check_named(numbers_found, scores.model);
    check_named(numbers_baseline, scores.baseline);
    cr_assert(isnan(scores.model[BP_METRIC_ACCURACY]) && isnan(scores.model[BP_METRIC_AUC]));
    for (uint32_t j = 0; j < 3; j++) {
        const double *each = numbers_each + 9 * j, *best = numbers_each_baseline + 9 * j;
        cr_assert_eq(bp_evaluation_output(evaluation, j, &o, NULL), BP_OK);
        check_close(o.rmse, each[0], "rmse");
        check_close(o.mae, each[1], "mae");
        check_close(o.r2, each[2], "r2");
        check_close(o.mean_error, each[3], "mean error");
        check_close(o.baseline_rmse, best[0], "rmse of the mean");
        check_close(o.baseline_mae, best[1], "mae of the median");
        for (int q = 0; q < 5; q++) {
            check_close(o.quantile[q], each[4 + q], "quantile");
            check_close(o.baseline_quantile[q], best[4 + q], "quantile about the median");
        }
    }
    cr_assert_eq(bp_evaluation_classes(evaluation), 0);
    cr_assert_eq(bp_evaluation_confusion(evaluation, NULL, NULL), BP_INVALID);
    bp_evaluation_free(evaluation);
}

/* Scores whose model's loss is left out, which weights change. */
static void check_same(const bp_evaluation *a, const bp_evaluation *b, int first)
{
    bp_scores one, other;

    bp_evaluation_scores(a, &one);
    bp_evaluation_scores(b, &other);
    for (int i = first; i < BP_METRICS; i++)
        cr_assert(one.model[i] == other.model[i] || (isnan(one.model[i]) && isnan(other.model[i])), "%s: %.17g, not %.17g",
                  bp_metric_name(i), one.model[i], other.model[i]);
}

Test(evaluation, has_the_same_bits_on_any_number_of_threads)
{
    problem p = problem_create(problem_settings(NULL, 0, BP_RELU, BP_SQUARED_ERROR, BP_SGD), 4, 4, 1500, 5);

    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++) {
        problem other = problem_create(problem_settings(NULL, 0, BP_RELU, loss, BP_SGD), 4, 4, 1500, 6);
        bp_evaluation *one = judge(loss, 4, 1500, p.x, other.y, NULL, 1);
        for (uint32_t threads = 2; threads <= 5; threads++) {
            bp_evaluation *many = judge(loss, 4, 1500, p.x, other.y, NULL, threads);
            check_same(one, many, 0);
            bp_evaluation_free(many);
        }
        bp_evaluation_free(one);
        problem_free(&other);
    }
    problem_free(&p);
}

Test(evaluation, counts_each_row_once_whatever_its_weight)
{
    size_t rows = sizeof binary_truth / sizeof *binary_truth;
    float weight[sizeof binary_truth / sizeof *binary_truth];

    for (size_t i = 0; i < rows; i++)
        weight[i] = i % 3 ? 1.0f : 5.0f;
    bp_evaluation *plain = judge(BP_BINARY_CROSS_ENTROPY, 1, rows, binary_z, binary_truth, NULL, 1),
                  *weighted = judge(BP_BINARY_CROSS_ENTROPY, 1, rows, binary_z, binary_truth, weight, 1);
    bp_metrics a, b;
    check_same(plain, weighted, BP_METRIC_ACCURACY);
    bp_evaluation_metrics(plain, &a);
    bp_evaluation_metrics(weighted, &b);
    cr_assert_neq(a.loss, b.loss);
    bp_evaluation_free(plain);
    bp_evaluation_free(weighted);
}

Test(evaluation, outputs_that_answer_a_question_each_are_judged_one_by_one)
{
    static const float z[] = {1, -1, 2, 3, -1, -2, -3, 4}, y[] = {1, 0, 1, 0, 0, 1, 0, 1}; /* [4, 2] */
    bp_evaluation *evaluation = judge(BP_BINARY_CROSS_ENTROPY, 2, 4, z, y, NULL, 1);
    bp_class_scores first, second;
    uint64_t counts[4];

    cr_assert_eq(bp_evaluation_classes(evaluation), 2);
    bp_evaluation_class(evaluation, 0, &first, NULL);
    bp_evaluation_class(evaluation, 1, &second, NULL);
    cr_assert(first.rows == 2 && first.predicted == 2 && first.right == 2 && first.auc == 1);
    cr_assert(second.rows == 2 && second.predicted == 2 && second.right == 1 && second.auc == 0.5);
    cr_assert_eq(bp_evaluation_confusion(evaluation, counts, NULL), BP_INVALID);
    bp_evaluation_free(evaluation);
}

Test(evaluation, the_area_is_the_share_of_pairs_in_order)
{
    enum { ROWS = 60 };
    uint64_t keys[2 * ROWS];
    float score[ROWS];
    uint32_t truth[ROWS];

    for (unsigned seed = 1; seed < 40; seed++) {
        unsigned state = seed;
        double pairs = 0, right = 0;
        for (int i = 0; i < ROWS; i++) {
            state = state * 1664525u + 1013904223u;
            score[i] = (float)((int)(state >> 24) % 9 - 4) * (state & 1 ? 0.25f : -0.5f); /* ties, signs, and zeros of both */
            truth[i] = state >> 16 & 1;
        }
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < ROWS; j++)
                if (truth[i] && !truth[j]) {
                    pairs++;
                    right += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
                }
        cr_assert_eq(bp_auc(ROWS, score, truth, 1, keys), right / pairs);
    }
    memset(truth, 0, sizeof truth);
    cr_assert(isnan(bp_auc(ROWS, score, truth, 1, keys)), "no row is positive");
}

Test(evaluation, keys_sort_as_their_numbers_do)
{
    enum { COUNT = 1000 };
    static uint64_t keys[2 * COUNT];

    for (size_t i = 0; i < COUNT; i++)
        keys[i] = bp_sort_key(ldexp(sin((double)i), (int)(i * 37 % 600) - 300));
    keys[3] = bp_sort_key(INFINITY);
    keys[4] = bp_sort_key(-INFINITY);
    bp_sort_keys(keys, keys + COUNT, COUNT);
    for (size_t i = 1; i < COUNT; i++)
        cr_assert(bp_sort_number(keys[i - 1]) <= bp_sort_number(keys[i]));
    cr_assert(bp_sort_number(keys[0]) == -INFINITY && bp_sort_number(keys[COUNT - 1]) == INFINITY);
}

/* Counts of (true class, predicted class), by what predict gives. */
static void count_predictions(const bp_network *network, uint32_t n, uint64_t rows, const float *z, const float *y,
                              uint64_t *counts)
{
    uint32_t classes = n == 1 ? 2 : n;
    float *p = malloc((size_t)rows * n * sizeof *p);
    bp_workspace *workspace;

    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_predict(network, workspace, rows, z, p, NULL), BP_OK);
    for (uint64_t row = 0; row < rows; row++)
        counts[bp_predicted_class(y + row * n, n) * classes + bp_predicted_class(p + row * n, n)]++;
    bp_workspace_free(workspace);
    free(p);
}

/* Without answers to keep, probabilities are computed only where they matter. */
static double accuracy_alone(const bp_network *network, uint32_t n, uint64_t rows, const float *z, const float *y)
{
    bp_array x = {z, BP_TYPE_F32, 0, rows, n, 0}, targets = {y, BP_TYPE_F32, 0, rows, n, 0};
    bp_workspace *workspace;
    bp_examples *examples;
    bp_metrics metrics;

    cr_assert_eq(bp_examples_borrow(&x, &targets, NULL, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, examples, (bp_rows){0}, &metrics, NULL), BP_OK);
    bp_workspace_free(workspace);
    bp_examples_free(examples);
    return metrics.accuracy;
}

static void expect_counts_of_predictions(bp_loss loss, uint32_t n, uint64_t rows, const float *z, const float *y)
{
    bp_network *network = identity(n, loss);
    bp_evaluation *evaluation = judge(loss, n, rows, z, y, NULL, 1);
    uint64_t wanted[9] = {0}, found[9];
    bp_metrics metrics;
    double right = 0;

    count_predictions(network, n, rows, z, y, wanted);
    cr_assert_eq(bp_evaluation_confusion(evaluation, found, NULL), BP_OK);
    bp_evaluation_metrics(evaluation, &metrics);
    for (uint32_t i = 0, classes = n == 1 ? 2 : n; i < classes * classes; i++) {
        cr_assert_eq(found[i], wanted[i], "%llu, not %llu in place %u", (unsigned long long)found[i], (unsigned long long)wanted[i],
                     i);
        right += i % (classes + 1) == 0 ? (double)wanted[i] : 0;
    }
    cr_assert_eq(metrics.accuracy, right / (double)rows);
    cr_assert_eq(accuracy_alone(network, n, rows, z, y), metrics.accuracy);
    bp_evaluation_free(evaluation);
    bp_network_free(network);
}

/* Where z is near 0 the probability is one half, to the bit, on both of its sides; where two z are near each other, so are
 * theirs. */
Test(evaluation, the_class_is_that_of_the_probability_that_predict_gives)
{
    enum { ROWS = 600 };
    float z[3 * ROWS], y[3 * ROWS];

    for (int i = 0; i < ROWS; i++) {
        z[i] = (i % 2 ? -1e-9f : 1e-9f) * (float)(i < 2 ? 0 : i);
        y[i] = (float)(i / 2 % 2);
    }
    expect_counts_of_predictions(BP_BINARY_CROSS_ENTROPY, 1, ROWS, z, y);
    for (int i = 0; i < 3 * ROWS; i++) {
        z[i] = 20 + 1e-5f * (float)(i * i % 7);
        y[i] = i % 3 == i / 3 % 3;
    }
    expect_counts_of_predictions(BP_CROSS_ENTROPY, 3, ROWS, z, y);
    for (int i = 0; i < ROWS; i++)
        z[i] = 1.0f + 1e-7f * (float)(i % 5 - 2);
    expect_counts_of_predictions(BP_CROSS_ENTROPY, 3, ROWS / 3, z, y);
    for (int i = 0; i < 3 * ROWS; i++)
        z[i] = 1e-9f * (float)(i * i % 7);
    expect_counts_of_predictions(BP_CROSS_ENTROPY, 3, ROWS, z, y);
}
