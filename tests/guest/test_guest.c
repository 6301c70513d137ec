/* The library in somebody else's program: what that program has set up stays, and what it does changes no bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity, CPU_EQUAL */
#include <criterion/criterion.h>
#include <fenv.h>
#include <locale.h>
#include <omp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "helper_malloc.h"
#include "helper_outcome.h"

static unsigned control_state(void)
{
#if defined(__x86_64__)
    return _mm_getcsr() & ~0x3fu; /* all but the flags of what has happened */
#else
    return (unsigned)fegetround();
#endif
}

static void check_rounding(int direction, bool flushing, uint32_t threads, const outcome *usual)
{
    problem p = outcome_problem(threads);
    handles h = handles_create(&p);
    unsigned of_team[2][3] = {{0}};

    omp_pause_resource_all(omp_pause_soft); /* the threads that made the trainer: all shall begin with the state of below */
    fesetround(direction);
#if defined(__x86_64__)
    _mm_setcsr(flushing ? _mm_getcsr() | 0x8040u : _mm_getcsr());
#else
    (void)flushing;
#endif
    unsigned before = control_state();
#pragma omp parallel num_threads((int)threads)
    of_team[0][omp_get_thread_num()] = control_state();
    outcome *o = calloc(1, sizeof *o);
    bp_status status = compute(&h, o);
    unsigned after = control_state();
#pragma omp parallel num_threads((int)threads)
    of_team[1][omp_get_thread_num()] = control_state();
    fesetenv(FE_DFL_ENV);
    cr_assert_eq(status, BP_OK);
    cr_assert_eq(before, after, "direction %d, flushing %d: %#x became %#x", direction, flushing, before, after);
    cr_assert_eq(memcmp(of_team[0], of_team[1], sizeof of_team[0]), 0, "a thread of the team");
    outcome_finish(&h, o);
    assert_same_outcome(o, usual, "another rounding mode");
    free(o);
    handles_free(&h);
    problem_free(&p);
}

Test(guest, keeps_the_hosts_floating_point_state_and_does_not_feel_it)
{
    static const int directions[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    outcome *usual = outcome_usual();

    for (size_t d = 0; d < 4; d++)
        for (int flushing = 0; flushing < 2; flushing++)
            for (uint32_t threads = 1; threads <= 3; threads++)
                check_rounding(directions[d], flushing, threads, usual);
    free(usual);
}

typedef struct surroundings {
    cpu_set_t affinity;
    char locale[200];
    void (*handlers[64])(int);
    int blocked[64];
    int omp[6];
    mode_t mask;
    char directory[500];
    char *first_variable;
} surroundings;

extern char **environ;

static surroundings look_around(void)
{
    surroundings s;
    sigset_t blocked;

    memset(&s, 0, sizeof s);
    cr_assert_eq(sched_getaffinity(0, sizeof s.affinity, &s.affinity), 0);
    snprintf(s.locale, sizeof s.locale, "%s", setlocale(LC_ALL, NULL));
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < 64; number++) {
        struct sigaction action = {.sa_flags = 0};
        sigaction(number, NULL, &action);
        s.handlers[number] = action.sa_handler;
        s.blocked[number] = sigismember(&blocked, number);
    }
    omp_sched_t kind;
    int chunk;
    omp_get_schedule(&kind, &chunk);
    int omp[] = {omp_get_max_threads(), omp_get_dynamic(), omp_get_max_active_levels(), (int)kind, chunk, omp_get_thread_limit()};
    memcpy(s.omp, omp, sizeof omp);
    s.mask = umask(0);
    umask(s.mask);
    cr_assert(getcwd(s.directory, sizeof s.directory));
    s.first_variable = environ[0];
    return s;
}

Test(guest, leaves_the_process_as_it_was)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    omp_set_num_threads(5);
    omp_set_dynamic(0);
    omp_set_schedule(omp_sched_guided, 7);
    signal(SIGINT, SIG_IGN);
    setlocale(LC_ALL, "C.UTF-8");
    surroundings before = look_around();

    for (uint32_t threads = 0; threads <= 3; threads++) {
        problem p = outcome_problem(threads);
        p.settings.exact_threads = threads > 0;
        handles h = handles_create(&p);
        free(outcome_of(&h));
        handles_free(&h);
        problem_free(&p);
    }
    surroundings after = look_around();
    cr_assert(CPU_EQUAL(&before.affinity, &after.affinity), "affinity");
    cr_assert_eq(memcmp(before.omp, after.omp, sizeof before.omp), 0, "OpenMP's settings");
    cr_assert_str_eq(before.locale, after.locale);
    cr_assert_str_eq(before.directory, after.directory);
    cr_assert(before.mask == after.mask && before.first_variable == after.first_variable, "file mode mask, environment");
    for (int number = 1; number < 64; number++)
        cr_assert(before.handlers[number] == after.handlers[number] && before.blocked[number] == after.blocked[number], "signal %d",
                  number);
}

Test(guest, prints_nothing)
{
    char name[] = "/tmp/backprop-guest-XXXXXX";
    int file = mkstemp(name), out = dup(1), err = dup(2);
    problem p = outcome_problem(2);
    struct stat status;

    cr_assert(file >= 0 && out >= 0 && err >= 0);
    dup2(file, 1);
    dup2(file, 2);
    handles h = handles_create(&p);
    outcome *o = outcome_of(&h);
    p.x[0] = 0.0f / 0.0f; /* an error too */
    bp_status bad = bp_trainer_step(h.trainer, BATCH, p.x, p.y, NULL, NULL, NULL);
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    cr_assert_eq(fstat(file, &status), 0);
    unlink(name);
    cr_assert_eq(status.st_size, 0);
    cr_assert_eq(bad, BP_DIVERGED);
    free(o);
    handles_free(&h);
    problem_free(&p);
}

/* ------------------------------------------------------------------------------------------------------------- memory */

static size_t mallocs_of_a_fit(uint64_t epochs, uint32_t threads)
{
    problem p = outcome_problem(threads);
    p.settings.epochs = epochs;
    handles h = handles_create(&p);

    cr_assert_eq(bp_trainer_step(h.trainer, BATCH, p.x, p.y, NULL, NULL, NULL), BP_OK);
    size_t before = malloc_count();
    bp_status status = bp_trainer_fit(h.trainer, NULL, p.examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, NULL);
    size_t count = malloc_count() - before;
    cr_assert_eq(status, BP_OK);
    handles_free(&h);
    problem_free(&p);
    return count;
}

Test(guest, allocates_nothing_in_steps)
{
    float y[ROWS * OUTPUTS];
    outcome o;

    if (!malloc_is_counted())
        cr_skip_test("a sanitizer counts");
    for (uint32_t threads = 1; threads <= 2; threads++) {
        problem p = outcome_problem(threads);
        handles h = handles_create(&p);
        size_t before = 0;
        for (int round = 0; round < 20; round++) { /* in the first, OpenMP makes its team */
            bp_status status = bp_trainer_step(h.trainer, BATCH, p.x, p.y, NULL, NULL, NULL);
            cr_assert(status == BP_OK && compute_parts(&h, &o) == BP_OK);
            cr_assert_eq(bp_network_predict(h.network, h.workspace, ROWS, p.x, y, NULL), BP_OK);
            if (round == 0)
                before = malloc_count();
        }
        cr_assert_eq(malloc_count(), before, "%zu allocations in 19 rounds, %u threads", malloc_count() - before, threads);
        handles_free(&h);
        problem_free(&p);
        cr_assert_eq(mallocs_of_a_fit(2, threads), mallocs_of_a_fit(12, threads), "%u threads", threads);
    }
}
