/* The team: threads that work on one thing together, their ranges and their barrier. The only file with `omp parallel`.
 *
 * Work runs with subnormals flushed and rounding to nearest on every thread, the caller's included; each thread's
 * floating-point control state is restored after it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEAM_H
#define BP_TEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One member: which of how many. */
typedef struct bp_member {
    unsigned index;
    unsigned threads;
    struct bp_barrier *barrier; /* the team's; NULL where there is one thread, or none meet */
} bp_member;

typedef void bp_team_work(void *context, bp_member member);

/* Runs `work` on up to `threads` threads; returns when all are done. Alone on the caller's thread where threads is 1, inside
 * another parallel region, and in a child of fork, where OpenMP's threads are gone. On fewer where the system starts no more. */
void bp_team_run(unsigned threads, bp_team_work *work, void *context);

/* All members of the running team meet. */
void bp_team_barrier(bp_member member);

/* How often this process has forked away from where the library was loaded: a handle notes it and compares. */
unsigned bp_team_generation(void);

/* Part of 0 ... count - 1 that a member owns: parts differ by one unit of `grain` at most. */
typedef struct bp_range {
    size_t first;
    size_t end;
} bp_range;

bp_range bp_team_range(bp_member member, size_t count, size_t grain);

#endif
