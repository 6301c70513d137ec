/* Nobody passes the barrier before all have come, whether they spin or sleep.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "barrier.h"

enum { THREADS = 5, ROUNDS = 2000 };

typedef struct meeting {
    bp_barrier barrier;
    atomic_uint came;
    atomic_uint early; /* members that passed before all had come */
    unsigned naps;     /* every so many rounds one member comes late, so that the others fall asleep; 0: never */
} meeting;

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void *attend(void *context)
{
    meeting *m = context;

    for (unsigned round = 1; round <= ROUNDS; round++) {
        unsigned place = atomic_fetch_add(&m->came, 1);
        if (m->naps && round % m->naps == 0 && place % THREADS == THREADS - 1)
            nap();
        bp_barrier_wait(&m->barrier, THREADS);
        if (atomic_load(&m->came) < round * THREADS)
            atomic_fetch_add(&m->early, 1);
        bp_barrier_wait(&m->barrier, THREADS);
    }
    return NULL;
}

static void check(bool crowded, unsigned naps)
{
    meeting m = {.naps = naps};
    pthread_t threads[THREADS];

    bp_barrier_make(&m.barrier, crowded);
    for (int t = 0; t < THREADS; t++)
        cr_assert_eq(pthread_create(&threads[t], NULL, attend, &m), 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    cr_expect_eq(atomic_load(&m.early), 0, "%u early, crowded %d, naps %u", atomic_load(&m.early), crowded, naps);
}

Test(barrier, nobody_passes_before_all_have_come, .timeout = 120)
{
    check(true, 0);
    check(true, 50);
    check(false, 50);
}
