/* Whatever rows and panels a team's grid gives to whom, however many rows a thread takes at a time, and however a long chain is
 * cut, results have the bits of one thread.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "helper_engine.h"
#include "numbers.h"
#include "sets.h"
#include "trainer.h"

typedef struct subject {
    bp_settings settings;
    uint32_t inputs, outputs;
    size_t rows;
    float *x, *y;
} subject;

static subject subject_create(bp_settings settings, uint32_t inputs, uint32_t outputs, size_t rows)
{
    subject s = {settings, inputs, outputs, rows, malloc(rows * inputs * sizeof(float)), malloc(rows * outputs * sizeof(float))};

    s.settings.batch_size = rows;
    s.settings.exact_threads = 1;
    s.settings.gradient = BP_GRADIENT_TILES;
    scatter_f32(s.x, rows * inputs, 1, 1.0);
    scatter_targets(s.y, rows, outputs, (bp_loss)settings.loss, 2);
    return s;
}

static void subject_free(const subject *s)
{
    free(s->x);
    free(s->y);
}

/* Changes how a trainer's steps are computed. */
typedef void changer(bp_trainer *trainer, uint64_t draw);

static void change_nothing(bp_trainer *trainer, uint64_t draw)
{
    (void)trainer;
    (void)draw;
}

/* One of the numbers that divide the team. */
static unsigned some_parts(unsigned threads, uint64_t draw, uint64_t index)
{
    unsigned parts = 1 + (unsigned)((scattered(draw, index) * 0.5 + 0.5) * threads);

    while (threads % parts)
        parts++;
    return parts;
}

static void change_grid(bp_trainer *trainer, uint64_t draw)
{
    for (uint32_t l = 0; l < trainer->network->layout.layers; l++) {
        trainer->plan.layer[l].forward_parts = some_parts(trainer->plan.threads, draw, 2 * l);
        trainer->plan.layer[l].backward_parts = some_parts(trainer->plan.threads, draw, 2 * l + 1);
    }
}

/* Parameters after steps on all rows, on a few and on all. */
static float *stepped(const subject *s, uint32_t threads, bp_isa isa, changer *change, uint64_t draw)
{
    bp_settings way = s->settings;
    const uint64_t rows[] = {s->rows, 1 + draw % s->rows, s->rows};

    way.threads = threads;
    way.isa = (int32_t)isa;
    bp_network *network = network_with(&way, s->inputs, s->outputs, NULL);
    bp_trainer *trainer = trainer_with(network, &way);
    float *weights = malloc(bp_network_parameters(network) * sizeof *weights);
    change(trainer, draw);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_eq(bp_trainer_step(trainer, rows[i], s->x, s->y, NULL, NULL, NULL), BP_OK);
    get_weights(network, weights);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return weights;
}

static size_t parameters_of(const subject *s)
{
    bp_network *network = network_with(&s->settings, s->inputs, s->outputs, NULL);
    size_t count = (size_t)bp_network_parameters(network);

    bp_network_free(network);
    return count;
}

static void check(const subject *s, uint32_t threads, bp_isa isa, changer *change, uint64_t draw, const float *wanted)
{
    float *got = stepped(s, threads, isa, change, draw);

    cr_assert_eq(memcmp(got, wanted, parameters_of(s) * sizeof *got), 0, "%u threads, isa %d, draw %llu", threads, isa,
                 (unsigned long long)draw);
    free(got);
}

Test(grid, any_division_of_rows_and_panels_has_the_bits_of_one_thread)
{
    static const uint32_t teams[] = {2, 3, 4, 6};
    bp_settings settings = settings_for((uint32_t[]){200, 130, 33, 97}, 4, BP_TANH, BP_SQUARED_ERROR);

    settings.optimizer = BP_ADAM;
    subject s = subject_create(settings, 70, 40, 50);
    for (uint64_t draw = 0; draw < 40; draw++) {
        float *wanted = stepped(&s, 1, BP_ISA_AUTO, change_nothing, draw);
        check(&s, teams[draw % 4], BP_ISA_AUTO, change_grid, draw, wanted);
        free(wanted);
    }
    subject_free(&s);
}

static void change_chunk(bp_trainer *trainer, uint64_t draw)
{
    trainer->plan.chunk = 1 + (size_t)draw * 7 % trainer->plan.chunk;
}

/* Shards of 128 rows. */
Test(grid, any_number_of_rows_at_a_time_has_the_bits_of_whole_shards)
{
    bp_settings settings = settings_for((uint32_t[]){70, 33}, 2, BP_TANH, BP_BINARY_CROSS_ENTROPY);
    subject s = subject_create(settings, 40, 5, 300);

    for (uint64_t draw = 0; draw < 20; draw++) {
        s.settings.gradient = BP_GRADIENT_TILES;
        float *wanted = stepped(&s, 1, BP_ISA_AUTO, change_nothing, 13 * draw);
        s.settings.gradient = BP_GRADIENT_BUFFERS;
        check(&s, 1 + (uint32_t)draw % 4, BP_ISA_AUTO, change_chunk, 13 * draw, wanted);
        free(wanted);
    }
    subject_free(&s);
}

/* The second step's rows are fewer than 1,024, and so are not cut. */
Test(grid, long_chains_of_large_layers_have_the_same_bits_by_every_team_and_instruction_set)
{
    bp_settings settings = settings_for((uint32_t[]){260, 7}, 2, BP_RELU, BP_CROSS_ENTROPY);
    subject s = subject_create(settings, 515, 100, 1100);
    float *wanted = stepped(&s, 1, BP_ISA_SCALAR, change_nothing, 900);

    for (bp_isa isa = set_after(BP_ISA_SCALAR); isa; isa = set_after(isa))
        for (uint32_t threads = 1; threads <= 4; threads++)
            check(&s, threads, isa, threads % 2 ? change_nothing : change_grid, 900, wanted);
    free(wanted);
    subject_free(&s);
}

/* In parts, the gradient is materialised from one chain that is not cut. */
Test(grid, long_chains_have_the_bits_of_separate_calls)
{
    bp_settings settings = settings_for((uint32_t[]){260}, 1, BP_RELU, BP_SQUARED_ERROR);
    subject s = subject_create(settings, 515, 3, 1100);
    float *wanted = stepped(&s, 2, BP_ISA_AUTO, change_nothing, 1099), *got = malloc(parameters_of(&s) * sizeof *got);

    s.settings.threads = 2;
    bp_network *network = network_with(&s.settings, s.inputs, s.outputs, NULL);
    bp_trainer *trainer = trainer_with(network, &s.settings);
    for (int step = 0; step < 3; step++) {
        run_backward(trainer, s.rows, s.x, s.y, NULL, NULL);
        cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    }
    get_weights(network, got);
    cr_assert_eq(memcmp(got, wanted, parameters_of(&s) * sizeof *got), 0);
    bp_trainer_free(trainer);
    bp_network_free(network);
    free(got);
    free(wanted);
    subject_free(&s);
}
