/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "team.h"

#include <omp.h>
#include <pthread.h>

#include "size.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

typedef unsigned control_state;

/* All exceptions masked, round to nearest, FTZ and DAZ. */
#define COMPUTING 0x9fc0u

static control_state control_get(void)
{
    return _mm_getcsr();
}

static void control_set(control_state state)
{
    _mm_setcsr(state);
}
#elif defined(__aarch64__)
typedef uint64_t control_state;

#define COMPUTING ((uint64_t)1 << 24) /* FZ */

static control_state control_get(void)
{
    control_state state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    return state;
}

static void control_set(control_state state)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(state));
}
#else
#error "backprop is for x86-64 and aarch64"
#endif

/* Out of line, so that no arithmetic of `work` can move across the instructions that set and restore the state: gcc 12 was
 * seen to move a division past the restoring one. */
static __attribute__((noinline)) void call_work(bp_team_work *work, void *context, bp_member member)
{
    work(context, member);
}

static void work_with_flushing(bp_team_work *work, void *context, bp_member member)
{
    control_state host = control_get();
    control_set(COMPUTING);
    call_work(work, context, member);
    control_set(host);
}

static unsigned generation; /* written by the child of a fork alone, before it has other threads */

static void count_fork(void)
{
    generation++;
}

/* When the library is loaded, not when it is first used: the host may have forked in between, and OpenMP's threads of a region
 * of the host's own would be gone all the same. */
static __attribute__((constructor)) void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

unsigned bp_team_generation(void)
{
    return generation;
}

/* A function of its own: clang asks its runtime for the thread's number where a function with a region begins, and so would
 * start it for teams of one too. */
static __attribute__((noinline)) void run_in_parallel(unsigned threads, bp_team_work *work, void *context)
{
#pragma omp parallel num_threads((int)threads) default(none) shared(work, context)
    work_with_flushing(work, context, (bp_member){(unsigned)omp_get_thread_num(), (unsigned)omp_get_num_threads()});
}

void bp_team_run(unsigned threads, bp_team_work *work, void *context)
{
    control_state host = control_get(); /* the runtime computes too: clang's raises flags when it starts */
    if (threads <= 1 || omp_in_parallel() || bp_team_generation() > 0)
        work_with_flushing(work, context, (bp_member){0, 1});
    else
        run_in_parallel(threads, work, context);
    control_set(host);
}

void bp_team_barrier(bp_member member)
{
    if (member.threads > 1) {
#pragma omp barrier
    }
}

bp_range bp_team_range(bp_member member, size_t count, size_t grain)
{
    size_t units = (count + grain - 1) / grain;
    size_t least = units / member.threads, more = units % member.threads;
    size_t first = least * member.index + bp_size_min(member.index, more);
    size_t end = first + least + (member.index < more);
    return (bp_range){bp_size_min(first * grain, count), bp_size_min(end * grain, count)};
}
