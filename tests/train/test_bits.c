/* Parameters after a fit or after steps are the same to the bit for every number of threads, gradient strategy and instruction set.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "problem.h"

static const uint32_t teams[] = {1, 2, 3, 8};

enum { TEAMS = sizeof teams / sizeof *teams };

/* 0 ... below - 1, the same in every run. */
static uint32_t pick(uint64_t seed, uint64_t *draw, uint32_t below)
{
    return (uint32_t)((scattered(seed, (*draw)++) * 0.5 + 0.5) * below);
}

static void describe(const problem *p, const bp_settings *way, char *text, size_t size)
{
    int used = snprintf(text, size, "%u", p->inputs);

    for (uint32_t i = 0; i < p->settings.hidden_count; i++)
        used += snprintf(text + used, size - (size_t)used, "-%u", p->settings.hidden[i]);
    snprintf(text + used, size - (size_t)used,
             "-%u, %llu rows by %llu, activation %d, loss %d, optimizer %d; isa %d, gradient %d, %u threads", p->outputs,
             (unsigned long long)p->rows, (unsigned long long)p->settings.batch_size, p->settings.activation, p->settings.loss,
             p->settings.optimizer, way->isa, way->gradient, way->threads);
}

static void check_way(const problem *p, const bp_settings *way, const bp_examples *examples, const float *wanted, uint64_t count)
{
    char text[500];
    float *got = problem_fitted(p, way, examples);

    describe(p, way, text, sizeof text);
    uint64_t at = got ? problem_first_difference(got, wanted, count) : count;
    cr_assert_eq(at, count, "parameter %llu of %s: %a, not %a", (unsigned long long)at, text, (double)got[at], (double)wanted[at]);
    free(got);
}

/* Every way gives what one thread with scalar arithmetic gives. Teams of the scalar table alone would be slow: two of them. */
static void check_every_way(const problem *p, const bp_examples *examples)
{
    bp_network *network = problem_network(p);
    uint64_t count = bp_network_parameters(network);
    float *first = problem_parameters(network);
    bp_settings way = p->settings;

    way.exact_threads = 1;
    way.isa = BP_ISA_SCALAR;
    way.gradient = BP_GRADIENT_TILES;
    float *wanted = problem_fitted(p, &way, examples);
    cr_assert_neq(problem_first_difference(first, wanted, count), count, "nothing was learned");
    for (way.isa = BP_ISA_SCALAR; way.isa <= BP_ISA_AVX512; way.isa++)
        for (way.gradient = BP_GRADIENT_BUFFERS; way.gradient <= BP_GRADIENT_TILES; way.gradient++)
            for (size_t t = 0; t < TEAMS; t += way.isa == BP_ISA_SCALAR ? 2 : 1) {
                way.threads = teams[t];
                check_way(p, &way, examples, wanted, count);
            }
    free(wanted);
    free(first);
    bp_network_free(network);
}

static void choose_optimizer(bp_settings *settings, uint32_t choice)
{
    settings->optimizer = choice < 3 ? BP_SGD : choice == 3 ? BP_ADAM : BP_ADAMW;
    settings->momentum = choice == 1 || choice == 2 ? 0.9 : 0;
    settings->nesterov = choice == 2;
    settings->weight_decay = choice % 2 ? 0 : 0.01;
    settings->learning_rate = 1e-3; /* wide identities with momentum diverge at 0.01 */
}

static problem random_problem(uint64_t seed)
{
    uint64_t draw = 0;
    uint32_t hidden[4], layers = pick(seed, &draw, 5);

    for (size_t i = 0; i < 4; i++)
        hidden[i] = 1 + pick(seed, &draw, 140);
    bp_loss loss = (bp_loss)(BP_SQUARED_ERROR + seed % 3);
    bp_settings settings = problem_settings(hidden, layers, (bp_activation)(seed % 5), loss, BP_SGD);
    choose_optimizer(&settings, (uint32_t)(seed / 3 % 5));
    settings.schedule = (int32_t)pick(seed, &draw, 3);
    settings.epochs = 2;
    settings.batch_size = 1 + pick(seed, &draw, 150);
    uint64_t rows = settings.batch_size + 1 + pick(seed, &draw, 150);
    uint32_t outputs = 2 + pick(seed, &draw, 60);
    return problem_create(settings, 1 + pick(seed, &draw, 140), outputs, rows, seed);
}

Test(bits, of_random_networks_do_not_depend_on_threads_strategy_or_instruction_set)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        problem p = random_problem(seed);
        check_every_way(&p, p.examples);
        problem_free(&p);
    }
}

Test(bits, of_many_shards_do_not_depend_on_it_either)
{
    static const uint64_t batches[] = {1000, 5000};

    for (size_t b = 0; b < 2; b++) {
        bp_settings settings = problem_settings((uint32_t[]){33}, 1, BP_TANH, BP_CROSS_ENTROPY, BP_ADAM);
        settings.batch_size = batches[b];
        settings.epochs = 2;
        problem p = problem_create(settings, 20, 5, batches[b] + batches[b] / 3 + 1, 9); /* the second minibatch is short */
        check_every_way(&p, p.examples);
        problem_free(&p);
    }
}

/* 2^17 weights and more are one shard: plan.c's LARGE_LAYER. */
Test(bits, of_large_layers_beside_small_ones_do_not_depend_on_it_either)
{
    bp_settings settings = problem_settings((uint32_t[]){400, 37}, 2, BP_RELU, BP_SQUARED_ERROR, BP_ADAMW);

    settings.batch_size = 100;
    settings.epochs = 1;
    problem p = problem_create(settings, 330, 3, 170, 4);
    check_every_way(&p, p.examples);
    problem_free(&p);
}

Test(bits, of_weighted_rows_do_not_depend_on_it_either)
{
    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++) {
        problem p = problem_create(problem_settings((uint32_t[]){50}, 1, BP_SIGMOID, loss, BP_SGD), 17, 3, 100, 6);
        bp_array x = problem_x(&p), y = problem_y(&p), weight = {p.weight, BP_TYPE_F32, 0, p.rows, 1, 0};
        bp_examples *weighted = NULL;

        p.settings.batch_size = 45;
        cr_assert_eq(bp_examples_borrow(&x, &y, &weight, NULL, &weighted, NULL), BP_OK);
        check_every_way(&p, weighted);
        float *with = problem_fitted(&p, &p.settings, weighted), *without = problem_fitted(&p, &p.settings, p.examples);
        cr_assert_neq(memcmp(with, without, 100 * sizeof *with), 0, "weights change nothing");
        free(with);
        free(without);
        bp_examples_free(weighted);
        problem_free(&p);
    }
}

Test(bits, of_bytes_are_those_of_the_same_numbers_as_floats)
{
    problem p = problem_create(problem_settings((uint32_t[]){40}, 1, BP_RELU, BP_CROSS_ENTROPY, BP_ADAM), 67, 4, 90, 3);
    bp_array bytes = {p.bytes, BP_TYPE_U8, 0, p.rows, p.inputs, 0}, y = problem_y(&p);
    bp_network *network = problem_network(&p);
    bp_examples *examples = NULL;

    cr_assert_eq(bp_examples_borrow(&bytes, &y, NULL, NULL, &examples, NULL), BP_OK);
    for (p.settings.isa = BP_ISA_SCALAR; p.settings.isa <= BP_ISA_AVX2; p.settings.isa++) {
        float *of_bytes = problem_fitted(&p, &p.settings, examples), *of_floats = problem_fitted(&p, &p.settings, p.examples);
        uint64_t count = bp_network_parameters(network);
        cr_assert_eq(problem_first_difference(of_bytes, of_floats, count), count);
        free(of_bytes);
        free(of_floats);
    }
    bp_examples_free(examples);
    bp_network_free(network);
    problem_free(&p);
}

static double step_all(const problem *p, const bp_settings *way, float **parameters)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = NULL;
    double J, sum = 0;

    cr_assert_eq(bp_trainer_create(network, way, NULL, 0, NULL, &trainer, NULL), BP_OK);
    cr_assert_eq(bp_trainer_threads(trainer), way->threads);
    for (uint64_t row = 0, m = 1; row + m <= p->rows; row += m, m = m % way->batch_size + 1) {
        cr_assert_eq(bp_trainer_step(trainer, m, p->x + row * p->inputs, p->y + row * p->outputs, p->weight + row, &J, NULL),
                     BP_OK);
        sum += J;
    }
    *parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return sum;
}

Test(bits, of_steps_on_minibatches_of_every_size_do_not_depend_on_it_either)
{
    problem p = problem_create(problem_settings((uint32_t[]){70, 33}, 2, BP_LEAKY_RELU, BP_SQUARED_ERROR, BP_ADAM), 40, 3, 3000, 8);
    bp_settings way = p.settings;
    float *wanted, *got;

    way.batch_size = 70;
    way.exact_threads = 1;
    double J = step_all(&p, &way, &wanted);
    for (way.gradient = BP_GRADIENT_BUFFERS; way.gradient <= BP_GRADIENT_TILES; way.gradient++)
        for (size_t t = 0; t < TEAMS; t++) {
            way.threads = teams[t];
            cr_assert(step_all(&p, &way, &got) == J, "J of gradient %d, %u threads", way.gradient, way.threads);
            cr_assert_eq(memcmp(got, wanted, 40 * 70 * sizeof *got), 0, "gradient %d, %u threads", way.gradient, way.threads);
            free(got);
        }
    free(wanted);
    problem_free(&p);
}
