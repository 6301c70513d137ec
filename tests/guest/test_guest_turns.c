/* Steps of many trainers in one call, in somebody else's program: its floating-point state, its heap, its parallel regions,
 * its children.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* feenableexcept */
#include <criterion/criterion.h>
#include <fenv.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper_malloc.h"
#include "problem.h"
#include "turns.h"

enum {
    CROWD = 24,
    BATCH = 100,
    INPUTS = 20,
    HIDDEN = 70,
    OUTPUTS = 3,
    PARAMETERS = (INPUTS + 1) * HIDDEN + (HIDDEN + 1) * OUTPUTS
};

/* Without inexact, which clang's OpenMP raises when it starts its threads. */
#define TRAPS (FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW)

typedef struct crowd {
    bp_network *network[CROWD];
    bp_trainer *trainer[CROWD];
    bp_turn turn[CROWD];
} crowd;

static problem subject(void)
{
    bp_settings settings = problem_settings((uint32_t[]){HIDDEN}, 1, BP_TANH, BP_SQUARED_ERROR, BP_ADAM);

    settings.batch_size = BATCH;
    return problem_create(settings, INPUTS, OUTPUTS, CROWD * BATCH, 71);
}

static void crowd_create(crowd *c, const problem *p)
{
    for (size_t i = 0; i < CROWD; i++) {
        c->network[i] = problem_network(p);
        c->trainer[i] = problem_trainer(p, c->network[i]);
        c->turn[i] = (bp_turn){.trainer = c->trainer[i],
                               .x = p->x + i * BATCH * INPUTS,
                               .y = p->y + i * BATCH * OUTPUTS,
                               .weight = p->weight + i * BATCH,
                               .rows = BATCH};
    }
}

static void crowd_free(crowd *c)
{
    for (size_t i = 0; i < CROWD; i++) {
        bp_trainer_free(c->trainer[i]);
        bp_network_free(c->network[i]);
    }
}

static bool same(const crowd *got, const crowd *wanted)
{
    bool equal = true;

    for (size_t i = 0; i < CROWD; i++)
        for (uint32_t l = 0; l < 2; l++) {
            float a[PARAMETERS] = {0}, b[PARAMETERS] = {0};
            bp_network_get(got->network[i], l, a, a + INPUTS * HIDDEN, NULL);
            bp_network_get(wanted->network[i], l, b, b + INPUTS * HIDDEN, NULL);
            equal = equal && memcmp(a, b, sizeof a) == 0 && got->turn[i].J == wanted->turn[i].J;
        }
    return equal;
}

static void usual(crowd *c, const problem *p)
{
    crowd_create(c, p);
    cr_assert_eq(bp_turns_threads(c->turn, CROWD, 3), 3, "a team is what these tests are about");
    cr_assert_eq(bp_trainers_step(c->turn, CROWD, 1, NULL), BP_OK);
}

Test(guest_turns, keep_the_hosts_floating_point_state_and_do_not_feel_it)
{
    static const int directions[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    problem p = subject();
    crowd wanted, c;

    usual(&wanted, &p);
    for (size_t d = 0; d < 4; d++)
        for (uint32_t threads = 1; threads <= 3; threads++) {
            crowd_create(&c, &p);
            fesetround(directions[d]);
            feclearexcept(FE_ALL_EXCEPT);
            feenableexcept(TRAPS);
            int trapping = fegetexcept(); /* nothing on most aarch64, which cannot trap */
            bp_status status = bp_trainers_step(c.turn, CROWD, threads, NULL);
            int direction = fegetround(), traps = fegetexcept(), raised = fetestexcept(FE_ALL_EXCEPT);
            fesetenv(FE_DFL_ENV);
            cr_assert_eq(status, BP_OK);
            cr_assert(direction == directions[d] && traps == trapping && raised == 0);
            cr_assert(same(&c, &wanted), "direction %d, %u threads", directions[d], threads);
            crowd_free(&c);
        }
    crowd_free(&wanted);
    problem_free(&p);
}

Test(guest_turns, allocate_nothing)
{
    problem p = subject();
    crowd c;

    if (!malloc_is_counted())
        cr_skip_test("a sanitizer counts");
    crowd_create(&c, &p);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        cr_assert_eq(bp_trainers_step(c.turn, CROWD, threads, NULL), BP_OK); /* OpenMP makes its team */
        size_t before = malloc_count();
        for (int round = 0; round < 20; round++)
            cr_assert_eq(bp_trainers_step(c.turn, CROWD, threads, NULL), BP_OK);
        cr_assert_eq(malloc_count(), before, "%zu allocations in 20 calls, %u threads", malloc_count() - before, threads);
    }
    crowd_free(&c);
    problem_free(&p);
}

Test(guest_turns, work_inside_parallel_regions_of_the_host)
{
    problem p = subject();
    crowd wanted, c[3];
    bp_status status[3];

    usual(&wanted, &p);
    for (size_t i = 0; i < 3; i++)
        crowd_create(&c[i], &p);
#pragma omp parallel for num_threads(3)
    for (size_t i = 0; i < 3; i++)
        status[i] = bp_trainers_step(c[i].turn, CROWD, 2, NULL);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(status[i], BP_OK);
        cr_assert(same(&c[i], &wanted), "crowd %zu", i);
        crowd_free(&c[i]);
    }
    crowd_free(&wanted);
    problem_free(&p);
}

/* In the child: 0, or the number of what went wrong. One of the parent's trainers stands among its own. */
static int live_as_child(const problem *p, crowd *parents, const crowd *wanted)
{
    crowd own;
    bp_error error;

    if (bp_trainers_step(parents->turn, CROWD, 2, NULL) != BP_FORKED)
        return 1;
    crowd_create(&own, p);
    bp_turn kept = own.turn[5];
    own.turn[5].trainer = parents->trainer[5];
    if (bp_trainers_step(own.turn, CROWD, 2, &error) != BP_FORKED || strncmp(error.text, "turn 6 of 24: ", 14) != 0)
        return 2;
    own.turn[5] = kept;
    if (bp_trainers_step(own.turn + 5, 1, 2, &error) != BP_OK || !same(&own, wanted))
        return 3;
    crowd_free(&own);
    crowd_free(parents);
    return 0;
}

Test(guest_turns, of_the_parent_are_refused_in_a_child_and_its_own_are_not)
{
    problem p = subject();
    crowd wanted, parents;
    int result = 1;

    usual(&wanted, &p);
    crowd_create(&parents, &p);
    cr_assert_eq(bp_trainers_step(parents.turn, CROWD, 2, NULL), BP_OK); /* the team's threads are not in the child */
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(live_as_child(&p, &parents, &wanted));
    cr_assert(child > 0 && waitpid(child, &result, 0) == child);
    cr_assert(WIFEXITED(result) && WEXITSTATUS(result) == 0, "the child ended with %d", WEXITSTATUS(result));
    cr_assert_eq(bp_trainers_step(parents.turn, CROWD, 2, NULL), BP_OK, "the parent goes on");
    crowd_free(&parents);
    crowd_free(&wanted);
    problem_free(&p);
}
