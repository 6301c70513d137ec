/* The examples that courses work by hand, number by number.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "numbers.h"
#include "reference.h"

static bp_reference *network_of(uint32_t layers, const uint32_t *sizes, bp_activation hidden)
{
    bp_reference *reference = NULL;
    bp_error error;
    cr_assert_eq(bp_reference_create(layers, sizes, hidden, BP_SQUARED_ERROR, NULL, &reference, &error), BP_OK, "%s", error.text);
    return reference;
}

static double run(bp_reference *reference)
{
    bp_reference_forward(reference);
    double L = bp_reference_loss(reference);
    bp_reference_backward(reference);
    return L;
}

static void assert_all_equal(const double *got, const double *wanted, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(got[i] == wanted[i], "%s[%zu] is %.17g, not %.17g", what, i, got[i], wanted[i]);
}

/* a = z = w . x + b, L = (a - y)^2 / 2: dL/dw1 = (a - y) x1, dL/dw2 = (a - y) x2, dL/db = a - y */
Test(worked_examples, one_identity_layer_has_a_minus_y_times_x)
{
    bp_reference *net = network_of(1, (uint32_t[]){2, 1}, BP_RELU);
    bp_reference_layer *only = &net->layer[0];

    memcpy(net->parameter, (double[]){2, -3, 0.5}, 3 * sizeof(double));
    memcpy(net->x, (double[]){1.5, 0.25}, 2 * sizeof(double));
    net->y[0] = 1;
    double L = run(net);

    double a = 2 * 1.5 - 3 * 0.25 + 0.5; /* 2.75 */
    cr_assert(only->z[0] == a && only->a[0] == a && L == 0.5 * (a - 1) * (a - 1));
    cr_assert(only->dL_da[0] == a - 1 && only->dL_dz[0] == a - 1);
    assert_all_equal(only->dL_dW, (double[]){(a - 1) * 1.5, (a - 1) * 0.25}, 2, "dL/dW");
    cr_assert(only->dL_db[0] == a - 1);
    assert_all_equal(net->dL_dx, (double[]){(a - 1) * 2, (a - 1) * -3}, 2, "dL/dx");
    bp_reference_free(net);
}

/* x W1 + b1 = z1, ReLU, a1 W2 + b2 = z2 = a2 = y^. The second hidden unit is off, the third at exactly 0. */
Test(worked_examples, two_layers_with_relu_have_every_listed_derivative)
{
    bp_reference *net = network_of(2, (uint32_t[]){2, 3, 1}, BP_RELU);
    bp_reference_layer *first = &net->layer[0], *second = &net->layer[1];

    memcpy(first->W, (double[]){1, -2, 0.5, 2, 1, -1}, 6 * sizeof(double));
    memcpy(first->b, (double[]){0.5, -1, 0}, 3 * sizeof(double));
    memcpy(second->W, (double[]){3, 5, 7}, 3 * sizeof(double));
    second->b[0] = -2;
    memcpy(net->x, (double[]){2, 1}, 2 * sizeof(double));
    net->y[0] = 4;
    double L = run(net);

    assert_all_equal(first->z, (double[]){4.5, -4, 0}, 3, "z1");
    assert_all_equal(first->a, (double[]){4.5, 0, 0}, 3, "a1");
    cr_assert(second->z[0] == 11.5 && second->a[0] == 11.5 && L == 0.5 * 7.5 * 7.5);

    cr_assert(second->dL_da[0] == 7.5, "dL/da2 = a2 - y");
    cr_assert(second->dL_dz[0] == 7.5, "da2/dz2 = 1");
    assert_all_equal(second->dL_dW, (double[]){4.5 * 7.5, 0, 0}, 3, "dL/dW2 = a1^T (a2 - y)");
    cr_assert(second->dL_db[0] == 7.5, "dL/db2 = a2 - y");
    assert_all_equal(first->dL_da, (double[]){7.5 * 3, 7.5 * 5, 7.5 * 7}, 3, "dL/da1 = (a2 - y) W2^T");
    assert_all_equal(first->dL_dz, (double[]){22.5, 0, 0}, 3, "dL/dz1 = dL/da1 (*) ReLU'(z1)");
    assert_all_equal(first->dL_dW, (double[]){45, 0, 0, 22.5, 0, 0}, 6, "dL/dW1 = x^T dL/dz1");
    assert_all_equal(first->dL_db, (double[]){22.5, 0, 0}, 3, "dL/db1 = dL/dz1");
    assert_all_equal(net->dL_dx, (double[]){22.5, 45}, 2, "dL/dx = dL/dz1 W1^T");
    bp_reference_free(net);
}

/* The cost's gradient is the mean of the losses' gradients: dJ/dw = 1/m sum (a - y) x. */
Test(worked_examples, the_gradient_of_the_cost_is_the_mean_over_examples)
{
    bp_reference *net = network_of(1, (uint32_t[]){1, 1}, BP_IDENTITY);
    double mean[2];

    memcpy(net->parameter, (double[]){2, 1}, 2 * sizeof(double));
    double J = bp_reference_minibatch(net, 4, (float[]){0, 1, 2, 3}, (float[]){2, 1, 5, 3}, NULL, mean); /* a - y: -1, 2, 0, 4 */
    cr_assert(J == (0.5 + 2 + 0 + 8) / 4);
    assert_all_equal(mean, (double[]){(0 + 2 + 0 + 12) / 4.0, (-1 + 2 + 0 + 4) / 4.0}, 2, "dJ");
    bp_reference_free(net);
}

/* dL/dW_ij of one layer by the chain rule front to back, each factor written out: dz_j/dW_ij = a_i, then da/dz and dz/da of
 * every later layer, and dL/dy^ at the end. No sum is reused: what backpropagation avoids. */
static double chained(const bp_reference *net, uint32_t which, uint32_t i, uint32_t j)
{
    double d_z[16] = {0}, d_a[16];
    const double *before = which > 0 ? net->layer[which - 1].a : net->x;

    d_z[j] = before[i];
    for (uint32_t l = which; l < net->layers; l++) {
        const bp_reference_layer *layer = &net->layer[l];
        for (uint32_t u = 0; u < layer->n; u++)
            d_a[u] = l + 1 < net->layers ? d_z[u] * (1 - tanh(layer->z[u]) * tanh(layer->z[u])) : d_z[u];
        if (l + 1 < net->layers)
            for (uint32_t v = 0; v < layer[1].n; v++) {
                d_z[v] = 0;
                for (uint32_t u = 0; u < layer->n; u++)
                    d_z[v] += d_a[u] * layer[1].W[u * layer[1].n + v];
            }
    }
    double sum = 0;
    for (uint32_t u = 0; u < net->layer[net->layers - 1].n; u++)
        sum += (net->layer[net->layers - 1].a[u] - net->y[u]) * d_a[u];
    return sum;
}

Test(worked_examples, the_recurrence_over_k_layers_is_the_whole_chain_rule)
{
    const uint32_t sizes[] = {5, 7, 4, 9, 3, 6, 2};
    bp_reference *net = network_of(6, sizes, BP_TANH);

    scatter_f64(net->parameter, net->parameters, 1, 0.8);
    scatter_f64(net->x, 5, 2, 1);
    scatter_f64(net->y, 2, 3, 1);
    run(net);
    for (uint32_t l = 0; l < net->layers; l++) {
        const bp_reference_layer *layer = &net->layer[l];
        for (uint32_t i = 0; i < layer->k; i++)
            for (uint32_t j = 0; j < layer->n; j++) {
                double wanted = chained(net, l, i, j);
                double got = layer->dL_dW[i * layer->n + j];
                cr_assert(fabs(got - wanted) <= 1e-13 * (1 + fabs(wanted)), "layer %u, W[%u][%u]: %g, not %g", l + 1, i, j, got,
                          wanted);
            }
    }
    bp_reference_free(net);
}

/* dL/da = dL/dz W^T of the layer behind, dL/dz = dL/da (*) g'(z), line by line from K down to 1. */
Test(worked_examples, the_recurrence_holds_between_neighbours)
{
    const uint32_t sizes[] = {3, 8, 6, 5, 4};
    bp_reference *net = network_of(4, sizes, BP_SIGMOID);

    scatter_f64(net->parameter, net->parameters, 4, 1);
    scatter_f64(net->x, 3, 5, 1);
    run(net);
    for (uint32_t l = net->layers - 1; l > 0; l--) {
        const bp_reference_layer *behind = &net->layer[l], *layer = &net->layer[l - 1];
        for (uint32_t j = 0; j < layer->n; j++) {
            double dot = 0, slope = 1 / (2 + exp(layer->z[j]) + exp(-layer->z[j]));
            for (uint32_t u = 0; u < behind->n; u++)
                dot += behind->dL_dz[u] * behind->W[j * behind->n + u];
            cr_assert_float_eq(layer->dL_da[j], dot, 1e-15);
            cr_assert_float_eq(layer->dL_dz[j], dot * slope, 1e-15);
            cr_assert(layer->dL_db[j] == layer->dL_dz[j]);
        }
    }
    bp_reference_free(net);
}
