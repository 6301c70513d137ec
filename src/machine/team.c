/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "team.h"

#include <omp.h>
#include <pthread.h>

#include "barrier.h"
#include "float_state.h"
#include "size.h"
#include "startable.h"

static BP_OUT_OF_LINE void call_work(bp_team_work *work, void *context, bp_member member)
{
    work(context, member);
}

static void work_with_flushing(bp_team_work *work, void *context, bp_member member)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_FLUSHED);
    call_work(work, context, member);
    bp_float_end(host);
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
    bp_barrier barrier;

    bp_barrier_make(&barrier, threads > (unsigned)omp_get_num_procs());
#pragma omp parallel num_threads((int)threads) default(none) shared(work, context, barrier)
    work_with_flushing(work, context, (bp_member){(unsigned)omp_get_thread_num(), (unsigned)omp_get_num_threads(), &barrier});
}

/* OpenMP ends the process where a thread is refused, so that is found out before, once for each size and thread of the host. */
static unsigned startable(unsigned threads)
{
    static _Thread_local unsigned known = 1; /* a team of so many has been there: OpenMP keeps its threads */

    if (threads <= known)
        return threads;
    unsigned possible = bp_startable_threads(threads);
    if (possible > known)
        known = possible;
    return possible;
}

void bp_team_run(unsigned threads, bp_team_work *work, void *context)
{
    bp_float_state host = bp_float_get(); /* the runtime computes too: clang's raises flags when it starts */
    bool alone = threads <= 1 || omp_in_parallel() || bp_team_generation() > 0;
    if (!alone)
        threads = startable(threads);
    if (alone || threads <= 1)
        work_with_flushing(work, context, (bp_member){0, 1, NULL});
    else
        run_in_parallel(threads, work, context);
    bp_float_end(host);
}

void bp_team_barrier(bp_member member)
{
    if (member.threads > 1)
        bp_barrier_wait(member.barrier, member.threads);
}

bp_range bp_team_range(bp_member member, size_t count, size_t grain)
{
    if (member.threads == 1)
        return (bp_range){0, count};
    size_t units = (count + grain - 1) / grain;
    size_t least = units / member.threads, more = units % member.threads;
    size_t first = least * member.index + bp_size_min(member.index, more);
    size_t end = first + least + (member.index < more);
    return (bp_range){bp_size_min(first * grain, count), bp_size_min(end * grain, count)};
}
