/* The f32 engine against the reference, within what rounding can explain, over odd shapes, instruction sets and strategies.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "helper_bounds.h"
#include "helper_engine.h"
#include "numbers.h"
#include "sets.h"

static const uint32_t widths[] = {1, 2, 15, 16, 17, 31, 32, 33, 65};
static const size_t batches[] = {1, 2, 31, 33, 100};

enum { WIDTHS = 9, BATCHES = 5, ROWS = 100, MOST = 65, MOST_PARAMETERS = 2 * MOST * (MOST + 1) };

/* One network's data, and what is true of it for each size of minibatch. */
typedef struct subject {
    uint32_t inputs, hidden, outputs;
    float x[ROWS * MOST], y[ROWS * MOST];
    bounds wanted[BATCHES];
} subject;

static void assert_within(const float *got, const double *exact, const double *bound, size_t count, const char *what,
                          const char *where)
{
    size_t i = first_outside(got, exact, bound, count);
    cr_assert(i == count, "%s[%zu] of %s: %g is %g from the reference's %g, the bound is %g", what, i, where, (double)got[i],
              fabs((double)got[i] - exact[i]), exact[i], bound[i]);
}

static void check_batch(const subject *s, size_t m, const bounds *wanted, const bp_network *network, bp_trainer *trainer,
                        const char *where)
{
    static float gradient[MOST_PARAMETERS], y_hat[ROWS * MOST], d_x[ROWS * MOST];

    double J = run_backward(trainer, m, s->x, s->y, y_hat, d_x);
    get_gradient(trainer, network, gradient);
    cr_assert(fabs(J - wanted->J) <= wanted->J_bound, "J of %s: %g, not %g +- %g", where, J, wanted->J, wanted->J_bound);
    assert_within(y_hat, wanted->y_hat, wanted->y_hat_bound, m * s->outputs, "y^", where);
    assert_within(d_x, wanted->d_x, wanted->d_x_bound, m * s->inputs, "dL/dx", where);
    assert_within(gradient, wanted->gradient, wanted->gradient_bound, bp_network_parameters(network), "dJ/dW, dJ/db", where);
}

static void check_way(const subject *s, bp_network *network, const bp_settings *settings)
{
    bp_trainer *trainer = trainer_with(network, settings);
    cr_assert_eq(bp_trainer_threads(trainer), settings->threads);
    for (size_t b = 0; b < BATCHES; b++) {
        char where[200];
        snprintf(where, sizeof where, "%u-%u-%u, activation %d, loss %d, isa %s, strategy %d, %u threads, %zu rows", s->inputs,
                 s->hidden, s->outputs, settings->activation, settings->loss, bp_trainer_isa(trainer), settings->gradient,
                 settings->threads, batches[b]);
        check_batch(s, batches[b], &s->wanted[b], network, trainer, where);
    }
    bp_trainer_free(trainer);
}

static void check_every_way(const subject *s, bp_network *network, bp_settings settings)
{
    settings.batch_size = ROWS;
    settings.exact_threads = 1;
    for (settings.isa = BP_ISA_SCALAR; settings.isa; settings.isa = (int32_t)set_after((bp_isa)settings.isa))
        for (settings.gradient = BP_GRADIENT_BUFFERS; settings.gradient <= BP_GRADIENT_TILES; settings.gradient++)
            for (settings.threads = 1; settings.threads <= 3; settings.threads += 2)
                check_way(s, network, &settings);
}

static void check_shape(subject *s, bp_activation activation, bp_loss loss)
{
    bp_settings settings = settings_for(&s->hidden, 1, activation, loss);
    bp_network *network = network_with(&settings, s->inputs, s->outputs, NULL);
    bp_reference *reference = NULL;
    float *biased = malloc(bp_network_parameters(network) * sizeof *biased);

    get_weights(network, biased); /* biases start at 0, which would hide them */
    for (uint64_t i = 0; i < bp_network_parameters(network); i++)
        biased[i] += (float)(0.05 * scattered(5, i));
    set_weights(network, biased);
    free(biased);
    scatter_f32(s->x, ROWS * s->inputs, 6, 1.5);
    scatter_targets(s->y, ROWS, s->outputs, loss, 7);
    cr_assert_eq(bp_reference_of_network(network, NULL, &reference, NULL), BP_OK);
    for (size_t b = 0; b < BATCHES; b++)
        s->wanted[b] = bounds_create(reference, batches[b], s->x, s->y);
    check_every_way(s, network, settings);
    for (size_t b = 0; b < BATCHES; b++)
        bounds_free(&s->wanted[b]);
    bp_reference_free(reference);
    bp_network_free(network);
}

static void check_activation(bp_activation activation)
{
    subject *s = malloc(sizeof *s);

    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++)
        for (int i = 0; i < WIDTHS; i++) {
            s->inputs = widths[i];
            s->hidden = widths[(i + 4) % WIDTHS];
            s->outputs = widths[(i + 7) % WIDTHS];
            if (loss == BP_CROSS_ENTROPY && s->outputs < 2)
                s->outputs = 2;
            check_shape(s, activation, loss);
        }
    free(s);
}

Test(engine, identity_is_the_reference_up_to_rounding)
{
    check_activation(BP_IDENTITY);
}

Test(engine, relu_is_the_reference_up_to_rounding)
{
    check_activation(BP_RELU);
}

Test(engine, leaky_relu_is_the_reference_up_to_rounding)
{
    check_activation(BP_LEAKY_RELU);
}

Test(engine, sigmoid_is_the_reference_up_to_rounding)
{
    check_activation(BP_SIGMOID);
}

Test(engine, tanh_is_the_reference_up_to_rounding)
{
    check_activation(BP_TANH);
}

Test(engine, a_loss_gradient_of_the_callers_goes_back_as_the_reference_takes_it)
{
    enum { m = 33, inputs = 17, outputs = 5 };
    bp_settings settings = settings_for((uint32_t[]){31, 16}, 2, BP_TANH, BP_SQUARED_ERROR);
    bp_network *network = network_with(&settings, inputs, outputs, NULL);
    bp_trainer *trainer = trainer_with(network, &settings);
    bp_reference *reference = NULL;
    float x[m * inputs], d_y_hat[m * outputs], d_x[m * inputs], gradient[2000];
    double mean[2000] = {0};

    scatter_f32(x, m * inputs, 1, 1);
    scatter_f32(d_y_hat, m * outputs, 2, 1);
    cr_assert_eq(bp_trainer_forward(trainer, m, x, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(trainer, d_y_hat, d_x, NULL), BP_OK);
    get_gradient(trainer, network, gradient);

    cr_assert_eq(bp_reference_of_network(network, NULL, &reference, NULL), BP_OK);
    for (size_t row = 0; row < m; row++) {
        bp_reference_take(reference, x + row * inputs, NULL);
        bp_reference_forward(reference);
        for (size_t j = 0; j < outputs; j++)
            reference->layer[2].dL_da[j] = (double)d_y_hat[row * outputs + j];
        bp_reference_backward(reference);
        for (size_t i = 0; i < inputs; i++)
            cr_assert_float_eq(d_x[row * inputs + i], reference->dL_dx[i], 1e-5, "dL/dx[%zu][%zu]", row, i);
        for (size_t p = 0; p < reference->parameters; p++)
            mean[p] += reference->gradient[p] / m;
    }
    for (size_t p = 0; p < reference->parameters; p++)
        cr_assert_float_eq(gradient[p], mean[p], 1e-6, "parameter %zu", p);
    bp_reference_free(reference);
    bp_trainer_free(trainer);
    bp_network_free(network);
}
