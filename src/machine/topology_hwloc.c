/* SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"

#include <hwloc.h>

#include "memory.h"

/* hwloc takes 623 KB for 512 hardware threads, as much again on the way, and ends the process where any of it is refused. */
#define HWLOC_ROOM ((size_t)2 << 20)

static bool load(hwloc_topology_t topology, const char *synthetic)
{
    /* On some systems hwloc would bind the calling thread to each CPU in turn; the host's binding is not ours to touch. */
    if (hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING))
        return false;
    if (synthetic && hwloc_topology_set_synthetic(topology, synthetic))
        return false;
    return !hwloc_topology_load(topology);
}

/* The CPUs that count: the calling thread's mask, or all where the topology is not this machine or knows of no mask. */
static hwloc_bitmap_t usable_cpus(hwloc_topology_t topology)
{
    hwloc_bitmap_t cpus = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology));
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();

    if (cpus && bound && hwloc_topology_is_thissystem(topology) && !hwloc_get_cpubind(topology, bound, HWLOC_CPUBIND_THREAD) &&
        hwloc_bitmap_intersects(cpus, bound))
        hwloc_bitmap_and(cpus, cpus, bound);
    hwloc_bitmap_free(bound);
    return cpus;
}

/* Objects of one type that hold a CPU of the set. */
static uint32_t count(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_const_bitmap_t cpus)
{
    uint32_t found = 0;

    for (hwloc_obj_t object = NULL; (object = hwloc_get_next_obj_by_type(topology, type, object));)
        found += hwloc_bitmap_intersects(object->cpuset, cpus) != 0;
    return found;
}

/* Cores of the set under one object. */
static uint32_t cores_under(hwloc_topology_t topology, hwloc_const_bitmap_t under, hwloc_const_bitmap_t cpus)
{
    uint32_t found = 0;

    for (hwloc_obj_t core = NULL; (core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core));)
        found += hwloc_bitmap_intersects(core->cpuset, under) && hwloc_bitmap_intersects(core->cpuset, cpus);
    return found;
}

static void find_cache(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_const_bitmap_t cpus, bp_cache_choice choice)
{
    for (hwloc_obj_t cache = NULL; (cache = hwloc_get_next_obj_by_type(topology, type, cache));)
        bp_cache_choose(&choice, cache->attr->cache.size, cores_under(topology, cache->cpuset, cpus));
}

static uint32_t at_least_one(uint32_t number)
{
    return number ? number : 1;
}

static void describe(hwloc_topology_t topology, hwloc_const_bitmap_t cpus, bp_topology *result)
{
    *result = bp_topology_of(at_least_one(count(topology, HWLOC_OBJ_PU, cpus)));
    result->reported = true;
    result->packages = at_least_one(count(topology, HWLOC_OBJ_PACKAGE, cpus));
    result->numa_nodes = at_least_one(count(topology, HWLOC_OBJ_NUMANODE, cpus));
    uint32_t cores = count(topology, HWLOC_OBJ_CORE, cpus);
    if (!cores) /* some virtual machines show hardware threads alone: sharing cannot be told either */
        return;
    result->cores = cores;
    find_cache(topology, HWLOC_OBJ_L1CACHE, cpus, (bp_cache_choice){&result->l1_bytes, &result->l1_sharing, false});
    find_cache(topology, HWLOC_OBJ_L2CACHE, cpus, (bp_cache_choice){&result->l2_bytes, &result->l2_sharing, false});
    find_cache(topology, HWLOC_OBJ_L3CACHE, cpus, (bp_cache_choice){&result->l3_bytes, &result->l3_sharing, false});
}

bool bp_topology_by_hwloc(const char *synthetic, bp_topology *result)
{
    hwloc_topology_t topology;
    hwloc_bitmap_t cpus = NULL;

    if (!bp_memory_has_room(HWLOC_ROOM) || hwloc_topology_init(&topology))
        return false;
    if (load(topology, synthetic))
        cpus = usable_cpus(topology);
    if (cpus)
        describe(topology, cpus, result);
    bool found = cpus != NULL;
    hwloc_bitmap_free(cpus);
    hwloc_topology_destroy(topology);
    return found;
}
