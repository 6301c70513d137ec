/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_bounds.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const double u = 0x1p-24;
static const double tiny = 0x1p-120; /* covers flushed subnormals */

/* What one example's numbers may be off by. */
typedef struct example {
    double e_a[BOUND_WIDTH]; /* of the layer being entered */
    double e_z[BP_HIDDEN_MAX][BOUND_WIDTH];
    double e_in[BP_HIDDEN_MAX][BOUND_WIDTH]; /* of each layer's input */
    double e_d[BOUND_WIDTH];                 /* of dL/da, then of dL/dz */
} example;

static double slope_limit(bp_activation activation)
{
    if (activation == BP_GELU || activation == BP_SILU)
        return 1.13; /* gelu's at z = sqrt 2; silu's is 1.1 */
    return activation == BP_SIGMOID ? 0.25 : 1;
}

/* Functions are good to 2 ulp = 4u; sigmoid divides after that. */
static double activation_rounding(bp_activation activation)
{
    return activation == BP_IDENTITY || activation == BP_RELU ? 0 : 8 * u;
}

static void layer_forward(const bp_reference_layer *layer, const double *a, example *e, uint32_t which)
{
    for (uint32_t i = 0; i < layer->k; i++)
        e->e_in[which][i] = e->e_a[i];
    for (uint32_t j = 0; j < layer->n; j++) {
        double carried = 0, magnitude = fabs(layer->b[j]);
        for (uint32_t i = 0; i < layer->k; i++) {
            double w = fabs(layer->W[i * layer->n + j]);
            carried += e->e_in[which][i] * w;
            magnitude += (fabs(a[i]) + e->e_in[which][i]) * w;
        }
        double e_z = carried + (layer->k + 2) * u * magnitude + tiny;
        e->e_z[which][j] = e_z;
        e->e_a[j] = slope_limit(layer->activation) * e_z + activation_rounding(layer->activation) * fabs(layer->a[j]);
    }
}

/* Of g'(z) */
static double slope_error(const bp_reference_layer *layer, uint32_t j, double e_z)
{
    double a = layer->a[j], e_a = slope_limit(layer->activation) * e_z + activation_rounding(layer->activation) * fabs(a);
    int undecided = fabs(layer->z[j]) <= e_z;
    switch (layer->activation) {
    case BP_RELU:
        return undecided ? 1 : 0;
    case BP_LEAKY_RELU:
        return undecided ? 1 : u;
    case BP_SIGMOID:
        return e_a + e_a * e_a + 4 * u;
    case BP_ELU:
        return e_a + 4 * u;
    case BP_GELU: /* |g''| is at most 0.8 at 0, silu's and softplus's 0.5 and 0.25; slopes are good to 2.5e-7 */
    case BP_SILU:
    case BP_SOFTPLUS:
        return 0.8 * e_z + 8 * u;
    case BP_TANH:
        return 2 * fabs(a) * e_a + e_a * e_a + 4 * u;
    case BP_IDENTITY:
        break;
    }
    return 0;
}

static double largest_of(const double *numbers, uint32_t count)
{
    double largest = 0;
    for (uint32_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(numbers[i]));
    return largest;
}

/* From the error of y^ to that of dL/dy^; returns that of L. */
static double loss_error(const bp_reference *reference, example *e)
{
    const bp_reference_layer *last = &reference->layer[reference->layers - 1];
    const double *e_y = e->e_z[reference->layers - 1];
    double spread = 2 * largest_of(last->a, last->n), worst = largest_of(e_y, last->n), e_L = 0;

    for (uint32_t j = 0; j < last->n; j++) {
        double d = last->dL_da[j], p = d + reference->y[j];
        double scale = 1 + spread + fabs(d);
        e_L += (fabs(d) + worst) * worst + 8 * u * scale * scale;
        if (reference->loss == BP_CROSS_ENTROPY)
            e->e_d[j] = p * (2.2 * worst + (2 * spread + last->n + 24) * u) + u + tiny;
        else if (reference->loss == BP_BINARY_CROSS_ENTROPY)
            e->e_d[j] = 0.25 * e_y[j] + 8 * u * p + u + tiny;
        else
            e->e_d[j] = e_y[j] + u * (fabs(d) + e_y[j]) + tiny;
    }
    return e_L;
}

/* Adds the example's share to the bound of dL/dW and dL/db, and leaves the error of dL/da of the layer before. */
static void layer_backward(const bp_reference_layer *layer, const double *a, example *e, uint32_t which, size_t m, double *bound)
{
    double chain = (double)(m + 12) * u; /* examples, the tree, 1/m */
    for (uint32_t j = 0; j < layer->n; j++) {
        double e_slope = slope_error(layer, j, e->e_z[which][j]);
        double slope = layer->dL_da[j] != 0 ? fabs(layer->dL_dz[j] / layer->dL_da[j]) : 1;
        e->e_d[j] = (slope + e_slope) * e->e_d[j] + fabs(layer->dL_da[j]) * e_slope + 2 * u * fabs(layer->dL_dz[j]) + tiny;
        bound[layer->k * layer->n + j] += e->e_d[j] + chain * (fabs(layer->dL_dz[j]) + e->e_d[j]);
    }
    double e_before[BOUND_WIDTH];
    for (uint32_t i = 0; i < layer->k; i++) {
        double e_in = e->e_in[which][i], carried = 0, magnitude = 0;
        for (uint32_t j = 0; j < layer->n; j++) {
            double dz = fabs(layer->dL_dz[j]) + e->e_d[j];
            double w = fabs(layer->W[i * layer->n + j]);
            bound[i * layer->n + j] += e_in * dz + fabs(a[i]) * e->e_d[j] + chain * (fabs(a[i]) + e_in) * dz + tiny;
            carried += e->e_d[j] * w;
            magnitude += dz * w;
        }
        e_before[i] = carried + (layer->n + 1) * u * magnitude + tiny;
    }
    for (uint32_t i = 0; i < layer->k; i++)
        e->e_d[i] = e_before[i];
}

static const double *input_of(const bp_reference *reference, uint32_t layer)
{
    return layer > 0 ? reference->layer[layer - 1].a : reference->x;
}

/* One row, which the reference has been through: its share of the bounds, and those of its own results. */
static void add_example(bp_reference *reference, size_t row, size_t m, example *e, bounds *b)
{
    uint32_t inputs = reference->layer[0].k, outputs = reference->layer[reference->layers - 1].n;
    size_t end = reference->parameters;

    for (uint32_t i = 0; i < inputs; i++)
        e->e_a[i] = 0;
    for (uint32_t l = 0; l < reference->layers; l++)
        layer_forward(&reference->layer[l], input_of(reference, l), e, l);
    for (uint32_t j = 0; j < outputs; j++) {
        b->y_hat[row * outputs + j] = reference->layer[reference->layers - 1].a[j];
        b->y_hat_bound[row * outputs + j] = e->e_z[reference->layers - 1][j];
    }
    b->J_bound += loss_error(reference, e) / (double)m;
    for (uint32_t l = reference->layers; l-- > 0;) {
        end -= ((size_t)reference->layer[l].k + 1) * reference->layer[l].n;
        layer_backward(&reference->layer[l], input_of(reference, l), e, l, m, b->gradient_bound + end);
    }
    for (uint32_t i = 0; i < inputs; i++) {
        b->d_x[row * inputs + i] = reference->dL_dx[i];
        b->d_x_bound[row * inputs + i] = e->e_d[i];
    }
}

static double *zeros(size_t count)
{
    double *numbers = calloc(count, sizeof *numbers);
    assert(numbers);
    return numbers;
}

bounds bounds_create(bp_reference *reference, size_t m, const float *x, const float *y)
{
    size_t inputs = reference->layer[0].k, outputs = reference->layer[reference->layers - 1].n;
    bounds b = {.gradient = zeros(reference->parameters), .gradient_bound = zeros(reference->parameters)};
    b.y_hat = zeros(m * outputs);
    b.y_hat_bound = zeros(m * outputs);
    b.d_x = zeros(m * inputs);
    b.d_x_bound = zeros(m * inputs);

    example *e = calloc(1, sizeof *e);
    assert(e);
    b.J = bp_reference_minibatch(reference, m, x, y, NULL, b.gradient);
    for (size_t row = 0; row < m; row++) {
        bp_reference_take(reference, x + row * inputs, y + row * outputs);
        bp_reference_forward(reference);
        bp_reference_loss(reference);
        bp_reference_backward(reference);
        add_example(reference, row, m, e, &b);
    }
    for (size_t p = 0; p < reference->parameters; p++)
        b.gradient_bound[p] /= (double)m;
    free(e);
    return b;
}

void bounds_free(bounds *b)
{
    free(b->gradient);
    free(b->gradient_bound);
    free(b->y_hat);
    free(b->y_hat_bound);
    free(b->d_x);
    free(b->d_x_bound);
}

size_t first_outside(const float *got, const double *exact, const double *bound, size_t count)
{
    size_t i = 0;
    while (i < count && fabs((double)got[i] - exact[i]) <= bound[i])
        i++;
    return i;
}
