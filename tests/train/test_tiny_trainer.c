/* Trainers of tiny networks: what lies in their memory before, how the data are kept, and in which pieces a step is made, change no
 * bit of what is learned.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "trainer.h"

enum { ROWS = 130, INPUTS = 7, HIDDEN = 19 };

static problem tiny_problem(bp_activation activation, bp_loss loss, bp_optimizer optimizer, uint32_t batch)
{
    bp_settings settings = problem_settings((uint32_t[]){HIDDEN}, 1, activation, loss, optimizer);

    settings.batch_size = batch;
    settings.epochs = 3;
    return problem_create(settings, INPUTS, 1, ROWS, 5);
}

static void assert_equal(const bp_network *network, const float *got, const float *wanted, const char *what)
{
    uint64_t count = bp_network_parameters(network), at = problem_first_difference(got, wanted, count);
    cr_assert_eq(at, count, "%s: parameter %llu is %a, not %a", what, (unsigned long long)at, (double)got[at], (double)wanted[at]);
}

/* The fit of a trainer that lives among NaN. */
static float *fitted_among_nan(const problem *p)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = NULL;
    size_t bytes = 0;

    cr_assert_eq(bp_trainer_size(network, &p->settings, &bytes, NULL), BP_OK);
    bytes = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    memset(memory, 0xff, bytes);
    cr_assert_eq(bp_trainer_create(network, &p->settings, memory, bytes, NULL, &trainer, NULL), BP_OK);
    cr_assert(trainer->plan.tiny);
    problem_fit(p, trainer);
    float *parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    free(memory);
    return parameters;
}

static void check_memory(bp_optimizer optimizer, bp_activation activation, uint32_t batch)
{
    problem p = tiny_problem(activation, BP_SQUARED_ERROR, optimizer, batch);
    bp_network *network = problem_network(&p);
    bp_settings pieces = p.settings;

    pieces.gradient = BP_GRADIENT_TILES; /* not the tiny path */
    float *wanted = problem_fitted(&p, &pieces, p.examples), *got = fitted_among_nan(&p);
    assert_equal(network, got, wanted, "among NaN");
    free(wanted);
    free(got);
    bp_network_free(network);
    problem_free(&p);
}

Test(tiny_trainer, needs_nothing_of_what_its_memory_held)
{
    for (bp_optimizer optimizer = BP_SGD; optimizer <= BP_ADAMW; optimizer++)
        for (bp_activation activation = BP_IDENTITY; activation <= BP_SOFTPLUS; activation++)
            for (uint32_t batch = 32; batch <= 128; batch += 96)
                check_memory(optimizer, activation, batch);
}

Test(tiny_trainer, learns_the_same_from_bytes_as_from_floats)
{
    problem p = tiny_problem(BP_RELU, BP_BINARY_CROSS_ENTROPY, BP_ADAM, 50);
    bp_array x = {.data = p.bytes, .type = BP_TYPE_U8, .rows = ROWS, .columns = INPUTS}, y = problem_y(&p);
    bp_network *network = problem_network(&p);
    bp_examples *bytes;

    cr_assert_eq(bp_examples_borrow(&x, &y, NULL, NULL, &bytes, NULL), BP_OK);
    float *wanted = problem_fitted(&p, &p.settings, p.examples), *got = problem_fitted(&p, &p.settings, bytes);
    assert_equal(network, got, wanted, "from bytes");
    free(wanted);
    free(got);
    bp_examples_free(bytes);
    bp_network_free(network);
    problem_free(&p);
}
