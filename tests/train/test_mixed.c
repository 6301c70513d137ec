/* Mixed precision: parameters after a fit are the same to the bit for every number of threads, gradient strategy and
 * instruction set, and by the separate calls.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "helper_engine.h"
#include "helper_workload.h"
#include "sets.h"
#include "trainer.h"

static const uint32_t teams[] = {1, 2, 3, 8};

enum { TEAMS = sizeof teams / sizeof *teams };

/* Widths around blocks of 32 and of two, of one layer, many, and one large (2^17 weights: one chain); minibatches that no block
 * divides, and of many shards. The last minibatch is short. */
static const struct {
    uint32_t inputs, hidden[8], outputs;
    bp_activation activation;
    bp_loss loss;
    bp_optimizer optimizer;
    double momentum;
    uint64_t batch_size, rows;
} networks[] = {
    {8, {16}, 1, BP_RELU, BP_SQUARED_ERROR, BP_SGD, 0, 32, 100}, /* f32 has a path of its own for it */
    {33, {0}, 7, BP_IDENTITY, BP_CROSS_ENTROPY, BP_SGD, 0.9, 33, 77},
    {64, {0}, 32, BP_IDENTITY, BP_BINARY_CROSS_ENTROPY, BP_ADAM, 0, 64, 65},
    {31, {65, 1}, 2, BP_RELU, BP_SQUARED_ERROR, BP_ADAM, 0, 100, 233},
    {5, {17, 33, 5, 96, 31, 3}, 2, BP_TANH, BP_BINARY_CROSS_ENTROPY, BP_ADAMW, 0, 7, 24},
    {100, {63, 40}, 34, BP_LEAKY_RELU, BP_CROSS_ENTROPY, BP_SGD, 0.5, 130, 200},
    {20, {33, 40}, 8, BP_SIGMOID, BP_SQUARED_ERROR, BP_SGD, 0, 700, 999},
    {130, {1025}, 3, BP_RELU, BP_CROSS_ENTROPY, BP_ADAM, 0, 41, 60},
};

enum { NETWORKS = sizeof networks / sizeof *networks };

static problem network_problem(size_t number, bp_precision precision)
{
    uint32_t hidden = 0;

    while (networks[number].hidden[hidden])
        hidden++;
    bp_settings settings = problem_settings(networks[number].hidden, hidden, networks[number].activation, networks[number].loss,
                                            networks[number].optimizer);
    settings.momentum = networks[number].momentum;
    settings.batch_size = networks[number].batch_size;
    settings.epochs = 2;
    settings.precision = (int32_t)precision;
    return problem_create(settings, networks[number].inputs, networks[number].outputs, networks[number].rows, 70 + number);
}

static problem random_mixed_problem(uint64_t seed)
{
    problem p = random_problem(seed);

    p.settings.precision = (int32_t)(BP_BF16 + seed / 5 % 3);
    p.settings.epochs = 1;
    return p;
}

static uint64_t parameters_of(const problem *p)
{
    bp_network *network = problem_network(p);
    uint64_t count = bp_network_parameters(network);

    bp_network_free(network);
    return count;
}

static void check_way(const problem *p, const bp_settings *way, const float *wanted)
{
    uint64_t count = parameters_of(p);
    float *got = problem_fitted(p, way, p->examples);
    char text[500];

    workload_describe(p, way, text, sizeof text);
    uint64_t at = problem_first_difference(got, wanted, count);
    cr_assert_eq(at, count, "parameter %llu of %s, precision %d: %a, not %a", (unsigned long long)at, text, way->precision,
                 (double)got[at], (double)wanted[at]);
    free(got);
}

static void check_team(const problem *p, uint32_t threads, bp_isa first, const float *wanted)
{
    bp_settings way = p->settings;

    way.threads = threads;
    way.exact_threads = 1;
    for (way.isa = (int32_t)first; way.isa; way.isa = (int32_t)mixed_set_after((bp_isa)way.isa))
        for (way.gradient = BP_GRADIENT_BUFFERS; way.gradient <= BP_GRADIENT_TILES; way.gradient++)
            check_way(p, &way, wanted);
}

/* Scalar arithmetic is slow: it computes what is wanted, and is in one team. */
static void check_every_way(const problem *p)
{
    bp_settings way = p->settings;

    way.isa = BP_ISA_SCALAR;
    way.gradient = BP_GRADIENT_TILES;
    float *wanted = problem_fitted(p, &way, p->examples);
    check_way(p, &p->settings, wanted);
    for (size_t t = 0; t < TEAMS; t++)
        check_team(p, teams[t], t == p->rows % TEAMS ? BP_ISA_SCALAR : mixed_set_after(BP_ISA_SCALAR), wanted);
    free(wanted);
}

static void check_networks(bp_precision precision)
{
    for (size_t number = 0; number < NETWORKS; number++) {
        problem p = network_problem(number, precision);
        check_every_way(&p);
        problem_free(&p);
    }
}

Test(mixed, bits_of_bf16_do_not_depend_on_threads_strategy_or_instruction_set)
{
    check_networks(BP_BF16);
}

Test(mixed, bits_of_bf16x2_do_not_depend_on_them)
{
    check_networks(BP_BF16X2);
}

Test(mixed, bits_of_bf16x3_do_not_depend_on_them)
{
    check_networks(BP_BF16X3);
}

Test(mixed, bits_of_random_networks_do_not_depend_on_them)
{
    for (uint64_t seed = 0; seed < 15; seed++) {
        problem p = random_mixed_problem(seed);
        check_every_way(&p);
        problem_free(&p);
    }
}

Test(mixed, precisions_differ)
{
    problem p = network_problem(3, BP_F32);
    uint64_t count = parameters_of(&p);
    float *parameters[4];

    for (p.settings.precision = BP_F32; p.settings.precision <= BP_BF16X3; p.settings.precision++)
        parameters[p.settings.precision] = problem_fitted(&p, &p.settings, p.examples);
    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < a; b++)
            cr_assert_neq(problem_first_difference(parameters[a], parameters[b], count), count, "precisions %zu and %zu", a, b);
    for (size_t a = 0; a < 4; a++)
        free(parameters[a]);
    problem_free(&p);
}

/* -------------------------------------------------------------------------------------------------------- in parts */

/* A step of the last m rows at most, all calls apart; d_x is asked for in every second, so that what it reads is made anew. */
static void step_in_parts(const problem *p, bp_trainer *trainer, uint64_t step)
{
    uint64_t batch = p->settings.batch_size, first = step * batch, m = p->rows - first < batch ? p->rows - first : batch;
    float *d_x = step % 2 ? malloc(m * p->inputs * sizeof *d_x) : NULL;

    run_backward(trainer, m, p->x + first * p->inputs, p->y + first * p->outputs, NULL, d_x);
    cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    free(d_x);
}

static void check_parts(const problem *p, const bp_settings *way, const float *wanted)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = trainer_with(network, way);
    uint64_t count = bp_network_parameters(network), batch = p->settings.batch_size;

    for (uint64_t epoch = 0; epoch < p->settings.epochs; epoch++)
        for (uint64_t step = 0; step * batch < p->rows; step++)
            step_in_parts(p, trainer, step);
    float *got = problem_parameters(network);
    cr_assert_eq(problem_first_difference(got, wanted, count), count, "isa %d, gradient %d, %u threads", way->isa, way->gradient,
                 way->threads);
    free(got);
    bp_trainer_free(trainer);
    bp_network_free(network);
}

Test(mixed, separate_calls_give_the_parameters_of_a_fit)
{
    for (bp_precision precision = BP_BF16; precision <= BP_BF16X3; precision++)
        for (size_t number = 0; number < NETWORKS; number++) {
            problem p = network_problem(number, precision);
            p.settings.shuffle = BP_SHUFFLE_NONE;
            float *wanted = problem_fitted(&p, &p.settings, p.examples);
            bp_settings way = p.settings;
            way.gradient = (int32_t)(BP_GRADIENT_BUFFERS + number % 2);
            way.exact_threads = 1;
            for (way.threads = 1; way.threads <= 3; way.threads++)
                check_parts(&p, &way, wanted);
            free(wanted);
            problem_free(&p);
        }
}

/* ------------------------------------------------------------------------------------------------------- long chains */

/* One chain over all rows, as a large layer has it: in buffers 64 rows of it come first, and its sums rest until the others
 * come. */
static float *after_one_chain(const problem *p, const bp_settings *way)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = trainer_with(network, way);

    cr_assert_eq(trainer->plan.chunk, way->gradient == BP_GRADIENT_BUFFERS ? 64 : 0);
    for (uint32_t i = 0; i < network->layout.layers; i++)
        trainer->plan.layer[i].shard_rows = trainer->plan.grain = p->settings.batch_size;
    cr_assert_eq(bp_trainer_step(trainer, p->rows, p->x, p->y, NULL, NULL, NULL), BP_OK);
    float *parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return parameters;
}

Test(mixed, chains_that_rest_between_parts_have_the_bits_of_the_whole)
{
    bp_settings settings = problem_settings((uint32_t[]){40, 7, 33, 1}, 4, BP_TANH, BP_SQUARED_ERROR, BP_SGD);

    settings.batch_size = 101;
    settings.threads = 1;
    settings.gradient = BP_GRADIENT_TILES;
    for (settings.precision = BP_BF16; settings.precision <= BP_BF16X3; settings.precision++) {
        problem p = problem_create(settings, 70, 8, 101, 3);
        float *wanted = after_one_chain(&p, &settings);
        uint64_t count = parameters_of(&p);
        bp_settings way = settings;
        way.gradient = BP_GRADIENT_BUFFERS;
        for (way.isa = BP_ISA_SCALAR; way.isa; way.isa = (int32_t)mixed_set_after((bp_isa)way.isa)) {
            float *got = after_one_chain(&p, &way);
            cr_assert_eq(problem_first_difference(got, wanted, count), count, "isa %d, precision %d", way.isa, way.precision);
            free(got);
        }
        free(wanted);
        problem_free(&p);
    }
}
