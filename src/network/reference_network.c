/* A network's layers and weights, taken into a reference through the public accessors.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "reference.h"

static void widen(size_t count, const float *from, double *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
}

/* The network's W and b, in one buffer of floats for each layer in turn. */
static bp_status copy_weights(const bp_network *network, bp_reference *reference, bp_error *error)
{
    for (uint32_t i = 0; i < reference->layers; i++) {
        bp_reference_layer *layer = &reference->layer[i];
        size_t weights = (size_t)layer->k * layer->n;
        size_t bytes = (weights + layer->n) * sizeof(float); /* the reference holds as many doubles */
        float *W = bp_allocate(&reference->allocator, bytes);
        if (!W)
            return bp_fail(error, BP_NO_MEMORY, "copy of layer %u: %zu bytes refused", i + 1, bytes);
        bp_status status = bp_network_get(network, i, W, W + weights, error);
        if (status == BP_OK)
            widen(weights + layer->n, W, layer->W);
        bp_release(&reference->allocator, W, bytes);
        BP_TRY(status);
    }
    return BP_OK;
}

/* sizes [layers + 1], and the activation of the hidden layers. */
static bp_status read_shape(const bp_network *network, uint32_t layers, uint32_t *sizes, bp_activation *hidden, bp_error *error)
{
    for (uint32_t i = 0; i < layers; i++) {
        bp_layer_info info;
        BP_TRY(bp_network_layer(network, i, &info, error));
        sizes[i] = info.inputs;
        sizes[i + 1] = info.outputs;
        if (i + 1 < layers)
            *hidden = (bp_activation)info.activation;
    }
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status copy_of(const bp_network *network, const bp_allocator *allocator, bp_reference **result,
                                        bp_error *error)
{
    uint32_t sizes[BP_HIDDEN_MAX + 2];
    bp_activation hidden = BP_IDENTITY;
    bp_reference *reference;

    BP_TRY(read_shape(network, bp_network_layers(network), sizes, &hidden, error));
    BP_TRY(bp_reference_create(bp_network_layers(network), sizes, hidden, bp_network_loss(network), allocator, &reference, error));
    reference->loss_shape = bp_network_loss_shape(network);
    bp_status status = copy_weights(network, reference, error);
    if (status != BP_OK) {
        bp_reference_free(reference);
        return status;
    }
    *result = reference;
    return BP_OK;
}

bp_status bp_reference_of_network(const bp_network *network, const bp_allocator *allocator, bp_reference **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = copy_of(network, allocator, result, error);
    bp_float_end(host);
    return status;
}
