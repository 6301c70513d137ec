/* How many CPUs this process may use: its affinity mask, and the CPU quota of its control groups.
 *
 * A container is often given "2 CPUs" as a quota of time on a machine of 64: the mask still shows 64, and a team of 64
 * would spend its time being throttled. So the quota bounds the team as the mask does.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_QUOTA_H
#define BP_QUOTA_H

#include <stddef.h>
#include <stdint.h>

#define BP_QUOTA_REASON 160 /* bytes that every reason fits in */

typedef struct bp_quota {
    uint32_t affinity;            /* CPUs in the affinity mask, at least 1 */
    double limit;                 /* CPUs' worth of time by control group; 0: no quota */
    uint32_t usable;              /* min(affinity, limit rounded up), at least 1 */
    char reason[BP_QUOTA_REASON]; /* which of the two it was, "cgroup quota of 1.5 CPUs" */
} bp_quota;

/* CPU c is bit c % 8 of byte c / 8, as little-endian systems have it. Linux is built for at most 8192 CPUs; a mask below the
 * kernel's own size would be refused, a larger one is not. */
typedef struct bp_cpu_set {
    uint8_t bits[65536 / 8];
} bp_cpu_set;

/* CPUs of both sets; of one, where they are the same. */
uint32_t bp_cpu_set_common(const bp_cpu_set *a, const bp_cpu_set *b);

/* CPUs that the calling thread may run on; none where the system does not tell. */
void bp_quota_mask(bp_cpu_set *mask);

/* How many, at least 1. */
uint32_t bp_quota_affinity(void);

/* Reads ROOT/proc/self/cgroup, ROOT/proc/self/mountinfo and the groups that they name, version 1 and 2, each from the
 * process's own group up to the topmost that can be seen; the smallest counts. root is "" on a real machine. What cannot
 * be read sets no limit. */
void bp_quota_read(const char *root, uint32_t affinity, bp_quota *quota);

#endif
