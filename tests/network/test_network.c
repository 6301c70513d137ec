/* The network as the caller sees it: its layers, its parameters as plain matrices, and what cannot be made.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "refusing.h"

static bp_settings with(uint32_t one, uint32_t two)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.hidden[0] = one;
    settings.hidden[1] = two;
    settings.hidden_count = 2;
    return settings;
}

static bp_network *create(const bp_settings *settings, uint32_t inputs, uint32_t outputs)
{
    bp_network *network;
    bp_error error;
    cr_assert_eq(bp_network_create(settings, inputs, outputs, NULL, &network, &error), BP_OK, "%s", error.text);
    return network;
}

Test(network, tells_its_layers)
{
    bp_settings settings = with(33, 5);
    bp_layer_info info;

    settings.activation = BP_TANH;
    bp_network *network = create(&settings, 7, 3);
    cr_assert_eq(bp_network_layers(network), 3);
    cr_assert_eq(bp_network_parameters(network), 8 * 33 + 34 * 5 + 6 * 3);
    cr_assert_eq(bp_network_layer(network, 1, &info, NULL), BP_OK);
    cr_assert(info.inputs == 33 && info.outputs == 5 && info.activation == BP_TANH);
    cr_assert_eq(bp_network_layer(network, 2, &info, NULL), BP_OK);
    cr_assert(info.inputs == 5 && info.outputs == 3 && info.activation == BP_IDENTITY);
    bp_network_free(network);
}

static void check_round_trip(bp_network *network, uint32_t layer, size_t k, size_t n)
{
    static float W[70 * 70], b[70], W_back[70 * 70], b_back[70];

    scatter_f32(W, k * n, layer + 1, 1);
    scatter_f32(b, n, layer + 9, 1);
    cr_assert_eq(bp_network_set(network, layer, W, b, NULL), BP_OK);
    cr_assert_eq(bp_network_get(network, layer, W_back, b_back, NULL), BP_OK);
    cr_assert(memcmp(W, W_back, k * n * sizeof *W) == 0 && memcmp(b, b_back, n * sizeof *b) == 0, "%zu x %zu", k, n);
    cr_assert_eq(bp_network_set(network, layer, NULL, W, NULL), BP_OK);
    cr_assert_eq(bp_network_get(network, layer, W_back, NULL, NULL), BP_OK);
    cr_assert_eq(bp_network_get(network, layer, NULL, b_back, NULL), BP_OK);
    cr_assert(memcmp(W, W_back, k * n * sizeof *W) == 0 && memcmp(W, b_back, n * sizeof *b) == 0, "one at a time, %zu x %zu", k, n);
    cr_assert_eq(bp_network_set(network, layer, W, b, NULL), BP_OK);
}

/* Products read the padding: it must stay 0. */
static void assert_padding_is_zero(const bp_network *network)
{
    size_t floats = network->layout.floats;
    float *block = malloc(floats * sizeof *block);

    memcpy(block, network->parameters, floats * sizeof *block);
    for (uint32_t l = 0; l < network->layout.layers; l++) {
        const bp_layer *layer = &network->layout.layer[l];
        memset(block + layer->b, 0, layer->n * sizeof *block);
        for (size_t i = 0; i < layer->k; i++)
            for (size_t j = 0; j < layer->n; j++)
                block[bp_layer_place(layer, i, j)] = 0;
    }
    for (size_t i = 0; i < floats; i++)
        cr_assert_eq(block[i], 0, "float %zu", i);
    free(block);
}

Test(network, parameters_come_back_as_they_were_set)
{
    static const uint32_t widths[] = {1, 2, 8, 9, 31, 32, 33, 64, 65};
    enum { WIDTHS = sizeof widths / sizeof *widths };

    for (size_t w = 0; w < WIDTHS; w++) {
        uint32_t k = widths[w], one = widths[(w + 2) % WIDTHS], two = widths[(w + 3) % WIDTHS], n = widths[(w + 5) % WIDTHS];
        bp_settings settings = with(one, two);
        bp_network *network = create(&settings, k, n);
        check_round_trip(network, 0, k, one);
        check_round_trip(network, 1, one, two);
        check_round_trip(network, 2, two, n);
        check_round_trip(network, 0, k, one); /* no layer lies in another's place */
        assert_padding_is_zero(network);
        bp_network_free(network);
    }
}

Test(network, setting_one_layer_leaves_the_others)
{
    bp_settings settings = with(33, 40);
    bp_network *network = create(&settings, 20, 3), *same = create(&settings, 20, 3);
    static float W[70 * 70], b[70], before[70 * 70], after[70 * 70];

    scatter_f32(W, 33 * 40, 1, 1);
    scatter_f32(b, 40, 2, 1);
    cr_assert_eq(bp_network_set(network, 1, W, b, NULL), BP_OK);
    for (uint32_t layer = 0; layer < 3; layer += 2) {
        size_t count = layer ? 40 * 3 : 20 * 33;
        cr_assert_eq(bp_network_get(same, layer, before, NULL, NULL), BP_OK);
        cr_assert_eq(bp_network_get(network, layer, after, NULL, NULL), BP_OK);
        cr_assert(memcmp(before, after, count * sizeof *before) == 0, "layer %u", layer);
    }
    bp_network_free(network);
    bp_network_free(same);
}

Test(network, a_layer_that_is_not_there_is_an_error)
{
    bp_settings settings = with(3, 3);
    bp_network *network = create(&settings, 2, 2);
    float W[9], b[3];
    bp_layer_info info;
    bp_error error;

    cr_assert_eq(bp_network_get(network, 3, W, b, &error), BP_INVALID);
    cr_assert_eq(bp_network_set(network, 3, W, b, &error), BP_INVALID);
    cr_assert_eq(bp_network_layer(network, UINT32_MAX, &info, &error), BP_INVALID);
    cr_assert(strstr(error.text, "of a network of 3"), "%s", error.text);
    bp_network_free(network);
}

Test(network, an_automatic_loss_is_the_tasks)
{
    static const bp_loss wanted[] = {BP_SQUARED_ERROR, BP_SQUARED_ERROR, BP_BINARY_CROSS_ENTROPY, BP_CROSS_ENTROPY};

    for (int32_t task = BP_TASK_AUTO; task <= BP_TASK_MULTICLASS; task++) {
        bp_settings settings = with(3, 3);
        settings.task = task;
        bp_network *network = create(&settings, 2, 2);
        cr_assert_eq(bp_network_loss(network), wanted[task], "task %d", task);
        bp_network_free(network);
    }
}

Test(network, a_loss_that_was_given_stays)
{
    bp_settings settings = with(3, 3);

    settings.loss = BP_BINARY_CROSS_ENTROPY;
    bp_network *network = create(&settings, 2, 2);
    cr_assert_eq(bp_network_loss(network), BP_BINARY_CROSS_ENTROPY);
    bp_network_free(network);
}

Test(network, fields_behind_an_older_programs_settings_have_their_defaults)
{
    bp_settings settings = with(3, 5);
    bp_layer_info info;

    settings.size = offsetof(bp_settings, hidden);
    bp_network *network = create(&settings, 2, 2);
    cr_assert_eq(bp_network_layer(network, 1, &info, NULL), BP_OK);
    cr_assert(info.inputs == 64 && info.outputs == 64, "%u, %u", info.inputs, info.outputs);
    bp_network_free(network);
}

Test(network, what_cannot_be_is_refused)
{
    bp_settings settings = with(3, 3);
    bp_network *network = NULL;
    bp_error error;

    cr_assert_eq(bp_network_create(&settings, 0, 1, NULL, &network, &error), BP_INVALID);
    cr_assert_eq(bp_network_create(&settings, 1, 0, NULL, &network, &error), BP_INVALID);
    cr_assert_eq(bp_network_create(&settings, BP_WIDTH_MAX + 1, 1, NULL, &network, &error), BP_INVALID);
    settings.loss = BP_CROSS_ENTROPY;
    cr_assert_eq(bp_network_create(&settings, 1, 1, NULL, &network, &error), BP_INVALID);
    cr_assert(strstr(error.text, "2 outputs"), "%s", error.text);
    settings = with(0, 3);
    cr_assert_eq(bp_network_create(&settings, 1, 1, NULL, &network, &error), BP_INVALID);
    cr_assert_null(network);
    bp_network_free(NULL);
}

Test(network, a_refused_allocation_leaves_nothing_behind)
{
    bp_settings settings = with(33, 5);
    bp_network *network = NULL;

    for (size_t refuse = 0;; refuse++) {
        refusing state = refuse_at(refuse);
        bp_allocator allocator = refusing_allocator(&state);
        bp_status status = bp_network_create(&settings, 7, 3, &allocator, &network, NULL);
        if (status == BP_OK) {
            bp_network_free(network);
            cr_assert(refuse > 0 && state.alive == 0 && state.bytes == 0);
            return;
        }
        cr_assert(status == BP_NO_MEMORY && network == NULL && state.alive == 0 && state.bytes == 0, "allocation %zu", refuse);
    }
}
