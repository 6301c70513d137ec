/* The machine as plans see it: what it is made of, and how large a team makes sense on it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_MACHINE_H
#define BP_MACHINE_H

#include "quota.h"
#include "topology.h"

typedef struct bp_machine {
    bp_topology topology;
    uint32_t threads;             /* one for each physical core that may be used, and no more than the quota */
    char reason[BP_QUOTA_REASON]; /* why so many */
} bp_machine;

/* This machine, as the calling thread may use it. Takes milliseconds: call it where more than one thread is wanted. */
void bp_machine_read(bp_machine *machine);

/* The machine that a synthetic description of hwloc's tells; all of it may be used. False for one that hwloc does not take. */
bool bp_machine_imagine(const char *description, bp_machine *machine);

/* One core of a usual machine, for estimates that are not worth a look at the real one. */
bp_machine bp_machine_usual(void);

#endif
