/* Publishing: a snapshot or a soft target, in another network, while training goes on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

static problem subject(void)
{
    return problem_create(problem_settings((uint32_t[]){33, 5}, 2, BP_RELU, BP_SQUARED_ERROR, BP_SGD), 4, 2, 60, 71);
}

Test(publish, mixes_as_tau_says_and_leaves_the_source)
{
    static const double taus[] = {1e-6, 0.005, 0.5, 0.999, 1};
    problem p = subject();
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    uint64_t count = bp_network_parameters(network);

    problem_fit(&p, trainer);
    for (size_t t = 0; t < 5; t++) {
        bp_network *target = problem_network(&p);
        float *own = problem_parameters(network), *old = problem_parameters(target);
        cr_assert_eq(bp_trainer_publish(trainer, taus[t], target, NULL), BP_OK);
        float *now = problem_parameters(target), *after = problem_parameters(network);
        for (uint64_t i = 0; i < count; i++) {
            double exact = (1 - taus[t]) * (double)old[i] + taus[t] * (double)own[i];
            cr_assert(fabs((double)now[i] - exact) <= 0x1p-24 * fabs(exact) * (1 + 1e-6), "tau %g, parameter %llu", taus[t],
                      (unsigned long long)i);
        }
        cr_assert_eq(problem_first_difference(own, after, count), count);
        free(own);
        free(old);
        free(now);
        free(after);
        bp_network_free(target);
    }
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(publish, with_tau_1_copies_every_bit)
{
    problem p = subject();
    bp_network *network = problem_network(&p), *target = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    uint64_t count = bp_network_parameters(network);

    problem_fit(&p, trainer);
    cr_assert_eq(bp_trainer_publish(trainer, 1, target, NULL), BP_OK);
    float *own = problem_parameters(network), *now = problem_parameters(target);
    cr_assert_eq(problem_first_difference(own, now, count), count);
    free(own);
    free(now);
    bp_trainer_free(trainer);
    bp_network_free(network);
    bp_network_free(target);
    problem_free(&p);
}

typedef struct reader {
    bp_trainer *trainer;
    bp_network *target;
    bp_workspace *workspace;
    const problem *p;
    float first[120], now[120];
    int calls;
} reader;

static int publish_and_predict(void *context, const bp_progress *progress)
{
    reader *r = context;

    (void)progress;
    cr_assert_eq(bp_trainer_publish(r->trainer, 1, r->target, NULL), BP_OK);
    cr_assert_eq(bp_network_predict(r->target, r->workspace, 60, r->p->x, r->calls ? r->now : r->first, NULL), BP_OK);
    r->calls++;
    return 0;
}

Test(publish, in_a_callback_lets_readers_follow_without_changing_the_fit)
{
    problem p = subject();
    bp_network *network = problem_network(&p);
    reader r = {.target = problem_network(&p), .trainer = problem_trainer(&p, network), .p = &p};
    bp_callbacks callbacks = {.context = &r, .epoch = publish_and_predict};
    float last[120];

    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &r.workspace, NULL), BP_OK);
    cr_assert_eq(bp_trainer_fit(r.trainer, NULL, p.examples, (bp_rows){0}, NULL, (bp_rows){0}, &callbacks, NULL, NULL), BP_OK);
    cr_assert_eq(bp_network_predict(network, r.workspace, 60, p.x, last, NULL), BP_OK);
    cr_assert(r.calls == 3 && memcmp(r.first, r.now, sizeof r.now) != 0 && memcmp(last, r.now, sizeof last) == 0);
    float *undisturbed = problem_fitted(&p, &p.settings, p.examples), *got = problem_parameters(network);
    cr_assert_eq(memcmp(got, undisturbed, bp_network_parameters(network) * sizeof *got), 0);
    free(undisturbed);
    free(got);
    bp_workspace_free(r.workspace);
    bp_trainer_free(r.trainer);
    bp_network_free(r.target);
    bp_network_free(network);
    problem_free(&p);
}

Test(publish, refuses_a_tau_out_of_range_and_other_layers)
{
    static const double taus[] = {0, -0.5, 1.0000001, INFINITY, NAN};
    problem p = subject();
    bp_network *network = problem_network(&p), *target = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_error error;

    for (size_t t = 0; t < 5; t++) {
        cr_assert_eq(bp_trainer_publish(trainer, taus[t], target, &error), BP_INVALID);
        cr_assert(strstr(error.text, "tau"), "%s", error.text);
    }
    p.settings.hidden[1] = 6;
    bp_network *other = problem_network(&p);
    cr_assert_eq(bp_trainer_publish(trainer, 1, other, &error), BP_INVALID);
    cr_assert(strstr(error.text, "layers"), "%s", error.text);
    bp_network_free(other);
    bp_trainer_free(trainer);
    bp_network_free(target);
    bp_network_free(network);
    problem_free(&p);
}
