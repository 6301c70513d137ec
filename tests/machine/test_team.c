/* The team: its ranges, its size, the floating-point state it computes in and leaves behind, nesting, and fork.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* fork, alarm */
#include "team.h"

#include <criterion/criterion.h>
#include <omp.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* ------------------------------------------------------------------------------------------------------------ ranges */

static const size_t counts[] = {0, 1, 2, 31, 32, 33, 100, 1000, 4097};
static const size_t grains[] = {1, 2, 32, 64, 100, 5000};

enum { COUNTS = sizeof counts / sizeof *counts, GRAINS = sizeof grains / sizeof *grains };

static void check_ranges(unsigned threads, size_t count, size_t grain)
{
    size_t covered = 0, least = SIZE_MAX, most = 0;

    for (unsigned t = 0; t < threads; t++) {
        bp_range range = bp_team_range((bp_member){t, threads, NULL}, count, grain);
        size_t units = (range.end - range.first + grain - 1) / grain;
        cr_assert_eq(range.first, covered, "member %u of %u: %zu rows by %zu", t, threads, count, grain);
        cr_assert(range.first == count || range.first % grain == 0, "member %u of %u begins inside a grain", t, threads);
        covered = range.end;
        least = units < least ? units : least;
        most = units > most ? units : most;
    }
    cr_assert_eq(covered, count, "%u members cover %zu of %zu", threads, covered, count);
    cr_assert_leq(most - least, 1, "%u members, %zu rows by %zu: %zu and %zu grains", threads, count, grain, least, most);
}

Test(team, ranges_cover_once_in_order_and_evenly)
{
    for (unsigned threads = 1; threads <= 130; threads += threads < 10 ? 1 : 8)
        for (size_t c = 0; c < COUNTS; c++)
            for (size_t g = 0; g < GRAINS; g++)
                check_ranges(threads, counts[c], grains[g]);
}

/* ----------------------------------------------------------------------------------------------------------- members */

enum { MEMBERS_MOST = 16 };

typedef struct roll {
    atomic_uint seen[MEMBERS_MOST];
    atomic_uint size;
    atomic_uint before; /* members that came to the barrier */
    atomic_uint early;  /* members that left it before all had come */
} roll;

static void call_roll(void *context, bp_member member)
{
    roll *r = context;

    atomic_fetch_add(&r->seen[member.index], 1);
    atomic_store(&r->size, member.threads);
    atomic_fetch_add(&r->before, 1);
    bp_team_barrier(member);
    if (atomic_load(&r->before) != member.threads)
        atomic_fetch_add(&r->early, 1);
}

static void check_team(unsigned asked, unsigned wanted)
{
    roll r = {.size = 0};

    bp_team_run(asked, call_roll, &r);
    cr_assert_eq(atomic_load(&r.size), wanted, "%u members, not %u", atomic_load(&r.size), wanted);
    for (unsigned t = 0; t < MEMBERS_MOST; t++)
        cr_assert_eq(atomic_load(&r.seen[t]), t < wanted, "member %u of %u", t, wanted);
    cr_assert_eq(atomic_load(&r.early), 0, "the barrier let somebody through");
}

Test(team, has_as_many_members_as_were_asked_for)
{
    static const unsigned sizes[] = {1, 2, 3, 8, 2, 1};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_team(sizes[i], sizes[i]);
    check_team(0, 1);
}

static void run_inside(unsigned asked, unsigned *size)
{
    roll r = {.size = 0};

    bp_team_run(asked, call_roll, &r);
    *size = atomic_load(&r.size);
}

Test(team, runs_alone_inside_another_parallel_region)
{
    unsigned size[2] = {0, 0};

    omp_set_max_active_levels(4); /* OpenMP would allow it */
#pragma omp parallel num_threads(2) default(none) shared(size)
    run_inside(3, &size[omp_get_thread_num()]);
    cr_assert(size[0] == 1 && size[1] == 1, "%u and %u members", size[0], size[1]);
}

static void run_in_team(void *context, bp_member member)
{
    run_inside(3, (unsigned *)context + member.index);
}

Test(team, runs_alone_inside_itself)
{
    unsigned size[2] = {0, 0};

    omp_set_max_active_levels(4);
    bp_team_run(2, run_in_team, size);
    cr_assert(size[0] == 1 && size[1] == 1, "%u and %u members", size[0], size[1]);
}

/* -------------------------------------------------------------------------------------------- floating-point control */

#if defined(__x86_64__)
/* Round down, two exceptions unmasked that nothing here raises, a sticky flag: what a host might have. */
#define ODD_STATE 0x3d02u

enum { STATES = 8 };

static void read_states(void *context, bp_member member)
{
    ((unsigned *)context)[member.index] = _mm_getcsr();
}

Test(team, computes_with_flushing_rounding_to_nearest_and_no_traps)
{
    unsigned states[STATES] = {0};

    for (unsigned threads = 1; threads <= STATES; threads *= 2) {
        _mm_setcsr(ODD_STATE);
        bp_team_run(threads, read_states, states);
        _mm_setcsr(0x1f80);
        for (unsigned t = 0; t < threads; t++)
            cr_assert_eq(states[t] & 0xffc0, 0x9fc0, "member %u of %u: %x", t, threads, states[t]);
    }
}

static void raise_flags(void *context, bp_member member)
{
    (void)context;
    (void)member;
    _mm_setcsr(_mm_getcsr() | 0x3d);
}

Test(team, gives_the_caller_its_state_back_to_the_bit)
{
    for (unsigned threads = 1; threads <= 3; threads++) {
        bp_team_run(threads, raise_flags, NULL); /* OpenMP computes when it starts: clang's raises the flag of an inexact result */
        _mm_setcsr(ODD_STATE);
        bp_team_run(threads, raise_flags, NULL);
        unsigned after = _mm_getcsr();
        _mm_setcsr(0x1f80);
        cr_assert_eq(after, ODD_STATE, "%u threads: %x", threads, after);
    }
}

static void give_odd_states(void)
{
#pragma omp parallel num_threads(4)
    _mm_setcsr(0x1f80u | (unsigned)omp_get_thread_num() << 13); /* the four rounding modes */
}

static void take_states(unsigned states[4])
{
#pragma omp parallel num_threads(4) default(none) shared(states)
    {
        states[omp_get_thread_num()] = _mm_getcsr() & 0xffc0;
        _mm_setcsr(0x1f80);
    }
}

/* The host computes with the same pool of threads. Whether each keeps a state of its own is up to OpenMP (clang's hands the
 * caller's down): it must be as if the team had not run. */
Test(team, gives_the_pools_threads_their_states_back)
{
    unsigned without[4] = {0}, after[4] = {0};

    give_odd_states();
    take_states(without);
    give_odd_states();
    bp_team_run(4, raise_flags, NULL);
    take_states(after);
    for (unsigned t = 0; t < 4; t++)
        cr_assert_eq(after[t], without[t], "thread %u: %x, not %x", t, after[t], without[t]);
}
#endif

/* Half of the smallest normal number is nothing inside. */
static void halve(void *context, bp_member member)
{
    volatile float *numbers = context;
    numbers[member.index] = numbers[member.index] / 2;
}

Test(team, flushes_subnormals_inside_alone)
{
    volatile float inside[3] = {0x1p-126f, 0x1p-126f, 0x1p-126f}, outside = 0x1p-126f;

    bp_team_run(3, halve, (void *)(size_t)inside);
    outside = outside / 2;
    for (int t = 0; t < 3; t++)
        cr_assert_eq(inside[t], 0, "member %d: %a", t, (double)inside[t]);
    cr_assert_eq(outside, 0x1p-127f);
}

/* -------------------------------------------------------------------------------------------------------------- fork */

/* In a child: 0 where a team of three is one member, and the fork has been counted. It has ten seconds. */
static int child_is_alone(unsigned generation)
{
    unsigned size;
    pid_t child = fork();
    int status;

    if (child == 0) {
        alarm(10);
        run_inside(3, &size);
        _exit(size == 1 && bp_team_generation() == generation ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

Test(team, is_alone_in_a_child_of_fork_and_does_not_hang)
{
    check_team(3, 3);
    cr_assert_eq(child_is_alone(1), 0);
    cr_assert_eq(bp_team_generation(), 0);
    check_team(3, 3);
}

/* The host's own parallel region has made the threads that are gone in the child. */
Test(team, a_fork_before_the_first_call_counts_too)
{
    atomic_uint members = 0;

#pragma omp parallel num_threads(2) default(none) shared(members)
    atomic_fetch_add(&members, 1);
    cr_assert_eq(atomic_load(&members), 2);
    cr_assert_eq(child_is_alone(1), 0);
}

Test(team, a_childs_child_is_another_generation)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(child_is_alone(2) != 0);
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
}
