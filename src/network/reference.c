/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

/* ------------------------------------------------------------------------------------------------------- activation */

/* The normal distribution; erfc keeps its digits where it is near 0. */
static double normal(double z)
{
    return 0.5 * erfc(-z / 1.4142135623730951);
}

static double g(bp_activation activation, double z)
{
    switch (activation) {
    case BP_RELU:
        return z > 0 ? z : 0;
    case BP_LEAKY_RELU:
        return z > 0 ? z : 0.01 * z;
    case BP_SIGMOID:
        return z < 0 ? exp(z) / (1 + exp(z)) : 1 / (1 + exp(-z)); /* neither overflows */
    case BP_TANH:
        return tanh(z);
    case BP_ELU:
        return z > 0 ? z : expm1(z);
    case BP_GELU:
        return z * normal(z);
    case BP_SILU:
        return z * g(BP_SIGMOID, z);
    case BP_SOFTPLUS:
        return fmax(z, 0) + log1p(exp(-fabs(z)));
    case BP_IDENTITY:
        break;
    }
    return z;
}

/* g'(z), by a = g(z) where that is simpler. */
static double g_prime(bp_activation activation, double z, double a)
{
    switch (activation) {
    case BP_RELU:
        return z > 0 ? 1 : 0;
    case BP_LEAKY_RELU:
        return z > 0 ? 1 : 0.01;
    case BP_SIGMOID:
        return a * (1 - a);
    case BP_TANH:
        return 1 - a * a;
    case BP_ELU:
        return z > 0 ? 1 : exp(z);
    case BP_GELU:
        return normal(z) + z * exp(-0.5 * z * z) / 2.5066282746310005; /* sqrt(2 pi) */
    case BP_SILU:
        return g(BP_SIGMOID, z) * (1 + z * g(BP_SIGMOID, -z));
    case BP_SOFTPLUS:
        return g(BP_SIGMOID, z);
    case BP_IDENTITY:
        break;
    }
    return 1;
}

/* ------------------------------------------------------------------------------------------------------------- loss */

/* Each returns L and writes dL/dy^. */
static double squared_error(uint32_t n, const double *y_hat, const double *y, double *d_y_hat)
{
    double L = 0;
    for (uint32_t j = 0; j < n; j++) {
        d_y_hat[j] = y_hat[j] - y[j];
        L += 0.5 * d_y_hat[j] * d_y_hat[j];
    }
    return L;
}

/* -sum y log p with p = softmax(y^), log p_j = y^_j - log sum e^y^; dL/dy^ = p sum y - y */
static double cross_entropy(uint32_t n, const double *y_hat, const double *y, double *d_y_hat)
{
    double largest = y_hat[0], sum = 0, total_y = 0, L = 0;
    for (uint32_t j = 1; j < n; j++)
        largest = y_hat[j] > largest ? y_hat[j] : largest;
    for (uint32_t j = 0; j < n; j++) {
        sum += exp(y_hat[j] - largest);
        total_y += y[j];
    }
    for (uint32_t j = 0; j < n; j++) {
        double log_p = y_hat[j] - largest - log(sum);
        d_y_hat[j] = exp(log_p) * total_y - y[j];
        if (y[j] != 0)
            L -= y[j] * log_p;
    }
    return L;
}

static double binary_cross_entropy(uint32_t n, const double *y_hat, const double *y, double *d_y_hat)
{
    double L = 0;
    for (uint32_t j = 0; j < n; j++) {
        d_y_hat[j] = g(BP_SIGMOID, y_hat[j]) - y[j];
        L += fmax(y_hat[j], 0) - y_hat[j] * y[j] + log1p(exp(-fabs(y_hat[j])));
    }
    return L;
}

static double absolute_error(uint32_t n, const double *y_hat, const double *y, double *d_y_hat)
{
    double L = 0;
    for (uint32_t j = 0; j < n; j++) {
        d_y_hat[j] = (y_hat[j] > y[j]) - (y_hat[j] < y[j]);
        L += fabs(y_hat[j] - y[j]);
    }
    return L;
}

static double huber(uint32_t n, const double *y_hat, const double *y, double delta, double *d_y_hat)
{
    double L = 0;
    for (uint32_t j = 0; j < n; j++) {
        double e = y_hat[j] - y[j], size = fabs(e);
        d_y_hat[j] = size <= delta ? e : copysign(delta, e);
        L += size <= delta ? 0.5 * e * e : delta * (size - 0.5 * delta);
    }
    return L;
}

static double quantile(uint32_t n, const double *y_hat, const double *y, double q, double *d_y_hat)
{
    double L = 0;
    for (uint32_t j = 0; j < n; j++) {
        d_y_hat[j] = y_hat[j] < y[j] ? -q : y_hat[j] > y[j] ? 1 - q : 0;
        L += d_y_hat[j] * (y_hat[j] - y[j]);
    }
    return L;
}

static double poisson(uint32_t n, const double *y_hat, const double *y, double *d_y_hat)
{
    double L = 0;
    for (uint32_t j = 0; j < n; j++) {
        d_y_hat[j] = exp(y_hat[j]) - y[j];
        L += exp(y_hat[j]) - y[j] * y_hat[j];
    }
    return L;
}

double bp_reference_loss(bp_reference *reference)
{
    const bp_reference_layer *last = &reference->layer[reference->layers - 1];
    switch (reference->loss) {
    case BP_CROSS_ENTROPY:
        return cross_entropy(last->n, last->a, reference->y, last->dL_da);
    case BP_BINARY_CROSS_ENTROPY:
        return binary_cross_entropy(last->n, last->a, reference->y, last->dL_da);
    case BP_ABSOLUTE_ERROR:
        return absolute_error(last->n, last->a, reference->y, last->dL_da);
    case BP_HUBER:
        return huber(last->n, last->a, reference->y, reference->loss_shape, last->dL_da);
    case BP_QUANTILE:
        return quantile(last->n, last->a, reference->y, reference->loss_shape, last->dL_da);
    case BP_POISSON:
        return poisson(last->n, last->a, reference->y, last->dL_da);
    case BP_SQUARED_ERROR:
    case BP_LOSS_AUTO:
        break;
    }
    return squared_error(last->n, last->a, reference->y, last->dL_da);
}

/* ------------------------------------------------------------------------------------------------ forward, backward */

/* z = aW + b, a = g(z) */
static void layer_forward(bp_reference_layer *layer, const double *a_before)
{
    for (uint32_t j = 0; j < layer->n; j++) {
        double sum = 0;
        for (uint32_t i = 0; i < layer->k; i++)
            sum += a_before[i] * layer->W[(size_t)i * layer->n + j];
        layer->z[j] = sum + layer->b[j];
        layer->a[j] = g(layer->activation, layer->z[j]);
    }
}

/* dL/dz = dL/da (*) g'(z), dL/db = dL/dz, dL/dW = a^T dL/dz, dL/da = dL/dz W^T, with a and the last dL/da of the layer before */
static void layer_backward(bp_reference_layer *layer, const double *a_before, double *dL_da_before)
{
    for (uint32_t j = 0; j < layer->n; j++) {
        layer->dL_dz[j] = layer->dL_da[j] * g_prime(layer->activation, layer->z[j], layer->a[j]);
        layer->dL_db[j] = layer->dL_dz[j];
    }
    for (uint32_t i = 0; i < layer->k; i++) {
        double sum = 0;
        for (uint32_t j = 0; j < layer->n; j++) {
            size_t ij = (size_t)i * layer->n + j;
            layer->dL_dW[ij] = a_before[i] * layer->dL_dz[j];
            sum += layer->dL_dz[j] * layer->W[ij];
        }
        dL_da_before[i] = sum;
    }
}

void bp_reference_forward(bp_reference *reference)
{
    for (uint32_t i = 0; i < reference->layers; i++)
        layer_forward(&reference->layer[i], i > 0 ? reference->layer[i - 1].a : reference->x);
}

void bp_reference_backward(bp_reference *reference)
{
    for (uint32_t i = reference->layers - 1; i > 0; i--)
        layer_backward(&reference->layer[i], reference->layer[i - 1].a, reference->layer[i - 1].dL_da);
    layer_backward(&reference->layer[0], reference->x, reference->dL_dx);
}

void bp_reference_take(bp_reference *reference, const float *x, const float *y)
{
    uint32_t n = reference->layer[reference->layers - 1].n;
    for (uint32_t i = 0; i < reference->layer[0].k; i++)
        reference->x[i] = (double)x[i];
    double classes = reference->loss == BP_CROSS_ENTROPY ? n : 2, e = reference->label_smoothing;

    for (uint32_t j = 0; y && j < n; j++)
        reference->y[j] = (1 - e) * (double)y[j] + e / classes;
}

double bp_reference_minibatch(bp_reference *reference, uint64_t m, const float *x, const float *y, const float *weight,
                              double *mean)
{
    size_t inputs = reference->layer[0].k;
    size_t outputs = reference->layer[reference->layers - 1].n;
    double J = 0;

    memset(mean, 0, reference->parameters * sizeof *mean);
    for (uint64_t row = 0; row < m; row++) {
        double share = (weight ? (double)weight[row] : 1) / (double)m;
        bp_reference_take(reference, x + row * inputs, y + row * outputs);
        bp_reference_forward(reference);
        J += share * bp_reference_loss(reference);
        bp_reference_backward(reference);
        for (size_t p = 0; p < reference->parameters; p++)
            mean[p] += share * reference->gradient[p];
    }
    return J;
}

/* ---------------------------------------------------------------------------------------------------------- lifetime */

static double *take(bp_arena *arena, size_t count)
{
    return bp_arena_take(arena, count, sizeof(double));
}

/* Where W and b lie in `block`, which is NULL while measuring. Returns the number of both. */
static size_t place(bp_reference_layer *layer, double *block, double **matrix, double **vector)
{
    size_t weights = (size_t)layer->k * layer->n;
    *matrix = block;
    *vector = block ? block + weights : NULL;
    return weights + layer->n;
}

/* Views of every array, in one block. */
static void carve(bp_reference *reference, bp_arena *arena)
{
    size_t used = 0;

    reference->parameter = take(arena, reference->parameters);
    reference->gradient = take(arena, reference->parameters);
    reference->x = take(arena, reference->layer[0].k);
    reference->dL_dx = take(arena, reference->layer[0].k);
    reference->y = take(arena, reference->layer[reference->layers - 1].n);
    for (uint32_t i = 0; i < reference->layers; i++) {
        bp_reference_layer *layer = &reference->layer[i];
        place(layer, reference->parameter ? reference->parameter + used : NULL, &layer->W, &layer->b);
        used += place(layer, reference->gradient ? reference->gradient + used : NULL, &layer->dL_dW, &layer->dL_db);
        layer->z = take(arena, layer->n);
        layer->a = take(arena, layer->n);
        layer->dL_da = take(arena, layer->n);
        layer->dL_dz = take(arena, layer->n);
    }
}

/* Shapes, and the number of parameters. */
static bp_status set_shape(bp_reference *reference, const uint32_t *sizes, bp_activation hidden, bp_error *error)
{
    for (uint32_t i = 0; i < reference->layers; i++) {
        bp_reference_layer *layer = &reference->layer[i];
        size_t count;

        layer->k = sizes[i];
        layer->n = sizes[i + 1];
        layer->activation = i + 1 < reference->layers ? hidden : BP_IDENTITY;
        if (layer->k == 0 || layer->n == 0)
            return bp_fail(error, BP_INVALID, "layer %u has %u inputs and %u outputs", i + 1, layer->k, layer->n);
        if (!bp_size_mul((size_t)layer->k + 1, layer->n, &count) ||
            !bp_size_add(reference->parameters, count, &reference->parameters))
            return bp_fail(error, BP_INVALID, "layer %u, %u x %u, is too large", i + 1, layer->k, layer->n);
    }
    return BP_OK;
}

static bp_status allocate_arrays(bp_reference *reference, bp_error *error)
{
    bp_arena arena = {0};

    carve(reference, &arena);
    reference->block = bp_arena_commit_zeroed(&arena, &reference->allocator, &reference->bytes);
    if (!reference->block)
        return bp_fail(error, BP_NO_MEMORY, "reference of %zu parameters: %zu bytes refused", reference->parameters,
                       reference->bytes);
    carve(reference, &arena);
    return BP_OK;
}

static size_t struct_bytes(uint32_t layers)
{
    return sizeof(bp_reference) + layers * sizeof(bp_reference_layer);
}

bp_status bp_reference_create(uint32_t layers, const uint32_t *sizes, bp_activation hidden, bp_loss loss,
                              const bp_allocator *allocator, bp_reference **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_reference *reference;

    if (layers == 0)
        return bp_fail(error, BP_INVALID, "a network has at least one layer");
    reference = bp_allocate_zeroed(&memory, struct_bytes(layers));
    if (!reference)
        return bp_fail(error, BP_NO_MEMORY, "reference of %u layers: %zu bytes refused", layers, struct_bytes(layers));
    reference->allocator = memory;
    reference->layers = layers;
    reference->loss = loss;
    reference->loss_shape = loss == BP_QUANTILE ? 0.5 : 1;

    bp_status status = set_shape(reference, sizes, hidden, error);
    if (status == BP_OK)
        status = allocate_arrays(reference, error);
    if (status != BP_OK) {
        bp_reference_free(reference);
        return status;
    }
    *result = reference;
    return BP_OK;
}

void bp_reference_free(bp_reference *reference)
{
    if (!reference)
        return;
    bp_allocator memory = reference->allocator;
    bp_release(&memory, reference->block, reference->bytes);
    bp_release(&memory, reference, struct_bytes(reference->layers));
}
