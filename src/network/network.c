/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <string.h>

#include "error.h"
#include "float_state.h"
#include "initialisation.h"
#include "memory.h"
#include "settings.h"

static bp_loss resolve_loss(const bp_settings *settings)
{
    if (settings->loss != BP_LOSS_AUTO)
        return (bp_loss)settings->loss;
    if (settings->task == BP_TASK_MULTICLASS)
        return BP_CROSS_ENTROPY;
    return settings->task == BP_TASK_BINARY ? BP_BINARY_CROSS_ENTROPY : BP_SQUARED_ERROR;
}

static double shape_of_loss(const bp_settings *settings)
{
    if (settings->loss == BP_HUBER)
        return settings->huber_delta;
    return settings->loss == BP_QUANTILE ? settings->quantile : 0.0;
}

static bp_status plan_network(const bp_settings *settings, uint32_t inputs, uint32_t outputs, bp_layout *layout, bp_error *error)
{
    uint32_t sizes[BP_LAYERS_MAX + 1] = {inputs};

    if (resolve_loss(settings) == BP_CROSS_ENTROPY && outputs < 2)
        return bp_fail(error, BP_INVALID, "cross_entropy needs 2 outputs or more, one for each class; this network has %u",
                       outputs);
    memcpy(sizes + 1, settings->hidden, settings->hidden_count * sizeof *sizes);
    sizes[settings->hidden_count + 1] = outputs;
    return bp_layout_make(settings->hidden_count + 1, sizes, (bp_activation)settings->activation, layout, error);
}

static BP_OUT_OF_LINE bp_status create(const bp_settings *settings, uint32_t inputs, uint32_t outputs,
                                       const bp_allocator *allocator, bp_network **result, bp_error *error)
{
    bp_layout layout;
    bp_settings full;
    bp_allocator chosen = bp_allocator_or_default(allocator);

    BP_TRY(bp_settings_check(settings, error));
    bp_settings_complete(settings, &full);
    BP_TRY(plan_network(&full, inputs, outputs, &layout, error));
    bp_network *network = bp_allocate_zeroed(&chosen, sizeof *network);
    if (!network)
        return bp_fail(error, BP_NO_MEMORY, "a network: %zu bytes were refused", sizeof *network);
    *network = (bp_network){.allocator = chosen,
                            .layout = layout,
                            .loss = resolve_loss(&full),
                            .loss_shape = shape_of_loss(&full),
                            .precision = (bp_precision)full.precision,
                            .dropout = full.dropout};
    network->parameters = bp_allocate_zeroed(&chosen, layout.floats * sizeof(float));
    if (!network->parameters) {
        bp_network_free(network);
        return bp_fail(error, BP_NO_MEMORY, "a network's parameters: %zu bytes were refused", layout.floats * sizeof(float));
    }
    bp_initialise(network, &full);
    *result = network;
    return BP_OK;
}

bp_status bp_network_create(const bp_settings *settings, uint32_t inputs, uint32_t outputs, const bp_allocator *allocator,
                            bp_network **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = create(settings, inputs, outputs, allocator, result, error);
    bp_float_end(host);
    return status;
}

void bp_network_free(bp_network *network)
{
    if (!network)
        return;
    bp_allocator allocator = network->allocator;
    bp_release(&allocator, network->parameters, network->layout.floats * sizeof(float));
    bp_release(&allocator, network, sizeof *network);
}

uint32_t bp_network_layers(const bp_network *network)
{
    return network->layout.layers;
}

bp_loss bp_network_loss(const bp_network *network)
{
    return network->loss;
}

double bp_network_loss_shape(const bp_network *network)
{
    return network->loss_shape;
}

bp_precision bp_network_precision(const bp_network *network)
{
    return network->precision;
}

bp_status bp_network_check_layer(const bp_network *network, uint32_t layer, bp_error *error)
{
    if (layer < network->layout.layers)
        return BP_OK;
    return bp_fail(error, BP_INVALID, "layer %u of a network of %u, counted from 0", layer, network->layout.layers);
}

bp_status bp_network_check_encoder(const bp_network *network, const bp_encoder *encoder, bp_error *error)
{
    uint32_t inputs = network->layout.layer[0].k, outputs = network->layout.layer[network->layout.layers - 1].n;
    bp_encoder_info info;

    if (!encoder)
        return BP_OK;
    bp_encoder_describe(encoder, &info);
    if (info.inputs == inputs && info.outputs == outputs)
        return BP_OK;
    return bp_fail(error, BP_INVALID, "the encoder is for %u inputs and %u outputs, the network has %u and %u", info.inputs,
                   info.outputs, inputs, outputs);
}

bp_status bp_network_layer(const bp_network *network, uint32_t layer, bp_layer_info *result, bp_error *error)
{
    BP_TRY(bp_network_check_layer(network, layer, error));
    const bp_layer *l = &network->layout.layer[layer];
    *result = (bp_layer_info){.inputs = l->k, .outputs = l->n, .activation = (int32_t)l->activation};
    return BP_OK;
}

uint64_t bp_network_parameters(const bp_network *network)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < network->layout.layers; i++)
        count += ((uint64_t)network->layout.layer[i].k + 1) * network->layout.layer[i].n;
    return count;
}

bp_status bp_network_get(const bp_network *network, uint32_t layer, float *W, float *b, bp_error *error)
{
    BP_TRY(bp_network_check_layer(network, layer, error));
    bp_layer_unpack(&network->layout.layer[layer], network->parameters, W, b);
    return BP_OK;
}

bp_status bp_network_set(bp_network *network, uint32_t layer, const float *W, const float *b, bp_error *error)
{
    BP_TRY(bp_network_check_layer(network, layer, error));
    bp_layer_pack(&network->layout.layer[layer], W, b, network->parameters);
    return BP_OK;
}

static void unpack_narrow(const bp_layer *layer, const float *block, float *W)
{
    for (size_t i = 0; i < layer->k; i++)
        for (size_t j = 0; j < layer->n; j++)
            W[i * layer->n + j] = block[bp_layer_place(layer, i, j)];
}

static void pack_narrow(const bp_layer *layer, const float *W, float *block)
{
    for (size_t i = 0; i < layer->k; i++)
        for (size_t j = 0; j < layer->n; j++)
            block[bp_layer_place(layer, i, j)] = W[i * layer->n + j];
}

/* Columns of a matrix that lie in that panel. */
static size_t panel_width(uint32_t columns, uint32_t panel)
{
    uint32_t rest = columns - panel * BP_PANEL;
    return rest < BP_PANEL ? rest : BP_PANEL;
}

static void unpack_panels(const bp_layer *layer, const float *block, float *W)
{
    for (uint32_t p = 0; p < layer->n_panels; p++) {
        size_t column = (size_t)p * BP_PANEL, bytes = panel_width(layer->n, p) * sizeof(float);
        for (size_t i = 0; i < layer->k; i++)
            memcpy(W + i * layer->n + column, block + bp_layer_place(layer, i, column), bytes);
    }
}

static void pack_panels(const bp_layer *layer, const float *W, float *block)
{
    for (uint32_t p = 0; p < layer->n_panels; p++) {
        size_t column = (size_t)p * BP_PANEL, bytes = panel_width(layer->n, p) * sizeof(float);
        for (size_t i = 0; i < layer->k; i++)
            memcpy(block + bp_layer_place(layer, i, column), W + i * layer->n + column, bytes);
    }
}

void bp_layer_unpack(const bp_layer *layer, const float *block, float *W, float *b)
{
    if (W)
        (layer->narrow ? unpack_narrow : unpack_panels)(layer, block, W);
    if (b)
        memcpy(b, block + layer->b, layer->n * sizeof(float));
}

void bp_layer_pack(const bp_layer *layer, const float *W, const float *b, float *block)
{
    if (W)
        (layer->narrow ? pack_narrow : pack_panels)(layer, W, block);
    if (b)
        memcpy(block + layer->b, b, layer->n * sizeof(float));
}
