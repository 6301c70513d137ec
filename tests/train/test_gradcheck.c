/* gradcheck says small errors of a right gradient, and knows where a slope does not exist.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "helper_engine.h"
#include "numbers.h"
#include "refusing.h"

enum { M = 9, INPUTS = 4, OUTPUTS = 3 };

typedef struct sample {
    float x[M * INPUTS], y[M * OUTPUTS];
} sample;

static sample sample_for(bp_loss loss)
{
    sample s;
    scatter_f32(s.x, M * INPUTS, 1, 1);
    scatter_targets(s.y, M, OUTPUTS, loss, 2);
    return s;
}

static void check_pair(bp_activation activation, bp_loss loss, double label_smoothing)
{
    bp_settings settings = settings_for((uint32_t[]){7, 5}, 2, activation, loss);
    settings.label_smoothing = label_smoothing;
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    sample s = sample_for(loss);
    bp_gradcheck_layer layer[3];
    uint64_t entries = 0;
    bp_error error;

    cr_assert_eq(bp_gradcheck(network, &settings, M, s.x, s.y, 0, NULL, layer, &error), BP_OK, "%s", error.text);
    for (int l = 0; l < 3; l++) {
        cr_assert(layer[l].engine < 1e-3 && layer[l].engine > 0, "activation %d, loss %d, layer %d: engine off by %g", activation,
                  loss, l + 1, layer[l].engine);
        cr_assert(layer[l].differences < 1e-6, "activation %d, loss %d, layer %d: differences off by %g", activation, loss, l + 1,
                  layer[l].differences);
        cr_assert(layer[l].checked > 0);
        entries += layer[l].checked + layer[l].skipped;
    }
    cr_assert_eq(entries, bp_network_parameters(network));
    bp_network_free(network);
}

Test(gradcheck, finds_every_activation_and_loss_right)
{
    for (bp_activation activation = BP_IDENTITY; activation <= BP_SOFTPLUS; activation++)
        for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_POISSON; loss++)
            check_pair(activation, loss, 0);
}

Test(gradcheck, smooths_labels_on_both_sides)
{
    check_pair(BP_TANH, BP_CROSS_ENTROPY, 0.3);
    check_pair(BP_TANH, BP_BINARY_CROSS_ENTROPY, 0.3);
}

/* 1-1-1 with z = 0 exactly: moving b changes sides, moving W does not since x = 0; the layer behind is smooth. */
Test(gradcheck, skips_and_counts_what_crosses_a_kink)
{
    for (bp_activation activation = BP_RELU; activation <= BP_LEAKY_RELU; activation++) {
        bp_settings settings = settings_for((uint32_t[]){1}, 1, activation, BP_SQUARED_ERROR);
        bp_network *network = network_with(&settings, 1, 1, (float[]){1, 0, 2, 3});
        bp_gradcheck_layer layer[2];

        cr_assert_eq(bp_gradcheck(network, &settings, 1, (float[]){0}, (float[]){1}, 0, NULL, layer, NULL), BP_OK);
        cr_assert(layer[0].checked == 1 && layer[0].skipped == 1);
        cr_assert(layer[1].checked == 2 && layer[1].skipped == 0);
        cr_assert(layer[0].differences < 1e-9 && layer[1].differences < 1e-9);
        bp_network_free(network);
    }
}

Test(gradcheck, compares_no_more_entries_than_asked)
{
    bp_settings settings = settings_for((uint32_t[]){7, 1}, 2, BP_TANH, BP_SQUARED_ERROR);
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    sample s = sample_for(BP_SQUARED_ERROR);
    bp_gradcheck_layer layer[3];

    cr_assert_eq(bp_gradcheck(network, &settings, M, s.x, s.y, 7, NULL, layer, NULL), BP_OK);
    cr_assert(layer[0].checked == 7 && layer[1].checked == 7, "of 35 and 8");
    cr_assert_eq(layer[2].checked, 6, "all that the last layer has");
    bp_network_free(network);
}

/* As above: of four weights and four biases at a kink, every fourth entry is one of each. */
Test(gradcheck, spreads_the_entries_over_the_layer)
{
    bp_settings settings = settings_for((uint32_t[]){4}, 1, BP_RELU, BP_SQUARED_ERROR);
    bp_network *network = network_with(&settings, 1, 1, NULL);
    bp_gradcheck_layer layer[2];

    cr_assert_eq(bp_gradcheck(network, &settings, 1, (float[]){0}, (float[]){1}, 2, NULL, layer, NULL), BP_OK);
    cr_assert(layer[0].checked == 1 && layer[0].skipped == 1);
    bp_network_free(network);
}

Test(gradcheck, leaves_the_weights_alone)
{
    bp_settings settings = settings_for((uint32_t[]){7}, 1, BP_RELU, BP_CROSS_ENTROPY);
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    sample s = sample_for(BP_CROSS_ENTROPY);
    float before[100], after[100];
    bp_gradcheck_layer layer[2];

    get_weights(network, before);
    cr_assert_eq(bp_gradcheck(network, &settings, M, s.x, s.y, 0, NULL, layer, NULL), BP_OK);
    get_weights(network, after);
    cr_assert(memcmp(before, after, bp_network_parameters(network) * sizeof *before) == 0);
    bp_network_free(network);
}

Test(gradcheck, refuses_what_it_cannot_check)
{
    bp_settings settings = settings_for((uint32_t[]){7}, 1, BP_RELU, BP_SQUARED_ERROR);
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    sample s = sample_for(BP_SQUARED_ERROR);
    bp_gradcheck_layer layer[2];

    settings.batch_size = M - 1;
    cr_assert_eq(bp_gradcheck(network, &settings, M, s.x, s.y, 0, NULL, layer, NULL), BP_INVALID, "more rows than a minibatch has");
    cr_assert_eq(bp_gradcheck(network, &settings, 0, s.x, s.y, 0, NULL, layer, NULL), BP_INVALID);
    cr_assert_eq(bp_gradcheck(NULL, &settings, 1, s.x, s.y, 0, NULL, layer, NULL), BP_INVALID);
    cr_assert_eq(bp_gradcheck(network, NULL, 1, s.x, s.y, 0, NULL, layer, NULL), BP_INVALID);
    cr_assert_eq(bp_gradcheck(network, &settings, 1, NULL, s.y, 0, NULL, layer, NULL), BP_INVALID);
    cr_assert_eq(bp_gradcheck(network, &settings, 1, s.x, NULL, 0, NULL, layer, NULL), BP_INVALID);
    cr_assert_eq(bp_gradcheck(network, &settings, 1, s.x, s.y, 0, NULL, NULL, NULL), BP_INVALID);
    bp_network_free(network);
}

Test(gradcheck, a_refused_allocation_gives_back_the_rest)
{
    bp_settings settings = settings_for((uint32_t[]){7}, 1, BP_RELU, BP_SQUARED_ERROR);
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    sample s = sample_for(BP_SQUARED_ERROR);
    bp_gradcheck_layer layer[2];
    bp_status status = BP_NO_MEMORY;

    for (size_t n = 0; status != BP_OK; n++) {
        refusing memory = refuse_at(n);
        bp_allocator allocator = refusing_allocator(&memory);
        status = bp_gradcheck(network, &settings, M, s.x, s.y, 0, &allocator, layer, NULL);
        cr_assert(n < 1000 && (status == BP_OK || status == BP_NO_MEMORY));
        cr_assert(memory.alive == 0 && memory.bytes == 0, "%zu blocks are alive after allocation %zu was refused", memory.alive, n);
    }
    bp_network_free(network);
}
