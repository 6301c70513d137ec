/* Tiles of large layers are made by whoever comes first, with the same bits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "examples.h"
#include "fit.h"
#include "helper_engine.h"
#include "numbers.h"
#include "trainer.h"

enum { ROWS = 40, INPUTS = 380, HIDDEN = 370, OUTPUTS = 3, LARGE = INPUTS * HIDDEN + HIDDEN };

static float x[ROWS * INPUTS], y[ROWS * OUTPUTS];

static bp_settings subject(uint32_t threads)
{
    bp_settings settings = settings_for((uint32_t[]){HIDDEN}, 1, BP_TANH, BP_SQUARED_ERROR);

    settings.optimizer = BP_ADAM;
    settings.batch_size = ROWS;
    settings.threads = threads;
    settings.exact_threads = 1;
    settings.gradient = BP_GRADIENT_TILES;
    return settings;
}

/* Member by member, each alone: through its rows, which none divides. */
static void all_rows(bp_trainer *trainer, unsigned threads)
{
    bp_examples examples;
    bp_minibatch minibatch = {.examples = &examples, .m = ROWS};

    cr_assert_eq(bp_minibatch_of_caller(trainer, ROWS, x, y, NULL, &examples, NULL), BP_OK);
    for (uint32_t layer = 0; layer < 2; layer++)
        trainer->plan.layer[layer].forward_parts = trainer->plan.layer[layer].backward_parts = threads;
    bp_phase_clear(trainer);
    for (unsigned t = 0; t < threads; t++)
        bp_phase_rows(trainer, (bp_member){t, threads, NULL}, &minibatch);
    bp_phase_begin_update(trainer, ROWS, 0);
}

static void assert_equal(const bp_network *network, const float *wanted, size_t count, const char *when, unsigned threads)
{
    float *got = malloc(bp_network_parameters(network) * sizeof *got);

    get_weights(network, got);
    cr_assert_eq(memcmp(got, wanted, count * sizeof *got), 0, "%s, %u threads", when, threads);
    free(got);
}

static void check(unsigned threads, unsigned first, const float *wanted)
{
    bp_settings settings = subject(threads);
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    bp_trainer *trainer = trainer_with(network, &settings);

    all_rows(trainer, threads);
    bp_phase_tiles(trainer, (bp_member){first, threads, NULL}, ROWS);
    assert_equal(network, wanted, LARGE, "the large layer, by one member", threads);
    for (unsigned t = 1; t < threads; t++)
        bp_phase_tiles(trainer, (bp_member){(first + t) % threads, threads, NULL}, ROWS);
    assert_equal(network, wanted, (size_t)bp_network_parameters(network), "all layers, by all members", threads);
    bp_trainer_free(trainer);
    bp_network_free(network);
}

Test(tiles, a_member_makes_what_all_others_have_left)
{
    bp_settings settings = subject(1);

    scatter_f32(x, ROWS * INPUTS, 1, 1.0);
    scatter_targets(y, ROWS, OUTPUTS, BP_SQUARED_ERROR, 2);
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    bp_trainer *trainer = trainer_with(network, &settings);
    float *wanted = malloc(bp_network_parameters(network) * sizeof *wanted);
    cr_assert_eq(bp_trainer_step(trainer, ROWS, x, y, NULL, NULL, NULL), BP_OK);
    get_weights(network, wanted);
    for (unsigned threads = 2; threads <= 5; threads++)
        for (unsigned first = 0; first < threads; first++)
            check(threads, first, wanted);
    free(wanted);
    bp_trainer_free(trainer);
    bp_network_free(network);
}
