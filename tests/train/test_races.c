/* Every kind of step on exactly 2, 3 and 8 threads: what a race detector looks at (scripts/races), and without one, the bits of
 * one thread.
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

static const uint32_t teams[] = {2, 3, 8};

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

static void check_workload(size_t number, const kind *k)
{
    problem p = workload_problem(number);
    bp_network *network = problem_network(&p);
    uint64_t count = bp_network_parameters(network);

    choose(&p.settings, k);
    float *wanted = problem_fitted(&p, &p.settings, p.examples);
    for (size_t t = 0; t < sizeof teams / sizeof *teams; t++)
        check_team(&p, k, teams[t], wanted, count);
    free(wanted);
    bp_network_free(network);
    problem_free(&p);
}

Test(races, are_not_in_usual_steps_of_any_workload)
{
    for (size_t number = 0; number < WORKLOADS; number++)
        check_workload(number, &kinds[0]);
}

/* Workload 1 has layers in shards, 4 a layer of one chain and outputs that fill no vector. */
Test(races, are_not_in_unusual_steps)
{
    for (size_t k = 1; k < KINDS; k++)
        for (size_t number = 1; number <= 4; number += 3)
            check_workload(number, &kinds[k]);
}
