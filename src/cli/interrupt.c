/* SIGINT and SIGTERM: the first asks a run to stop after its step, the second ends the process.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sigaction */
#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "command.h"

static volatile sig_atomic_t arrived;
static bp_trainer *_Atomic running; /* lock-free, so that a handler may read it */

static void take_signal(int number)
{
    bp_trainer *trainer = atomic_load(&running);

    (void)number;
    if (arrived)
        _exit(BP_EXIT_INTERRUPTED);
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
}

bool bp_interrupted(void)
{
    return arrived != 0;
}
