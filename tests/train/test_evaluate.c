/* Metrics against the plain formulas, on any number of threads, in the target's unit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "problem.h"
#include "reference.h"
#include "sets.h"

enum { ROWS = 700, MOST_OUTPUTS = 5 };

static const uint64_t counts[] = {1, 2, 255, 256, 257, ROWS};

typedef struct subject {
    problem p;
    bp_network *network;
    bp_workspace *workspace;
    bp_examples *weighted;
    double *z;          /* [ROWS, outputs], by the reference */
    double loss[ROWS];  /* L of each row */
    float weight[ROWS]; /* scaled to mean 1 */
    uint64_t index[ROWS];
} subject;

static void ask_reference(subject *s)
{
    bp_reference *reference = NULL;
    uint32_t n = s->p.outputs;

    cr_assert_eq(bp_reference_of_network(s->network, NULL, &reference, NULL), BP_OK);
    for (size_t row = 0; row < ROWS; row++) {
        bp_reference_take(reference, s->p.x + row * s->p.inputs, s->p.y + row * n);
        bp_reference_forward(reference);
        s->loss[row] = bp_reference_loss(reference);
        memcpy(s->z + row * n, reference->layer[reference->layers - 1].a, n * sizeof *s->z);
    }
    bp_reference_free(reference);
}

static subject *set_up(bp_loss loss, uint32_t outputs)
{
    subject *s = calloc(1, sizeof *s);
    double sum = 0;

    s->p = problem_create(problem_settings((uint32_t[]){19}, 1, BP_TANH, loss, BP_SGD), 7, outputs, ROWS, 91);
    s->network = problem_network(&s->p);
    s->z = malloc(ROWS * outputs * sizeof *s->z);
    bp_array x = problem_x(&s->p), y = problem_y(&s->p), weight = {s->p.weight, BP_TYPE_F32, 0, ROWS, 1, 0};
    cr_assert_eq(bp_examples_borrow(&x, &y, &weight, NULL, &s->weighted, NULL), BP_OK);
    cr_assert_eq(bp_workspace_create(s->network, 2, BP_ISA_AUTO, NULL, &s->workspace, NULL), BP_OK);
    for (size_t row = 0; row < ROWS; row++)
        sum += (double)s->p.weight[row];
    for (size_t row = 0; row < ROWS; row++) {
        s->weight[row] = (float)((double)s->p.weight[row] / (sum / ROWS));
        s->index[row] = row * 37 % ROWS; /* 37 and 700 share no factor */
    }
    ask_reference(s);
    return s;
}

static void tear_down(subject *s)
{
    bp_workspace_free(s->workspace);
    bp_examples_free(s->weighted);
    bp_network_free(s->network);
    problem_free(&s->p);
    free(s->z);
    free(s);
}

static bp_metrics evaluate(const subject *s, const bp_examples *examples, uint64_t count)
{
    bp_metrics metrics;
    bp_error error;
    bp_rows rows = {count == ROWS ? NULL : s->index, count};
    bp_status status = bp_network_evaluate(s->network, s->workspace, NULL, examples, rows, &metrics, &error);

    cr_assert_eq(status, BP_OK, "%s", error.text);
    cr_assert_eq(metrics.rows, count);
    return metrics;
}

static void assert_close(double got, double wanted, const char *what, uint64_t count)
{
    if (isnan(wanted))
        cr_assert(isnan(got), "%s of %llu rows is %g, and should not be", what, (unsigned long long)count, got);
    else
        cr_assert(fabs(got - wanted) <= 2e-5 * (1 + fabs(wanted)), "%s of %llu rows: %.9g, not %.9g", what,
                  (unsigned long long)count, got, wanted);
}

/* The row that is asked for in place r. */
static uint64_t row_at(const subject *s, uint64_t count, uint64_t r)
{
    return count == ROWS ? r : s->index[r];
}

static double mean_loss(const subject *s, uint64_t count, bool weighted)
{
    double sum = 0;

    for (uint64_t r = 0; r < count; r++) {
        uint64_t row = row_at(s, count, r);
        sum += (weighted ? (double)s->weight[row] : 1.0) * s->loss[row];
    }
    return sum / (double)count;
}

static double mean_target(const subject *s, uint64_t count, uint32_t j)
{
    double sum = 0;

    for (uint64_t r = 0; r < count; r++)
        sum += (double)s->p.y[row_at(s, count, r) * s->p.outputs + j];
    return sum / (double)count;
}

static void check_regression(const subject *s, uint64_t count)
{
    bp_metrics metrics = evaluate(s, s->p.examples, count);
    uint32_t n = s->p.outputs;
    double squares = 0, absolutes = 0, about_squares = 0, r2 = 0;

    for (uint32_t j = 0; j < n; j++) {
        double mean = mean_target(s, count, j), own = 0, about = 0;
        for (uint64_t r = 0; r < count; r++) {
            uint64_t at = row_at(s, count, r) * n + j;
            double error = s->z[at] - (double)s->p.y[at], deviation = (double)s->p.y[at] - mean;
            own += error * error;
            about += deviation * deviation;
            absolutes += fabs(error);
        }
        squares += own;
        about_squares += about;
        r2 += (about > 0 ? 1 - own / about : NAN) / n;
    }
    double values = (double)count * n;
    assert_close(metrics.loss, mean_loss(s, count, false), "loss", count);
    assert_close(metrics.rmse, sqrt(squares / values), "rmse", count);
    assert_close(metrics.mae, absolutes / values, "mae", count);
    assert_close(metrics.r2, r2, "r2", count);
    assert_close(metrics.baseline_rmse, sqrt(about_squares / values), "baseline rmse", count);
    cr_assert(isnan(metrics.accuracy) && isnan(metrics.baseline_accuracy));
}

static uint32_t largest(const double *values, uint32_t n)
{
    uint32_t best = 0;

    for (uint32_t j = 1; j < n; j++)
        best = values[j] > values[best] ? j : best;
    return best;
}

static double accuracy_of_classes(const subject *s, uint64_t count, double *majority)
{
    double correct = 0;
    uint32_t n = s->p.outputs;

    *majority = 0;
    for (uint64_t r = 0; r < count; r++) {
        uint64_t row = row_at(s, count, r);
        correct += s->p.y[row * n + largest(s->z + row * n, n)] == 1;
    }
    for (uint32_t j = 0; j < n; j++)
        *majority = fmax(*majority, mean_target(s, count, j));
    return correct / (double)count;
}

static double accuracy_of_answers(const subject *s, uint64_t count, double *majority)
{
    double correct = 0;
    uint32_t n = s->p.outputs;

    *majority = 0;
    for (uint64_t r = 0; r < count; r++)
        for (uint64_t at = row_at(s, count, r) * n, end = at + n; at < end; at++)
            correct += (s->z[at] > 0) == (s->p.y[at] == 1);
    for (uint32_t j = 0; j < n; j++)
        *majority += fmax(mean_target(s, count, j), 1 - mean_target(s, count, j)) / n;
    return correct / ((double)count * n);
}

static void check_classes(const subject *s, uint64_t count)
{
    bp_metrics metrics = evaluate(s, s->p.examples, count);
    double majority, accuracy = s->p.settings.loss == BP_CROSS_ENTROPY ? accuracy_of_classes(s, count, &majority)
                                                                       : accuracy_of_answers(s, count, &majority);

    assert_close(metrics.loss, mean_loss(s, count, false), "loss", count);
    cr_assert_float_eq(metrics.accuracy, accuracy, 1e-12, "accuracy of %llu rows: %g, not %g", (unsigned long long)count,
                       metrics.accuracy, accuracy);
    cr_assert_float_eq(metrics.baseline_accuracy, majority, 1e-12, "baseline of %llu rows", (unsigned long long)count);
    cr_assert(isnan(metrics.rmse) && isnan(metrics.mae) && isnan(metrics.r2) && isnan(metrics.baseline_rmse));
}

Test(evaluate, gives_what_the_formulas_of_a_regression_give)
{
    for (uint32_t outputs = 1; outputs <= MOST_OUTPUTS; outputs += 2) {
        subject *s = set_up(BP_SQUARED_ERROR, outputs);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            check_regression(s, counts[i]); /* of one row every target is constant: r2 is NaN */
        tear_down(s);
    }
}

Test(evaluate, gives_what_the_formulas_of_classes_give)
{
    for (bp_loss loss = BP_CROSS_ENTROPY; loss <= BP_BINARY_CROSS_ENTROPY; loss++)
        for (uint32_t outputs = loss == BP_CROSS_ENTROPY ? 2 : 1; outputs <= MOST_OUTPUTS; outputs++) {
            subject *s = set_up(loss, outputs);
            for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
                check_classes(s, counts[i]);
            tear_down(s);
        }
}

Test(evaluate, weighs_the_loss_and_nothing_else)
{
    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++) {
        subject *s = set_up(loss, 3);
        bp_metrics with = evaluate(s, s->weighted, 257), without = evaluate(s, s->p.examples, 257);
        assert_close(with.loss, mean_loss(s, 257, true), "weighted loss", 257);
        cr_assert_neq(with.loss, without.loss);
        with.loss = without.loss;
        cr_assert_eq(memcmp(&with, &without, sizeof with), 0, "other metrics");
        tear_down(s);
    }
}

Test(evaluate, gives_the_same_bits_on_every_team_and_instruction_set)
{
    static const uint32_t teams[] = {1, 2, 3, 8};

    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++) {
        subject *s = set_up(loss, 3);
        bp_metrics wanted = evaluate(s, s->weighted, ROWS);
        for (bp_isa isa = BP_ISA_SCALAR; isa; isa = set_after(isa))
            for (size_t t = 0; t < 4; t++) {
                bp_workspace_free(s->workspace);
                cr_assert_eq(bp_workspace_create(s->network, teams[t], isa, NULL, &s->workspace, NULL), BP_OK);
                bp_metrics got = evaluate(s, s->weighted, ROWS);
                cr_assert_eq(memcmp(&got, &wanted, sizeof got), 0, "loss %d, isa %d, %u threads", loss, isa, teams[t]);
            }
        tear_down(s);
    }
}

Test(evaluate, leaves_r2_undefined_where_a_target_is_constant)
{
    subject *s = set_up(BP_SQUARED_ERROR, 2);

    for (size_t row = 0; row < ROWS; row++)
        s->p.y[row * 2 + 1] = 0.5f;
    bp_metrics metrics = evaluate(s, s->p.examples, ROWS);
    cr_assert(isnan(metrics.r2) && isfinite(metrics.rmse) && metrics.baseline_rmse > 0);
    tear_down(s);
}

enum { TABLE = 300 };

/* Targets in units of their own: kilograms and milliseconds, say. */
static void fill_table(float *x, double *y)
{
    scatter_f32(x, TABLE * 3, 5, 10);
    for (size_t row = 0; row < TABLE; row++) {
        y[row * 2] = 5000 + 300 * scattered(6, row);
        y[row * 2 + 1] = -0.02 + 0.004 * scattered(7, row);
    }
}

static void check_units(const bp_encoder *encoder, const bp_examples *examples, const double *y)
{
    problem p = {.settings = problem_settings((uint32_t[]){9}, 1, BP_TANH, BP_SQUARED_ERROR, BP_SGD), .inputs = 3, .outputs = 2};
    bp_network *network = problem_network(&p);
    bp_workspace *workspace = NULL;
    bp_metrics metrics, plain;
    float predicted[TABLE * 2];
    double values[TABLE * 2], squares = 0, absolutes = 0;

    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(network, workspace, encoder, examples, (bp_rows){0}, &metrics, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, examples, (bp_rows){0}, &plain, NULL), BP_OK);
    cr_assert_eq(bp_network_predict_rows(network, workspace, examples, (bp_rows){NULL, TABLE}, predicted, NULL), BP_OK);
    for (size_t i = 0; i < TABLE * 2; i++)
        values[i] = (double)predicted[i];
    bp_encoder_decode(encoder, TABLE, values);
    for (size_t i = 0; i < TABLE * 2; i++) {
        squares += (values[i] - y[i]) * (values[i] - y[i]);
        absolutes += fabs(values[i] - y[i]);
    }
    cr_assert_float_eq(metrics.rmse / sqrt(squares / (TABLE * 2)), 1, 1e-5, "rmse %g", metrics.rmse);
    cr_assert_float_eq(metrics.mae / (absolutes / (TABLE * 2)), 1, 1e-5, "mae %g", metrics.mae);
    cr_assert(metrics.loss == plain.loss, "the loss is in the network's units");
    cr_assert(fabs(metrics.r2 - plain.r2) < 1e-4 && plain.rmse < 10 && metrics.baseline_rmse > 50);
    bp_workspace_free(workspace);
    bp_network_free(network);
}

Test(evaluate, speaks_in_the_targets_own_unit)
{
    static float x[TABLE * 3];
    static double y[TABLE * 2];
    bp_array of_x = {x, BP_TYPE_F32, 0, TABLE, 3, 0}, of_y = {y, BP_TYPE_F64, 0, TABLE, 2, 0};
    bp_dataset *dataset = NULL;
    bp_encoder *encoder = NULL;
    bp_examples *examples = NULL;
    bp_settings settings;
    bp_error error;

    fill_table(x, y);
    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_dataset_borrow(&of_x, &of_y, NULL, NULL, &dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){0}, &settings, NULL, &encoder, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_apply(encoder, dataset, 1, NULL, &examples, &error), BP_OK, "%s", error.text);
    check_units(encoder, examples, y);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(evaluate, refuses_what_it_cannot_measure)
{
    subject *s = set_up(BP_SQUARED_ERROR, 3), *other = set_up(BP_SQUARED_ERROR, 2);
    bp_array x = problem_x(&s->p);
    bp_examples *unlabelled = NULL;
    bp_encoder *encoder = problem_encoder(&other->p);
    bp_metrics metrics;
    bp_error error;
    uint64_t beyond[] = {ROWS};

    cr_assert_eq(bp_examples_borrow(&x, NULL, NULL, NULL, &unlabelled, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(s->network, s->workspace, NULL, unlabelled, (bp_rows){0}, &metrics, NULL), BP_INVALID);
    cr_assert_eq(bp_network_evaluate(s->network, s->workspace, NULL, other->p.examples, (bp_rows){0}, &metrics, NULL), BP_INVALID);
    cr_assert_eq(bp_network_evaluate(s->network, other->workspace, NULL, s->p.examples, (bp_rows){0}, &metrics, NULL), BP_INVALID);
    cr_assert_eq(bp_network_evaluate(s->network, s->workspace, NULL, s->p.examples, (bp_rows){beyond, 1}, &metrics, NULL),
                 BP_INVALID);
    cr_assert_eq(bp_network_evaluate(s->network, s->workspace, NULL, s->p.examples, (bp_rows){beyond, 0}, &metrics, NULL),
                 BP_INVALID);
    cr_assert_eq(bp_network_evaluate(s->network, s->workspace, encoder, s->p.examples, (bp_rows){0}, &metrics, &error), BP_INVALID);
    cr_assert(strstr(error.text, "the encoder is for 7 inputs and 2 outputs"), "%s", error.text);
    bp_encoder_free(encoder);
    bp_examples_free(unlabelled);
    tear_down(s);
    tear_down(other);
}
