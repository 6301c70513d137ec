/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "startable.h"

#include <pthread.h>
#include <signal.h>

typedef struct chain {
    unsigned wanted;
    unsigned started;
} chain;

/* Each starts the next and waits for it, so that all are there when the last one is, and nobody has to hold a list of them. */
static void *start_next(void *context)
{
    chain *c = context;
    pthread_t next;

    c->started++;
    if (c->started < c->wanted && pthread_create(&next, NULL, start_next, c) == 0)
        pthread_join(next, NULL);
    return NULL;
}

unsigned bp_startable_threads(unsigned wanted)
{
    chain c = {wanted, 0};
    sigset_t all, own;

    sigfillset(&all); /* the host's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &own);
    start_next(&c);
    pthread_sigmask(SIG_SETMASK, &own, NULL);
    return c.started;
}
