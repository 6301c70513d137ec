/* Dropout: which units are left out, what that does to activations and gradients, and that nothing else feels it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "helper_engine.h"
#include "numbers.h"
#include "problem.h"
#include "random.h"

enum { ROWS = 50, UNITS = 37, SEED = 9 };

static bp_settings settings_with(double dropout, bp_activation activation)
{
    bp_settings settings = settings_for((uint32_t[]){UNITS}, 1, activation, BP_SQUARED_ERROR);

    settings.batch_size = ROWS;
    settings.dropout = dropout;
    settings.seed = SEED;
    return settings;
}

/* Every hidden unit is 1, and the outputs are the hidden units. */
static bp_network *mirror(const bp_settings *settings)
{
    static float weights[UNITS + UNITS + UNITS * UNITS + UNITS];

    for (size_t i = 0; i < UNITS; i++) {
        weights[UNITS + i] = 1;
        weights[2 * UNITS + i * UNITS + i] = 1;
    }
    return network_with(settings, 1, UNITS, weights);
}

/* By the definition in network/dropout.h. */
static bool is_kept(uint64_t step, size_t row, size_t column, double share)
{
    uint64_t element = row * 64 + column;
    philox4x32_ctr_t bits = bp_random(SEED, BP_STREAM_DROPOUT, 0, (uint32_t)step, element / 4 + ((uint64_t)1 << 56));
    return bits.v[element % 4] >= share * 0x1p32;
}

Test(dropout, leaves_out_the_units_that_the_numbers_say_and_scales_the_others)
{
    static float x[ROWS], y_hat[ROWS * UNITS];
    for (double share = 0.1; share < 1; share += 0.4) {
        bp_settings settings = settings_with(share, BP_RELU);
        bp_network *network = mirror(&settings);
        bp_trainer *trainer = trainer_with(network, &settings);
        for (uint64_t step = 0; step < 3; step++) {
            cr_assert_eq(bp_trainer_forward(trainer, ROWS, x, y_hat, NULL), BP_OK);
            for (size_t i = 0; i < ROWS * UNITS; i++)
                cr_assert_eq(y_hat[i], is_kept(step, i / UNITS, i % UNITS, share) ? (float)(1 / (1 - share)) : 0, "%g, %llu, %zu",
                             share, (unsigned long long)step, i);
        }
        bp_trainer_free(trainer);
        bp_network_free(network);
    }
}

Test(dropout, leaves_out_its_share)
{
    static float x[ROWS], y_hat[ROWS * UNITS];
    bp_settings settings = settings_with(0.3, BP_RELU);
    bp_network *network = mirror(&settings);
    bp_trainer *trainer = trainer_with(network, &settings);
    size_t dropped = 0, all = 0;

    for (; all < 20 * ROWS * UNITS; all += ROWS * UNITS) {
        cr_assert_eq(bp_trainer_forward(trainer, ROWS, x, y_hat, NULL), BP_OK);
        for (size_t i = 0; i < ROWS * UNITS; i++)
            dropped += y_hat[i] == 0;
    }
    cr_assert_float_eq((double)dropped / (double)all, 0.3, 4 * sqrt(0.3 * 0.7 / (double)all));
    bp_trainer_free(trainer);
    bp_network_free(network);
}

/* ------------------------------------------------------------------------------------------------------------ gradient */

enum { M = 6, INPUTS = 3, OUTPUTS = 2, DEEP = INPUTS * 7 + 7 + 7 * 5 + 5 + 5 * OUTPUTS + OUTPUTS };

/* J of the first minibatch of a new trainer: the same units are left out in each. */
static double cost_of(const bp_settings *settings, const float *weights, const float *x, const float *y, float *gradient)
{
    bp_network *network = network_with(settings, INPUTS, OUTPUTS, weights);
    bp_trainer *trainer = trainer_with(network, settings);
    double J;

    if (gradient) {
        J = run_backward(trainer, M, x, y, NULL, NULL);
        get_gradient(trainer, network, gradient);
    } else {
        cr_assert_eq(bp_trainer_forward(trainer, M, x, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_loss(trainer, y, NULL, &J, NULL), BP_OK);
    }
    bp_trainer_free(trainer);
    bp_network_free(network);
    return J;
}

static void check_gradient(bp_activation activation, bp_precision precision, double tolerance)
{
    float x[M * INPUTS], y[M * OUTPUTS], weights[DEEP], gradient[DEEP];
    bp_settings settings = settings_for((uint32_t[]){7, 5}, 2, activation, BP_SQUARED_ERROR);

    settings.batch_size = M;
    settings.dropout = 0.4;
    settings.precision = (int32_t)precision;
    scatter_f32(x, M * INPUTS, 1, 1.0);
    scatter_f32(y, M * OUTPUTS, 2, 1.0);
    scatter_f32(weights, DEEP, 3, 1.0);
    cost_of(&settings, weights, x, y, gradient);
    settings.precision = BP_F32;
    for (size_t p = 0; p < DEEP; p++) {
        float kept = weights[p], step = 0x1p-7f;
        weights[p] = kept + step;
        double above = cost_of(&settings, weights, x, y, NULL);
        weights[p] = kept - step;
        double below = cost_of(&settings, weights, x, y, NULL);
        weights[p] = kept;
        double difference = (above - below) / (2 * step);
        cr_assert(fabs(gradient[p] - difference) < tolerance * (1 + fabs(difference)),
                  "activation %d, precision %d, parameter %zu: %g, not %g", (int)activation, (int)precision, p, (double)gradient[p],
                  difference);
    }
}

Test(dropout, gradients_are_those_of_what_is_left)
{
    static const bp_activation smooth[] = {BP_IDENTITY, BP_SIGMOID, BP_TANH};

    for (size_t i = 0; i < sizeof smooth / sizeof *smooth; i++) {
        check_gradient(smooth[i], BP_F32, 2e-3);
        check_gradient(smooth[i], BP_BF16X3, 2e-3);
    }
    check_gradient(BP_RELU, BP_F32, 3e-2); /* a kink may lie within the difference */
    check_gradient(BP_RELU, BP_BF16X3, 3e-2);
    check_gradient(BP_LEAKY_RELU, BP_BF16X3, 3e-2);
}

/* ------------------------------------------------------------------------------------------------------------- around */

Test(dropout, is_not_felt_in_evaluation)
{
    bp_settings with = problem_settings((uint32_t[]){20}, 1, BP_TANH, BP_SQUARED_ERROR, BP_SGD);
    problem p = problem_create(with, 5, 2, 30, 4);
    bp_metrics one, other;
    bp_workspace *workspace;

    p.settings.dropout = 0.5;
    bp_network *network = problem_network(&p);
    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, p.examples, (bp_rows){0}, &one, NULL), BP_OK);
    bp_workspace_free(workspace);
    bp_network_free(network);
    p.settings.dropout = 0;
    network = problem_network(&p);
    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, p.examples, (bp_rows){0}, &other, NULL), BP_OK);
    cr_assert_eq(one.loss, other.loss);
    bp_workspace_free(workspace);
    bp_network_free(network);
    problem_free(&p);
}

Test(dropout, separate_calls_have_the_bits_of_the_step)
{
    bp_settings settings = problem_settings((uint32_t[]){20, 10}, 2, BP_TANH, BP_SQUARED_ERROR, BP_SGD);
    settings.dropout = 0.3;
    settings.batch_size = 10;
    problem p = problem_create(settings, 5, 2, 40, 4);
    bp_network *whole = problem_network(&p), *parts = problem_network(&p);
    bp_trainer *stepped = problem_trainer(&p, whole), *trainer = problem_trainer(&p, parts);

    for (size_t row = 0; row < 40; row += 10) {
        cr_assert_eq(bp_trainer_step(stepped, 10, p.x + row * 5, p.y + row * 2, NULL, NULL, NULL), BP_OK);
        run_backward(trainer, 10, p.x + row * 5, p.y + row * 2, NULL, NULL);
        cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    }
    float *wanted = problem_parameters(whole), *got = problem_parameters(parts);
    uint64_t count = bp_network_parameters(whole);
    cr_assert_eq(problem_first_difference(got, wanted, count), count);
    free(wanted);
    free(got);
    bp_trainer_free(stepped);
    bp_trainer_free(trainer);
    bp_network_free(whole);
    bp_network_free(parts);
    problem_free(&p);
}

Test(dropout, gradcheck_refuses_it)
{
    bp_settings settings = settings_with(0.3, BP_RELU);
    bp_network *network = mirror(&settings);
    float x[2] = {1, 2}, y[2 * UNITS] = {0};
    bp_gradcheck_layer layers[2];
    bp_error error;

    cr_assert_eq(bp_gradcheck(network, &settings, 2, x, y, 0, NULL, layers, &error), BP_INVALID);
    cr_assert(strstr(error.text, "without dropout"), "%s", error.text);
    bp_network_free(network);
}
