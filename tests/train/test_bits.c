/* Parameters after a fit are the same to the bit for every number of threads, gradient strategy and instruction set.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "helper_workload.h"
#include "sets.h"

static const uint32_t teams[] = {1, 2, 3, 5, 8, 64};

enum { TEAMS = sizeof teams / sizeof *teams };

typedef struct subject {
    const problem *problem;
    const bp_examples *examples;
    float *wanted; /* [count]: of one thread with scalar arithmetic */
    uint64_t count;
} subject;

static void check_way(const subject *s, const bp_settings *way)
{
    char text[500];
    float *got = problem_fitted(s->problem, way, s->examples);

    workload_describe(s->problem, way, text, sizeof text);
    uint64_t at = problem_first_difference(got, s->wanted, s->count);
    cr_assert_eq(at, s->count, "parameter %llu of %s: %a, not %a", (unsigned long long)at, text, (double)got[at],
                 (double)s->wanted[at]);
    free(got);
}

/* One team: with each instruction set, by each strategy. */
static void check_team(const subject *s, uint32_t threads, bp_isa first)
{
    bp_settings way = s->problem->settings;

    way.threads = threads;
    way.exact_threads = 1;
    for (way.isa = (int32_t)first; way.isa; way.isa = (int32_t)set_after((bp_isa)way.isa))
        for (way.gradient = BP_GRADIENT_AUTO; way.gradient <= BP_GRADIENT_TILES; way.gradient++)
            check_way(s, &way);
}

static subject subject_of(const problem *p, const bp_examples *examples)
{
    bp_network *network = problem_network(p);
    uint64_t count = bp_network_parameters(network);
    float *first = problem_parameters(network);
    bp_settings way = p->settings;

    way.isa = BP_ISA_SCALAR;
    way.gradient = BP_GRADIENT_TILES;
    subject s = {p, examples, problem_fitted(p, &way, examples), count};
    cr_assert_neq(problem_first_difference(first, s.wanted, count), count, "nothing was learned");
    free(first);
    bp_network_free(network);
    return s;
}

/* Every team, strategy and instruction set, and what is chosen where nothing is asked for. Scalar arithmetic is slow: one team
 * of it in `scalar_every`. */
static void check_every_way(const problem *p, const bp_examples *examples, size_t scalar_every)
{
    subject s = subject_of(p, examples);

    check_way(&s, &p->settings);
    for (size_t t = 0; t < TEAMS; t++)
        check_team(&s, teams[t], set_at((t + p->rows) % scalar_every ? 1 : 0));
    free(s.wanted);
}

Test(bits, of_standard_workloads_do_not_depend_on_threads_strategy_or_instruction_set)
{
    for (size_t number = 0; number < WORKLOADS; number++) {
        problem p = workload_problem(number);
        check_every_way(&p, p.examples, 1);
        problem_free(&p);
    }
}

Test(bits, of_random_networks_do_not_depend_on_them_either)
{
    for (uint64_t seed = 0; seed < RANDOM_PROBLEMS; seed++) {
        problem p = random_problem(seed);
        check_every_way(&p, p.examples, 3);
        problem_free(&p);
    }
}

Test(bits, of_weighted_rows_do_not_depend_on_them_either)
{
    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_POISSON; loss++) {
        problem p = problem_create(problem_settings((uint32_t[]){50}, 1, BP_SIGMOID, loss, BP_SGD), 17, 3, 100, 6);
        bp_array x = problem_x(&p), y = problem_y(&p), weight = {p.weight, BP_TYPE_F32, 0, p.rows, 1, 0};
        bp_examples *weighted = NULL;

        p.settings.batch_size = 45;
        cr_assert_eq(bp_examples_borrow(&x, &y, &weight, NULL, &weighted, NULL), BP_OK);
        check_every_way(&p, weighted, 1);
        float *with = problem_fitted(&p, &p.settings, weighted), *without = problem_fitted(&p, &p.settings, p.examples);
        cr_assert_neq(memcmp(with, without, 100 * sizeof *with), 0, "weights change nothing");
        free(with);
        free(without);
        bp_examples_free(weighted);
        problem_free(&p);
    }
}

/* Ways of a step that is not the usual one. */
static void ask(bp_settings *settings, const char *option)
{
    if (strcmp(option, "split") == 0) {
        settings->clip_norm = 0.05;
        settings->accumulate = 3;
    } else if (strcmp(option, "dropout") == 0) {
        settings->dropout = 0.25;
    } else {
        settings->optimizer = strcmp(option, "lbfgs") == 0 ? BP_LBFGS : BP_RPROP;
        settings->learning_rate = settings->momentum = 0;
    }
}

static void check_option(const char *option)
{
    for (size_t number = 0; number < WORKLOADS; number += 2) {
        problem p = workload_problem(number);
        float *without = problem_fitted(&p, &p.settings, p.examples);
        ask(&p.settings, option);
        float *with = problem_fitted(&p, &p.settings, p.examples);
        cr_assert_neq(memcmp(with, without, 30 * sizeof *with), 0, "%s changes nothing", option);
        check_every_way(&p, p.examples, 3);
        free(with);
        free(without);
        problem_free(&p);
    }
}

Test(bits, of_clipped_and_accumulated_gradients_do_not_depend_on_them_either)
{
    check_option("split");
}

Test(bits, with_dropout_do_not_depend_on_them_either)
{
    check_option("dropout");
}

/* Many classes; several logistic outputs; a tiny network. */
Test(bits, with_smooth_labels_do_not_depend_on_them_either)
{
    problem smooth[] = {
        workload_problem(2), workload_problem(5),
        problem_create(problem_settings((uint32_t[]){20}, 1, BP_TANH, BP_BINARY_CROSS_ENTROPY, BP_SGD), 9, 1, 130, 7)};

    for (size_t i = 0; i < sizeof smooth / sizeof *smooth; i++) {
        smooth[i].settings.label_smoothing = 0.1;
        check_every_way(&smooth[i], smooth[i].examples, 3);
        problem_free(&smooth[i]);
    }
}

/* The tiny path has losses of its own. */
Test(bits, of_every_loss_of_numbers_do_not_depend_on_them_either)
{
    for (bp_loss loss = BP_ABSOLUTE_ERROR; loss <= BP_POISSON; loss++) {
        problem p = problem_create(problem_settings((uint32_t[]){20}, 1, BP_GELU, loss, BP_RMSPROP), 9, 1, 130, 7);
        p.settings.batch_size = 70;
        p.settings.l1 = 0.01;
        p.settings.momentum = loss % 2 ? 0.9 : 0;
        check_every_way(&p, p.examples, 1);
        problem_free(&p);
    }
}

/* Deep and narrow ones, a tiny one, and mixed precision, whose layers drop what those that keep slopes do not need. */
Test(bits, of_every_activation_do_not_depend_on_them_either)
{
    for (bp_activation activation = BP_ELU; activation <= BP_SOFTPLUS; activation++)
        for (int which = 0; which < 3; which++) {
            uint32_t hidden[] = {20, 7, 45};
            problem p = problem_create(problem_settings(hidden, which ? 3 : 1, activation, BP_SQUARED_ERROR, BP_ADAM), 9,
                                       which ? 3 : 1, 130, 7);
            p.settings.batch_size = 70;
            p.settings.precision = which == 2 ? BP_BF16 : BP_F32;
            check_every_way(&p, p.examples, 1);
            problem_free(&p);
        }
}

Test(bits, of_full_batch_methods_do_not_depend_on_them_either)
{
    check_option("lbfgs");
    check_option("rprop");
}

Test(bits, of_bytes_are_those_of_the_same_numbers_as_floats)
{
    problem p = problem_create(problem_settings((uint32_t[]){40}, 1, BP_RELU, BP_CROSS_ENTROPY, BP_ADAM), 67, 4, 90, 3);
    bp_array bytes = {p.bytes, BP_TYPE_U8, 0, p.rows, p.inputs, 0}, y = problem_y(&p);
    bp_network *network = problem_network(&p);
    bp_examples *examples = NULL;

    cr_assert_eq(bp_examples_borrow(&bytes, &y, NULL, NULL, &examples, NULL), BP_OK);
    for (p.settings.isa = BP_ISA_SCALAR; p.settings.isa; p.settings.isa = (int32_t)set_after((bp_isa)p.settings.isa)) {
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
