/* What trace hands out is the reference's view of a network's weights.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "numbers.h"
#include "reference.h"
#include "refusing.h"

static bp_network *network_of(bp_loss loss)
{
    bp_settings settings;
    bp_network *network = NULL;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    settings.hidden_count = 2;
    settings.hidden[0] = 33;
    settings.hidden[1] = 5;
    settings.activation = BP_TANH;
    settings.loss = (int32_t)loss;
    cr_assert_eq(bp_network_create(&settings, 4, 3, NULL, &network, &error), BP_OK, "%s", error.text);
    return network;
}

static int same(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

static const float x[] = {0.5f, -1, 0.25f, 2}, y[] = {0, 1, 0};

Test(trace, shows_every_number_of_the_reference)
{
    bp_network *network = network_of(BP_CROSS_ENTROPY);
    bp_reference *reference = NULL;
    bp_trace *trace = NULL;
    bp_trace_layer seen;

    cr_assert_eq(bp_trace_create(network, x, y, NULL, &trace, NULL), BP_OK);
    cr_assert_eq(bp_reference_of_network(network, NULL, &reference, NULL), BP_OK);
    bp_reference_take(reference, x, y);
    bp_reference_forward(reference);
    cr_assert(bp_trace_loss(trace) == bp_reference_loss(reference));
    bp_reference_backward(reference);
    for (uint32_t l = 0; l < 3; l++) {
        const bp_reference_layer *layer = &reference->layer[l];
        cr_assert_eq(bp_trace_at(trace, l, &seen, NULL), BP_OK);
        cr_assert(seen.inputs == layer->k && seen.outputs == layer->n);
        cr_assert(same(seen.z, layer->z, layer->n) && same(seen.a, layer->a, layer->n), "layer %u forward", l);
        cr_assert(same(seen.dL_da, layer->dL_da, layer->n) && same(seen.dL_dz, layer->dL_dz, layer->n), "layer %u backward", l);
        cr_assert(same(seen.dL_dW, layer->dL_dW, layer->k * layer->n) && same(seen.dL_db, layer->dL_db, layer->n),
                  "layer %u gradient", l);
    }
    cr_assert_eq(bp_trace_at(trace, 3, &seen, NULL), BP_INVALID);
    bp_trace_free(trace);
    bp_reference_free(reference);
    bp_network_free(network);
}

Test(trace, takes_weights_as_the_accessors_show_them)
{
    bp_network *network = network_of(BP_SQUARED_ERROR);
    bp_reference *reference = NULL;
    float W[33 * 5], b[5];

    cr_assert_eq(bp_network_set(network, 1, NULL, (float[]){1, 2, 3, 4, 5}, NULL), BP_OK); /* first biases are 0 */
    cr_assert_eq(bp_reference_of_network(network, NULL, &reference, NULL), BP_OK);
    cr_assert(bp_network_parameters(network) == reference->parameters);
    cr_assert_eq(bp_network_get(network, 1, W, b, NULL), BP_OK);
    for (int i = 0; i < 33 * 5; i++)
        cr_assert(reference->layer[1].W[i] == (double)W[i] && W[i] != 0, "W[%d]", i);
    cr_assert(same(reference->layer[1].b, (double[]){1, 2, 3, 4, 5}, 5));
    cr_assert(reference->layer[0].activation == BP_TANH && reference->layer[2].activation == BP_IDENTITY);
    cr_assert_eq(reference->loss, BP_SQUARED_ERROR);
    bp_reference_free(reference);
    bp_network_free(network);
}

Test(trace, needs_a_network_an_example_and_its_target)
{
    bp_network *network = network_of(BP_SQUARED_ERROR);
    bp_trace *trace = NULL;

    cr_assert_eq(bp_trace_create(NULL, x, y, NULL, &trace, NULL), BP_INVALID);
    cr_assert_eq(bp_trace_create(network, NULL, y, NULL, &trace, NULL), BP_INVALID);
    cr_assert_eq(bp_trace_create(network, x, NULL, NULL, &trace, NULL), BP_INVALID);
    cr_assert_null(trace);
    bp_trace_free(NULL);
    bp_network_free(network);
}

Test(trace, a_refused_allocation_gives_back_the_rest)
{
    bp_network *network = network_of(BP_SQUARED_ERROR);
    bp_status status = BP_NO_MEMORY;

    for (size_t n = 0; status != BP_OK; n++) {
        refusing memory = refuse_at(n);
        bp_allocator allocator = refusing_allocator(&memory);
        bp_trace *trace = NULL;
        status = bp_trace_create(network, x, y, &allocator, &trace, NULL);
        cr_assert(n < 100 && (status == BP_OK || status == BP_NO_MEMORY) && (trace != NULL) == (status == BP_OK));
        bp_trace_free(trace);
        cr_assert(memory.alive == 0 && memory.bytes == 0, "%zu blocks are alive after allocation %zu was refused", memory.alive, n);
    }
    bp_network_free(network);
}
