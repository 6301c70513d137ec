/* SIGINT and SIGTERM: the first asks a run to stop after its step, the second ends the process. Before a run has begun to train
 * there is nothing to keep, and a reader may wait for its input for ever: then the first ends it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sigaction */
#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "command.h"

static volatile sig_atomic_t arrived, begun;
static bp_trainer *_Atomic running; /* lock-free, so that a handler may read it */

static void leave(const char *text, size_t size)
{
    ssize_t written = write(STDERR_FILENO, text, size);
    (void)written;
    _exit(BP_EXIT_INTERRUPTED);
}

static void take_signal(int number)
{
    static const char before[] = "backprop: interrupted before training began\n", twice[] = "backprop: interrupted twice\n";
    bp_trainer *trainer = atomic_load(&running);

    (void)number;
    if (!begun)
        leave(before, sizeof before - 1);
    if (arrived)
        leave(twice, sizeof twice - 1);
    arrived = 1;
    if (trainer)
        bp_trainer_cancel(trainer);
}

void bp_interrupt_watch(void)
{
    struct sigaction action = {.sa_handler = take_signal, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void bp_interrupt_trainer(bp_trainer *trainer)
{
    atomic_store(&running, trainer);
    begun = 1;
}

bool bp_interrupted(void)
{
    return arrived != 0;
}
