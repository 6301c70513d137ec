/* The reference against what it does not use: central differences, closed forms, and the trace made of it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "numbers.h"
#include "reference.h"
#include "refusing.h"

static const bp_activation activations[] = {BP_IDENTITY, BP_RELU, BP_LEAKY_RELU, BP_SIGMOID, BP_TANH};
static const bp_loss losses[] = {BP_SQUARED_ERROR, BP_CROSS_ENTROPY, BP_BINARY_CROSS_ENTROPY};

static bp_reference *network_of(uint32_t layers, const uint32_t *sizes, bp_activation hidden, bp_loss loss)
{
    bp_reference *reference = NULL;
    bp_error error;
    cr_assert_eq(bp_reference_create(layers, sizes, hidden, loss, NULL, &reference, &error), BP_OK, "%s", error.text);
    return reference;
}

static double loss_at(bp_reference *reference, double *number, double value)
{
    double kept = *number;
    *number = value;
    bp_reference_forward(reference);
    double L = bp_reference_loss(reference);
    *number = kept;
    return L;
}

/* (L(v + h) - L(v - h)) / 2h for one number of the reference's */
static double difference(bp_reference *reference, double *number)
{
    const double h = 0x1p-17;
    return (loss_at(reference, number, *number + h) - loss_at(reference, number, *number - h)) / (2 * h);
}

static void assert_slopes(bp_reference *reference, double *numbers, const double *slopes, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        double wanted = difference(reference, &numbers[i]);
        cr_assert(fabs(slopes[i] - wanted) < 1e-9 * (1 + fabs(wanted)), "%s[%zu], activation %d, loss %d: %.12g, differences %.12g",
                  what, i, reference->layer[0].activation, reference->loss, slopes[i], wanted);
    }
}

Test(reference, gradients_are_the_slopes_for_every_activation_and_loss)
{
    for (size_t a = 0; a < 5; a++)
        for (size_t l = 0; l < 3; l++) {
            bp_reference *reference = network_of(3, (uint32_t[]){4, 6, 5, 3}, activations[a], losses[l]);
            float y[3];
            scatter_f64(reference->parameter, reference->parameters, 11, 1);
            scatter_f64(reference->x, 4, 12, 1);
            scatter_targets(y, 1, 3, losses[l], 13);
            for (int j = 0; j < 3; j++)
                reference->y[j] = (double)y[j];

            bp_reference_forward(reference);
            bp_reference_loss(reference);
            bp_reference_backward(reference);
            double gradient[128], d_x[4];
            memcpy(gradient, reference->gradient, reference->parameters * sizeof *gradient);
            memcpy(d_x, reference->dL_dx, sizeof d_x);
            assert_slopes(reference, reference->parameter, gradient, reference->parameters, "parameter");
            assert_slopes(reference, reference->x, d_x, 4, "x");
            bp_reference_free(reference);
        }
}

Test(reference, an_unnormalised_class_target_keeps_its_slope)
{
    bp_reference *reference = network_of(1, (uint32_t[]){2, 3}, BP_RELU, BP_CROSS_ENTROPY);
    double gradient[9];

    scatter_f64(reference->parameter, 9, 1, 1);
    scatter_f64(reference->x, 2, 2, 1);
    memcpy(reference->y, (double[]){0.5, 0, 0.75}, 3 * sizeof(double));
    bp_reference_forward(reference);
    bp_reference_loss(reference);
    bp_reference_backward(reference);
    memcpy(gradient, reference->gradient, sizeof gradient);
    assert_slopes(reference, reference->parameter, gradient, 9, "parameter");
    bp_reference_free(reference);
}

/* One layer with W = 0 shows its bias as y^. */
static double loss_of_logits(bp_loss loss, uint32_t n, const double *y_hat, const double *y, double *slope)
{
    bp_reference *reference = network_of(1, (uint32_t[]){1, n}, BP_RELU, loss);
    memcpy(reference->layer[0].b, y_hat, n * sizeof *y_hat);
    memcpy(reference->y, y, n * sizeof *y);
    bp_reference_forward(reference);
    double L = bp_reference_loss(reference);
    bp_reference_backward(reference);
    memcpy(slope, reference->layer[0].dL_db, n * sizeof *slope);
    bp_reference_free(reference);
    return L;
}

Test(reference, losses_have_their_closed_forms)
{
    double d[3];

    cr_assert(loss_of_logits(BP_SQUARED_ERROR, 2, (double[]){3, 1}, (double[]){1, 4}, d) == 6.5 && d[0] == 2 && d[1] == -3);
    cr_assert_float_eq(loss_of_logits(BP_CROSS_ENTROPY, 3, (double[]){7, 7, 7}, (double[]){0, 1, 0}, d), log(3), 1e-15);
    cr_assert_float_eq(d[1], 1 / 3.0 - 1, 1e-15);
    cr_assert_float_eq(loss_of_logits(BP_BINARY_CROSS_ENTROPY, 1, (double[]){0}, (double[]){1}, d), log(2), 1e-15);
    cr_assert_float_eq(d[0], -0.5, 1e-15);
}

Test(reference, extreme_logits_overflow_nowhere)
{
    double d[2];

    cr_assert(loss_of_logits(BP_CROSS_ENTROPY, 2, (double[]){1e4, -1e4}, (double[]){0, 1}, d) == 2e4 && d[0] == 1 && d[1] == -1);
    cr_assert(loss_of_logits(BP_CROSS_ENTROPY, 2, (double[]){1e4, -1e4}, (double[]){1, 0}, d) == 0 && d[0] == 0 && d[1] == 0);
    cr_assert(loss_of_logits(BP_BINARY_CROSS_ENTROPY, 2, (double[]){1e4, -1e4}, (double[]){0, 1}, d) == 2e4 && d[0] == 1 &&
              d[1] == -1);
    cr_assert(loss_of_logits(BP_BINARY_CROSS_ENTROPY, 2, (double[]){1e4, -1e4}, (double[]){1, 0}, d) == 0 && d[0] == 0 &&
              d[1] == 0);
}

Test(reference, a_minibatch_is_the_weighted_mean_of_its_examples)
{
    enum { m = 7, parameters = 3 * 5 + 5 + 5 * 2 + 2 };
    bp_reference *reference = network_of(2, (uint32_t[]){3, 5, 2}, BP_LEAKY_RELU, BP_CROSS_ENTROPY);
    float x[m * 3], y[m * 2], weight[m];
    double mean[parameters], sum[parameters] = {0}, J = 0;

    cr_assert_eq(reference->parameters, parameters);
    scatter_f64(reference->parameter, parameters, 1, 1);
    scatter_f32(x, m * 3, 2, 1);
    scatter_targets(y, m, 2, BP_CROSS_ENTROPY, 3);
    for (int row = 0; row < m; row++) {
        weight[row] = 0.5f * (float)row;
        double one[parameters];
        J += (double)weight[row] * bp_reference_minibatch(reference, 1, x + row * 3, y + row * 2, NULL, one);
        for (int p = 0; p < parameters; p++)
            sum[p] += (double)weight[row] * one[p];
    }
    cr_assert_float_eq(bp_reference_minibatch(reference, m, x, y, weight, mean), J / m, 1e-14);
    for (int p = 0; p < parameters; p++)
        cr_assert_float_eq(mean[p], sum[p] / m, 1e-14, "parameter %d", p);
    bp_reference_free(reference);
}

Test(reference, impossible_shapes_are_refused)
{
    bp_reference *reference = NULL;
    const uint32_t most = UINT32_MAX;

    cr_assert_eq(bp_reference_create(0, (uint32_t[]){3}, BP_RELU, BP_SQUARED_ERROR, NULL, &reference, NULL), BP_INVALID);
    cr_assert_eq(bp_reference_create(2, (uint32_t[]){3, 0, 1}, BP_RELU, BP_SQUARED_ERROR, NULL, &reference, NULL), BP_INVALID);
    cr_assert_eq(bp_reference_create(1, (uint32_t[]){0, 1}, BP_RELU, BP_SQUARED_ERROR, NULL, &reference, NULL), BP_INVALID);
    cr_assert_eq(bp_reference_create(3, (uint32_t[]){most, most, most, most}, BP_RELU, BP_SQUARED_ERROR, NULL, &reference, NULL),
                 BP_INVALID);
    cr_assert_eq(bp_reference_create(1, (uint32_t[]){most, most}, BP_RELU, BP_SQUARED_ERROR, NULL, &reference, NULL), BP_NO_MEMORY);
    cr_assert_null(reference);
}

Test(reference, a_refused_allocation_gives_back_the_rest)
{
    bp_reference *reference = NULL;
    bp_status status = BP_NO_MEMORY;

    for (size_t n = 0; status != BP_OK; n++) {
        refusing memory = refuse_at(n);
        bp_allocator allocator = refusing_allocator(&memory);
        status = bp_reference_create(2, (uint32_t[]){3, 4, 2}, BP_TANH, BP_SQUARED_ERROR, &allocator, &reference, NULL);
        cr_assert(n < 100 && (status == BP_OK || status == BP_NO_MEMORY));
        if (status == BP_OK)
            bp_reference_free(reference);
        cr_assert(memory.alive == 0 && memory.bytes == 0, "%zu blocks are alive after allocation %zu was refused", memory.alive, n);
    }
}
