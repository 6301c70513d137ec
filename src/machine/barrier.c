/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* syscall */
#include "barrier.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* About 50 us: what a sleep and its wake would cost. A pause takes some 40 ns on recent x86-64, less elsewhere. */
#define SPINS 1200

static void pause_core(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

void bp_barrier_make(bp_barrier *barrier, bool crowded)
{
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->generation, 0);
    atomic_init(&barrier->sleepers, 0);
    barrier->spins = crowded ? 0 : SPINS;
}

static bool have_met(bp_barrier *barrier, unsigned generation)
{
    return atomic_load_explicit(&barrier->generation, memory_order_acquire) != generation;
}

/* The last one opens the barrier. Generation and sleepers are touched in one order by all: whoever counts himself among the
 * sleepers either sees the new generation or is seen here. */
static void open_barrier(bp_barrier *barrier, unsigned threads)
{
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    atomic_fetch_add(&barrier->generation, 1);
    if (atomic_load(&barrier->sleepers))
        syscall(SYS_futex, &barrier->generation, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

static void sleep_until_met(bp_barrier *barrier, unsigned generation)
{
    atomic_fetch_add(&barrier->sleepers, 1);
    while (atomic_load(&barrier->generation) == generation)
        syscall(SYS_futex, &barrier->generation, FUTEX_WAIT_PRIVATE, generation, NULL, NULL, 0);
    atomic_fetch_sub(&barrier->sleepers, 1);
}

void bp_barrier_wait(bp_barrier *barrier, unsigned threads)
{
    unsigned generation = atomic_load_explicit(&barrier->generation, memory_order_relaxed);

    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) + 1 == threads) {
        open_barrier(barrier, threads);
        return;
    }
    for (unsigned spin = 0; spin < barrier->spins; spin++) {
        if (have_met(barrier, generation))
            return;
        pause_core();
    }
    sleep_until_met(barrier, generation);
}
