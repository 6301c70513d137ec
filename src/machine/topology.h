/* What the machine is made of, as far as training cares: cores, caches, NUMA nodes.
 *
 * hwloc is asked first; where it is left out (BP_EMBEDDED) or is refused memory, the kernel's files are read; where there are none,
 * every CPU of the affinity mask counts as a core.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TOPOLOGY_H
#define BP_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quota.h"

/* Where the system does not report a cache: the smallest first and second level of any machine with AVX2 or NEON that
 * this is likely to meet, so that blocks which fit these fit everywhere. A third level is then taken to be absent. */
#define BP_TOPOLOGY_L1 ((size_t)32 << 10)
#define BP_TOPOLOGY_L2 ((size_t)256 << 10)

/* Only what the calling thread may run on is counted. Where cores differ, a cache is the smallest of its level for one
 * core, and *_sharing tells how many cores share that one. */
typedef struct bp_topology {
    uint32_t packages;
    uint32_t numa_nodes;
    uint32_t cores;   /* physical */
    uint32_t threads; /* hardware threads; more than cores with SMT */
    size_t l1_bytes;  /* data */
    size_t l2_bytes;
    size_t l3_bytes; /* 0: there is none */
    uint32_t l1_sharing;
    uint32_t l2_sharing;
    uint32_t l3_sharing; /* 1 where there is none */
    bool reported;       /* false: nobody could tell; every core is taken to have one thread, and caches as above */
} bp_topology;

/* Looks at this machine, or at the one that a synthetic description of hwloc's tells, such as "package:2 core:64 pu:2"
 * (all of it may then be used). Takes milliseconds and keeps nothing: call it where more than one thread is wanted.
 * False for a description that hwloc does not take; this machine always gives an answer. */
bool bp_topology_load(const char *synthetic, bp_topology *result);

/* ---- whom it asks; both say false where they cannot tell, and *result is then unspecified */

bool bp_topology_by_hwloc(const char *synthetic, bp_topology *result);

/* Reads ROOT/sys/devices/system/cpu and node; of each core and cache the CPUs of `mask` count. root is "" on a real machine. */
bool bp_topology_by_system(const char *root, const bp_cpu_set *mask, bp_topology *result);

/* ---- what they share */

/* As many cores of one thread, in one package and node, with the caches that are taken where none is reported. */
bp_topology bp_topology_of(uint32_t cores);

/* The smallest cache of a level per core that shares it. */
typedef struct bp_cache_choice {
    size_t *bytes; /* both stay as they are where no cache is chosen */
    uint32_t *sharing;
    bool found;
} bp_cache_choice;

/* One that `cores` share; nothing where either is 0. */
void bp_cache_choose(bp_cache_choice *choice, uint64_t bytes, uint32_t cores);

#endif
