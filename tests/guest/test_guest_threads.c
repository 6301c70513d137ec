/* Many threads of the host, its own parallel regions, and its children.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper_outcome.h"

enum { HOSTS = 4 };

static void assert_all_usual(handles h[HOSTS], outcome *o[HOSTS], const bp_status status[HOSTS], const char *where)
{
    outcome *usual = outcome_usual();

    for (size_t i = 0; i < HOSTS; i++) {
        cr_assert_eq(status[i], BP_OK);
        outcome_finish(&h[i], o[i]);
        assert_same_outcome(o[i], usual, where);
        free(o[i]);
        handles_free(&h[i]);
    }
    free(usual);
}

Test(guest_threads, works_inside_a_parallel_region_of_the_host)
{
    problem p = outcome_problem(2);
    handles h[HOSTS];
    outcome *o[HOSTS];
    bp_status status[HOSTS];

    for (size_t i = 0; i < HOSTS; i++) {
        h[i] = handles_create(&p);
        o[i] = calloc(1, sizeof *o[i]);
    }
#pragma omp parallel for num_threads(3)
    for (size_t i = 0; i < HOSTS; i++)
        status[i] = compute(&h[i], o[i]);
    assert_all_usual(h, o, status, "inside a parallel region");
    problem_free(&p);
}

typedef struct host {
    const handles *h;
    outcome *o;
    bp_status status;
} host;

static void *run_host(void *context)
{
    host *own = context;
    own->status = compute(own->h, own->o);
    return NULL;
}

Test(guest_threads, works_for_several_threads_of_the_host_at_once)
{
    problem p = outcome_problem(2);
    handles h[HOSTS];
    outcome *o[HOSTS];
    host hosts[HOSTS];
    bp_status status[HOSTS];
    pthread_t threads[HOSTS];

    for (size_t i = 0; i < HOSTS; i++) {
        h[i] = handles_create(&p);
        o[i] = calloc(1, sizeof *o[i]);
        hosts[i] = (host){&h[i], o[i], BP_INVALID};
    }
    for (size_t i = 0; i < HOSTS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_host, &hosts[i]), 0);
    for (size_t i = 0; i < HOSTS; i++) {
        pthread_join(threads[i], NULL);
        status[i] = hosts[i].status;
    }
    assert_all_usual(h, o, status, "beside other threads");
    problem_free(&p);
}

/* In the child: 0, or the number of what went wrong. */
static int live_as_child(const problem *p, handles *parents, const outcome *usual)
{
    outcome *o = calloc(1, sizeof *o);

    if (compute(parents, o) != BP_FORKED || bp_trainer_checkpoint(parents->trainer, "/nowhere/c", NULL) != BP_FORKED)
        return 1;
    if (bp_network_predict(parents->network, parents->workspace, 1, p->x, o->predictions, NULL) != BP_FORKED)
        return 2;
    handles own = handles_create(p);
    if (compute(&own, o) != BP_OK)
        return 3;
    outcome_finish(&own, o);
    if (memcmp(o->parameters, usual->parameters, sizeof o->parameters) != 0)
        return 4;
    handles_free(&own);
    handles_free(parents);
    free(o);
    return 0;
}

Test(guest_threads, survives_a_fork)
{
    outcome *usual = outcome_usual(), *o;
    problem p = outcome_problem(2);
    handles h = handles_create(&p);
    int result = 1;

    o = outcome_of(&h); /* the team's threads exist now, and are not in the child */
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(live_as_child(&p, &h, usual));
    cr_assert(child > 0 && waitpid(child, &result, 0) == child);
    cr_assert(WIFEXITED(result) && WEXITSTATUS(result) == 0, "the child ended with %d at %d", WTERMSIG(result),
              WEXITSTATUS(result));
    assert_same_outcome(o, usual, "in the parent");
    cr_assert_eq(bp_trainer_step(h.trainer, BATCH, p.x, p.y, NULL, NULL, NULL), BP_OK, "the parent goes on");
    free(o);
    free(usual);
    handles_free(&h);
    problem_free(&p);
}
