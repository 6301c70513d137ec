/* Two comparisons of one minibatch's gradient: the engine with the reference, the reference with central differences.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "network.h"
#include "reference.h"
#include "settings.h"

/* What is being checked, on what. */
typedef struct check {
    bp_reference *reference;
    const bp_settings *settings;
    bp_allocator allocator;
    uint64_t m;
    const float *x;       /* [m, inputs] */
    const float *y;       /* [m, outputs] */
    double *mean;         /* [parameters] the reference's gradient of J */
    float *engine;        /* [parameters] the engine's, in the same order */
    unsigned char *sides; /* [units] which pre-activations were above 0 */
} check;

static size_t weights_of(const bp_reference_layer *layer)
{
    return (size_t)layer->k * layer->n;
}

/* ---------------------------------------------------------------------------------------------------- relative error */

/* 1e-3 of the layer's largest entry; below it, rounding in entries that cancel to nothing does not count. */
static double floor_of(const double *gradient, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fabs(gradient[i]) > largest ? fabs(gradient[i]) : largest;
    return 1e-3 * largest;
}

/* A NaN on either side is an infinite error, not one that every comparison overlooks. */
static double relative_error(double u, double v, double least)
{
    double scale = fabs(u) > fabs(v) ? fabs(u) : fabs(v);
    double error = fabs(u - v) / (scale > least ? scale : least);
    if (u == v)
        return 0;
    return isnan(error) ? HUGE_VAL : error;
}

static double largest_error(const double *wanted, const float *got, size_t count)
{
    double least = floor_of(wanted, count), worst = 0;
    for (size_t i = 0; i < count; i++) {
        double error = relative_error((double)got[i], wanted[i], least);
        worst = error > worst ? error : worst;
    }
    return worst;
}

/* ------------------------------------------------------------------------------------------------------- differences */

/* On which side of a kink, or of a jump in the second derivative, the loss stands; 0 where it has none. */
static unsigned char side_of_loss(const bp_reference *reference, double e)
{
    if (reference->loss == BP_HUBER)
        return (unsigned char)((e > reference->loss_shape) + 2 * (e < -reference->loss_shape));
    return e > 0 && (reference->loss == BP_ABSOLUTE_ERROR || reference->loss == BP_QUANTILE);
}

static unsigned char side_of(const bp_reference *reference, uint32_t i, uint32_t j)
{
    const bp_reference_layer *layer = &reference->layer[i];

    if (i + 1 == reference->layers)
        return side_of_loss(reference, layer->a[j] - reference->y[j]);
    return layer->z[j] > 0 && (layer->activation == BP_RELU || layer->activation == BP_LEAKY_RELU || layer->activation == BP_ELU);
}

/* Writes the sides of all units, and returns whether any differs from what stood there. */
static bool record_sides(const check *c)
{
    unsigned char *side = c->sides;
    bool changed = false;

    for (uint32_t i = 0; i < c->reference->layers; i++)
        for (uint32_t j = 0; j < c->reference->layer[i].n; j++, side++) {
            unsigned char now = side_of(c->reference, i, j);
            changed = changed || now != *side;
            *side = now;
        }
    return changed;
}

static double loss_with(const check *c, double *parameter, double value)
{
    *parameter = value;
    bp_reference_forward(c->reference);
    return bp_reference_loss(c->reference);
}

/* (J(v + h) - J(v - h)) / 2h at one parameter v, example by example, so that little cancels. While no unit has changed
 * sides, z is linear in v between kinks, so looking at both ends is enough. False where a unit did. */
static bool central_difference(const check *c, double *parameter, double *slope)
{
    double kept = *parameter;
    double h = 0x1p-17 * fmax(1, fabs(kept)); /* near the cube root of double's epsilon: cutting and rounding errors meet */
    double up = kept + h, down = kept - h, sum = 0;
    bool smooth = true;

    for (uint64_t row = 0; row < c->m && smooth; row++) {
        const bp_reference_layer *last = &c->reference->layer[c->reference->layers - 1];
        bp_reference_take(c->reference, c->x + row * c->reference->layer[0].k, c->y + row * last->n);
        double L = loss_with(c, parameter, up);
        record_sides(c);
        sum += L - loss_with(c, parameter, down);
        smooth = !record_sides(c);
    }
    *parameter = kept;
    *slope = sum / (up - down) / (double)c->m;
    return smooth;
}

/* `entries` of the layer's `count` parameters, which begin at `first`, evenly spread; 0: all. */
static void compare_differences(const check *c, size_t first, size_t count, uint64_t entries, bp_gradcheck_layer *result)
{
    double least = floor_of(c->mean + first, count);
    uint64_t picked = entries == 0 || entries > count ? count : entries;

    for (uint64_t e = 0; e < picked; e++) {
        size_t p = first + e * (count / picked) + e * (count % picked) / picked;
        double slope;
        if (!central_difference(c, &c->reference->parameter[p], &slope)) {
            result->skipped++;
            continue;
        }
        result->checked++;
        result->differences = fmax(result->differences, relative_error(slope, c->mean[p], least));
    }
}

/* ------------------------------------------------------------------------------------------------------------ engine */

static bp_status read_gradient(const check *c, const bp_trainer *trainer, bp_error *error)
{
    float *dW = c->engine;
    for (uint32_t i = 0; i < c->reference->layers; i++) {
        const bp_reference_layer *layer = &c->reference->layer[i];
        BP_TRY(bp_trainer_gradient_get(trainer, i, dW, dW + weights_of(layer), error));
        dW += weights_of(layer) + layer->n;
    }
    return BP_OK;
}

static bp_status run_engine(const check *c, bp_trainer *trainer, bp_error *error)
{
    BP_TRY(bp_trainer_forward(trainer, c->m, c->x, NULL, error));
    BP_TRY(bp_trainer_loss(trainer, c->y, NULL, NULL, error));
    BP_TRY(bp_trainer_backward(trainer, NULL, NULL, error));
    return read_gradient(c, trainer, error);
}

/* The network's precision and dropout are lent to the trainer: nothing is trained. */
static bp_status engine_gradient(const check *c, bp_network *network, bp_error *error)
{
    bp_precision before = network->precision;
    double dropout = network->dropout;
    bp_trainer *trainer;

    BP_TRY(bp_trainer_create(network, c->settings, NULL, 0, &c->allocator, &trainer, error));
    bp_status status = network->dropout > 0.0
                           ? bp_fail(error, BP_INVALID, "gradcheck needs settings without dropout: the reference drops nothing")
                           : run_engine(c, trainer, error);
    bp_trainer_free(trainer);
    network->precision = before;
    network->dropout = dropout;
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- whole */

static BP_OUT_OF_LINE void compare_with_reference(const check *c, uint64_t entries, bp_gradcheck_layer *layers)
{
    size_t first = 0;

    bp_reference_minibatch(c->reference, c->m, c->x, c->y, NULL, c->mean);
    for (uint32_t i = 0; i < c->reference->layers; i++) {
        size_t count = weights_of(&c->reference->layer[i]) + c->reference->layer[i].n;
        layers[i] = (bp_gradcheck_layer){.engine = largest_error(c->mean + first, c->engine + first, count)};
        compare_differences(c, first, count, entries, &layers[i]);
        first += count;
    }
}

/* The engine outside of our state: a team's threads begin in the state of the thread that makes them. */
static bp_status compare(const check *c, bp_network *network, uint64_t entries, bp_gradcheck_layer *layers, bp_error *error)
{
    BP_TRY(engine_gradient(c, network, error));
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    compare_with_reference(c, entries, layers);
    bp_float_end(host);
    return BP_OK;
}

static void carve(check *c, bp_arena *arena)
{
    size_t units = 0;
    for (uint32_t i = 0; i < c->reference->layers; i++)
        units += c->reference->layer[i].n;
    c->mean = bp_arena_take(arena, c->reference->parameters, sizeof *c->mean);
    c->engine = bp_arena_take(arena, c->reference->parameters, sizeof *c->engine);
    c->sides = bp_arena_take(arena, units, sizeof *c->sides);
}

static bp_status compare_in_arena(check *c, bp_network *network, uint64_t entries, bp_gradcheck_layer *layers, bp_error *error)
{
    bp_arena arena = {0};

    carve(c, &arena);
    size_t bytes;
    void *block = bp_arena_commit_zeroed(&arena, &c->allocator, &bytes);
    if (!block)
        return bp_fail(error, BP_NO_MEMORY, "gradients of %zu parameters: %zu bytes refused", c->reference->parameters, bytes);
    carve(c, &arena);
    bp_status status = compare(c, network, entries, layers, error);
    bp_release(&c->allocator, block, bytes);
    return status;
}

bp_status bp_gradcheck(bp_network *network, const bp_settings *settings, uint64_t m, const float *x, const float *y,
                       uint64_t entries, const bp_allocator *allocator, bp_gradcheck_layer *layers, bp_error *error)
{
    check c = {.settings = settings, .m = m, .x = x, .y = y, .allocator = bp_allocator_or_default(allocator)};
    bp_settings full;

    if (!network || !settings || !x || !y || !layers || m == 0)
        return bp_fail(error, BP_INVALID,
                       "gradcheck needs a network, settings, x and y of at least one row, and room for its result");
    BP_TRY(bp_reference_of_network(network, &c.allocator, &c.reference, error));
    bp_settings_complete(settings, &full);
    c.reference->label_smoothing = full.label_smoothing;
    bp_status status = compare_in_arena(&c, network, entries, layers, error);
    bp_reference_free(c.reference);
    return status;
}
