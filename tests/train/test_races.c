/* Every kind of step on exactly 2, 3 and 8 threads: what detectors of races and of wrong memory look at (scripts/races,
 * scripts/memory), and without one, the bits of one thread.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "helper_workload.h"

typedef struct kind {
    const char *key, *value; /* a setting that makes the step another; NULL: none */
} kind;

static const kind kinds[] = {
    {NULL, NULL},           {"clip-norm", "0.05"}, {"accumulate", "3"},   {"dropout", "0.25"}, {"optimizer", "lbfgs"},
    {"optimizer", "rprop"}, {"precision", "bf16"}, {"shuffle", "blocks"}, {"l1", "0.001"},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static void choose(bp_settings *settings, const kind *k)
{
    bp_error error = {0};

    if (!k->key)
        return;
    cr_assert_eq(bp_settings_set(settings, k->key, k->value, &error), BP_OK, "%s", error.text);
    if (settings->optimizer == BP_LBFGS || settings->optimizer == BP_RPROP) {
        settings->learning_rate = settings->momentum = 0;
        settings->schedule = BP_CONSTANT;
    }
}

static void check_team(const problem *p, const kind *k, uint32_t threads, const float *wanted, uint64_t count)
{
    bp_settings way = p->settings;

    way.threads = threads;
    way.exact_threads = 1;
    for (way.gradient = BP_GRADIENT_BUFFERS; way.gradient <= BP_GRADIENT_TILES; way.gradient++) {
        float *got = problem_fitted(p, &way, p->examples);
        cr_assert_eq(problem_first_difference(got, wanted, count), count, "%s, %u threads, gradient %d", k->key ? k->key : "usual",
                     threads, way.gradient);
        free(got);
    }
}

static void check_workload(size_t number, const kind *k, uint32_t threads, uint64_t epochs)
{
    problem p = workload_problem(number);
    bp_network *network = problem_network(&p);
    uint64_t count = bp_network_parameters(network);

    choose(&p.settings, k);
    p.settings.epochs = epochs;
    float *wanted = problem_fitted(&p, &p.settings, p.examples);
    check_team(&p, k, threads, wanted, count);
    free(wanted);
    bp_network_free(network);
    problem_free(&p);
}

static void check_usual(uint32_t threads)
{
    for (size_t number = 0; number < WORKLOADS; number++)
        check_workload(number, &kinds[0], threads, 1);
}

static void check_unusual(size_t number, uint32_t threads)
{
    for (size_t k = 1; k < KINDS; k++)
        check_workload(number, &kinds[k], threads, 2);
}

Test(races, are_not_in_usual_steps_on_2_threads)
{
    check_usual(2);
}

Test(races, are_not_in_usual_steps_on_3_threads)
{
    check_usual(3);
}

Test(races, are_not_in_usual_steps_on_8_threads)
{
    check_usual(8);
}

/* Workload 1 has layers in shards. */
Test(races, are_not_in_unusual_steps_of_shards_on_2_threads)
{
    check_unusual(1, 2);
}

Test(races, are_not_in_unusual_steps_of_shards_on_3_threads)
{
    check_unusual(1, 3);
}

Test(races, are_not_in_unusual_steps_of_shards_on_8_threads)
{
    check_unusual(1, 8);
}

/* Workload 4 has a layer of one chain, and outputs that fill no vector. */
Test(races, are_not_in_unusual_steps_of_a_chain_on_2_threads)
{
    check_unusual(4, 2);
}

Test(races, are_not_in_unusual_steps_of_a_chain_on_3_threads)
{
    check_unusual(4, 3);
}

Test(races, are_not_in_unusual_steps_of_a_chain_on_8_threads)
{
    check_unusual(4, 8);
}
