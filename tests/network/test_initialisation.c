/* First weights: their bounds, their spread, and that they depend on counters alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "initialisation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static bp_network *create(bp_init_scheme scheme, bp_activation activation, uint32_t hidden, uint64_t seed)
{
    bp_settings settings;
    bp_network *network;

    bp_settings_init(&settings, sizeof settings);
    settings.hidden[0] = hidden;
    settings.hidden_count = 1;
    settings.init_scheme = (int32_t)scheme;
    settings.activation = (int32_t)activation;
    settings.seed = seed;
    cr_assert_eq(bp_network_create(&settings, 300, 50, NULL, &network, NULL), BP_OK);
    return network;
}

/* W [k, n] from malloc. */
static float *weights_of(const bp_network *network, uint32_t layer, size_t *count)
{
    bp_layer_info info;

    cr_assert_eq(bp_network_layer(network, layer, &info, NULL), BP_OK);
    *count = (size_t)info.inputs * info.outputs;
    float *W = malloc(*count * sizeof *W);
    cr_assert_eq(bp_network_get(network, layer, W, NULL, NULL), BP_OK);
    return W;
}

/* Mean 0 and variance u^2 / 3 within five standard deviations; both ends nearly reached. */
static void check_spread(const float *W, size_t count, double u, const char *what)
{
    double sum = 0, squares = 0, least = 0, most = 0;

    for (size_t i = 0; i < count; i++) {
        double w = (double)W[i];
        cr_assert(fabs(w) <= u * (1 + 1e-7), "%s: %g beyond %g", what, w, u);
        sum += w;
        squares += w * w;
        least = w < least ? w : least;
        most = w > most ? w : most;
    }
    cr_assert(fabs(sum / (double)count) < 5 * u / sqrt(3.0 * (double)count), "%s: mean %g", what, sum / (double)count);
    cr_assert(fabs(squares / (double)count * 3 / (u * u) - 1) < 5 * sqrt(0.8 / (double)count), "%s: variance", what);
    cr_assert(most > 0.99 * u && least < -0.99 * u, "%s: from %g to %g of %g", what, least, most, u);
}

static double bound_by_hand(bp_init_scheme scheme, double k, double n)
{
    if (scheme == BP_INIT_HE)
        return sqrt(6 / k);
    return scheme == BP_INIT_GLOROT ? sqrt(6 / (k + n)) : sqrt(3 / k);
}

static void check_scheme(bp_init_scheme asked, bp_activation activation, bp_init_scheme first, bp_init_scheme last)
{
    bp_network *network = create(asked, activation, 100, 1);
    size_t count;
    float *W = weights_of(network, 0, &count);

    check_spread(W, count, bound_by_hand(first, 300, 100), "hidden layer");
    free(W);
    W = weights_of(network, 1, &count);
    check_spread(W, count, bound_by_hand(last, 100, 50), "last layer");
    free(W);
    bp_network_free(network);
}

Test(initialisation, schemes_have_their_bounds_and_spread)
{
    for (bp_init_scheme scheme = BP_INIT_HE; scheme <= BP_INIT_LECUN; scheme++)
        check_scheme(scheme, BP_RELU, scheme, scheme);
}

Test(initialisation, an_automatic_scheme_is_the_activations)
{
    check_scheme(BP_INIT_AUTO, BP_RELU, BP_INIT_HE, BP_INIT_LECUN);
    check_scheme(BP_INIT_AUTO, BP_LEAKY_RELU, BP_INIT_HE, BP_INIT_LECUN);
    check_scheme(BP_INIT_AUTO, BP_SIGMOID, BP_INIT_GLOROT, BP_INIT_LECUN);
    check_scheme(BP_INIT_AUTO, BP_TANH, BP_INIT_GLOROT, BP_INIT_LECUN);
    check_scheme(BP_INIT_AUTO, BP_IDENTITY, BP_INIT_LECUN, BP_INIT_LECUN);
}

Test(initialisation, a_regression_begins_near_the_mean)
{
    bp_settings settings;
    bp_network *network;
    size_t count;

    bp_settings_init(&settings, sizeof settings);
    settings.task = BP_TASK_REGRESSION;
    cr_assert_eq(bp_network_create(&settings, 300, 50, NULL, &network, NULL), BP_OK);
    float *W = weights_of(network, 2, &count);
    check_spread(W, count, 0.1 * bound_by_hand(BP_INIT_LECUN, 64, 50), "last layer");
    free(W);
    W = weights_of(network, 1, &count);
    check_spread(W, count, bound_by_hand(BP_INIT_HE, 64, 64), "hidden layer");
    free(W);
    bp_network_free(network);
    settings.init_scheme = BP_INIT_LECUN;
    cr_assert_eq(bp_network_create(&settings, 300, 50, NULL, &network, NULL), BP_OK);
    W = weights_of(network, 2, &count);
    check_spread(W, count, bound_by_hand(BP_INIT_LECUN, 64, 50), "as it was asked for");
    free(W);
    bp_network_free(network);
}

Test(initialisation, a_weight_is_a_function_of_seed_layer_row_and_column)
{
    for (uint32_t hidden = 31; hidden <= 33; hidden++) { /* panels or not */
        bp_network *network = create(BP_INIT_LECUN, BP_RELU, hidden, 0x123456789abcdef0);
        for (uint32_t layer = 0; layer < 2; layer++) {
            size_t count;
            float *W = weights_of(network, layer, &count);
            double u = sqrt(3.0 / (layer ? hidden : 300));
            for (size_t i = 0; i < count; i++) {
                double unit = bp_random_unit(bp_random(0x123456789abcdef0, BP_STREAM_WEIGHTS, 0, layer, i));
                cr_assert_eq(W[i], (float)(u * (2 * unit - 1)), "layer %u, weight %zu", layer, i);
            }
            free(W);
        }
        bp_network_free(network);
    }
}

Test(initialisation, seeds_differ_and_repeat)
{
    bp_network *one = create(BP_INIT_HE, BP_RELU, 40, 1), *again = create(BP_INIT_HE, BP_RELU, 40, 1),
               *other = create(BP_INIT_HE, BP_RELU, 40, 2);
    size_t bytes = one->layout.floats * sizeof(float);

    cr_assert_eq(memcmp(one->parameters, again->parameters, bytes), 0);
    cr_assert_neq(memcmp(one->parameters, other->parameters, bytes), 0);
    bp_network_free(one);
    bp_network_free(again);
    bp_network_free(other);
}

Test(initialisation, biases_begin_at_zero)
{
    bp_network *network = create(BP_INIT_AUTO, BP_RELU, 33, 1);
    float b[50];

    for (uint32_t layer = 0; layer < 2; layer++) {
        cr_assert_eq(bp_network_get(network, layer, NULL, b, NULL), BP_OK);
        for (size_t j = 0; j < (layer ? 50 : 33); j++)
            cr_assert_eq(b[j], 0);
    }
    bp_network_free(network);
}
