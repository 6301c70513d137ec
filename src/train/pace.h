/* The pace of a fit: whether the whole team or one thread alone is faster at the moment.
 *
 * The plan sizes the team for a machine that is free. Where other programs use the cores too, a thread that waits for one
 * holds up all others at every barrier, and a team can be many times slower than one thread. Results do not depend on the
 * team, so a fit may look: now and then it steps the other way for a short trial, and keeps what was faster.
 *
 *      | keep: team        | trial: solo | keep: the faster of the two          | trial: the other | ...
 *        20 ms at first      5 ms          1 s, or 100 times the trial's length
 *
 * So trials cost 1 % of the time at most.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PACE_H
#define BP_PACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bp_pace {
    unsigned team;    /* threads of the whole team; 1: there is nothing to choose */
    bool solo;        /* the way of the running slice */
    bool trial;       /* it is a trial */
    double slice;     /* seconds that the running slice may take */
    double spent;     /* of it */
    uint64_t steps;   /* made in it */
    double kept_cost; /* seconds of a step in the slice before the trial */
} bp_pace;

/* `fixed`: always the whole team. */
void bp_pace_begin(bp_pace *pace, unsigned team, bool fixed);

/* Threads for the next block of steps, and how many seconds it may take; 0: as long as it likes. */
unsigned bp_pace_threads(const bp_pace *pace);
double bp_pace_rest(const bp_pace *pace);

/* A block has made so many steps in so many seconds. */
void bp_pace_take(bp_pace *pace, uint64_t steps, double seconds);

#endif
