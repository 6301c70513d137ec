/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_engine.h"

#include <criterion/criterion.h>
#include <string.h>

bp_settings settings_for(const uint32_t *hidden, uint32_t count, bp_activation activation, bp_loss loss)
{
    bp_settings settings;
    bp_settings_init(&settings, sizeof settings);
    if (hidden)
        memcpy(settings.hidden, hidden, count * sizeof *hidden);
    settings.hidden_count = count;
    settings.activation = (int32_t)activation;
    settings.loss = (int32_t)loss;
    settings.threads = 1;
    return settings;
}

bp_network *network_with(const bp_settings *settings, uint32_t inputs, uint32_t outputs, const float *weights)
{
    bp_network *network = NULL;
    bp_error error;
    cr_assert_eq(bp_network_create(settings, inputs, outputs, NULL, &network, &error), BP_OK, "%s", error.text);
    if (weights)
        set_weights(network, weights);
    return network;
}

bp_trainer *trainer_with(bp_network *network, const bp_settings *settings)
{
    bp_trainer *trainer = NULL;
    bp_error error;
    cr_assert_eq(bp_trainer_create(network, settings, NULL, 0, NULL, &trainer, &error), BP_OK, "%s", error.text);
    return trainer;
}

/* Weights of a layer, without its biases. */
static size_t weights_of(const bp_network *network, uint32_t layer, size_t *biases)
{
    bp_layer_info info;
    cr_assert_eq(bp_network_layer(network, layer, &info, NULL), BP_OK);
    *biases = info.outputs;
    return (size_t)info.inputs * info.outputs;
}

void set_weights(bp_network *network, const float *flat)
{
    for (uint32_t l = 0; l < bp_network_layers(network); l++) {
        size_t biases, weights = weights_of(network, l, &biases);
        cr_assert_eq(bp_network_set(network, l, flat, flat + weights, NULL), BP_OK);
        flat += weights + biases;
    }
}

void get_weights(const bp_network *network, float *flat)
{
    for (uint32_t l = 0; l < bp_network_layers(network); l++) {
        size_t biases, weights = weights_of(network, l, &biases);
        cr_assert_eq(bp_network_get(network, l, flat, flat + weights, NULL), BP_OK);
        flat += weights + biases;
    }
}

void get_gradient(const bp_trainer *trainer, const bp_network *network, float *flat)
{
    for (uint32_t l = 0; l < bp_network_layers(network); l++) {
        size_t biases, weights = weights_of(network, l, &biases);
        cr_assert_eq(bp_trainer_gradient_get(trainer, l, flat, flat + weights, NULL), BP_OK);
        flat += weights + biases;
    }
}

double run_backward(bp_trainer *trainer, uint64_t m, const float *x, const float *y, float *y_hat, float *d_x)
{
    double J = 0;
    bp_error error;
    cr_assert_eq(bp_trainer_forward(trainer, m, x, y_hat, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_trainer_loss(trainer, y, NULL, &J, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_trainer_backward(trainer, NULL, d_x, &error), BP_OK, "%s", error.text);
    return J;
}
