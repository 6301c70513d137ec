/* SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"

#include <hwloc.h>

#include "memory.h"
#include "quota.h"

/* hwloc takes 623 KB for 512 hardware threads, as much again on the way, and ends the process where any of it is refused. */
#define HWLOC_ROOM ((size_t)2 << 20)

static bool has_room(void)
{
    bp_allocator usual = bp_allocator_or_default(NULL); /* where hwloc's own comes from */
    void *room = bp_allocate(&usual, HWLOC_ROOM);

    bp_release(&usual, room, HWLOC_ROOM);
    return room;
}

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

/* The smallest cache of a level per core that shares it; bytes and sharing stay as they are where none is reported. */
static void find_cache(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_const_bitmap_t cpus, size_t *bytes,
                       uint32_t *sharing)
{
    bool found = false;

    for (hwloc_obj_t cache = NULL; (cache = hwloc_get_next_obj_by_type(topology, type, cache));) {
        uint64_t size = cache->attr->cache.size;
        uint32_t cores = cores_under(topology, cache->cpuset, cpus);
        if (!size || !cores || (found && size / cores >= *bytes / *sharing))
            continue;
        *bytes = (size_t)size;
        *sharing = cores;
        found = true;
    }
}

static uint32_t at_least_one(uint32_t number)
{
    return number ? number : 1;
}

/* What is known without hwloc. */
static bp_topology unreported(uint32_t cpus)
{
    return (bp_topology){.packages = 1,
                         .numa_nodes = 1,
                         .cores = cpus,
                         .threads = cpus,
                         .l1_bytes = BP_TOPOLOGY_L1,
                         .l2_bytes = BP_TOPOLOGY_L2,
                         .l1_sharing = 1,
                         .l2_sharing = 1,
                         .l3_sharing = 1};
}

static void describe(hwloc_topology_t topology, hwloc_const_bitmap_t cpus, bp_topology *result)
{
    *result = unreported(at_least_one(count(topology, HWLOC_OBJ_PU, cpus)));
    result->reported = true;
    result->packages = at_least_one(count(topology, HWLOC_OBJ_PACKAGE, cpus));
    result->numa_nodes = at_least_one(count(topology, HWLOC_OBJ_NUMANODE, cpus));
    uint32_t cores = count(topology, HWLOC_OBJ_CORE, cpus);
    if (!cores) /* some virtual machines show hardware threads alone: sharing cannot be told either */
        return;
    result->cores = cores;
    find_cache(topology, HWLOC_OBJ_L1CACHE, cpus, &result->l1_bytes, &result->l1_sharing);
    find_cache(topology, HWLOC_OBJ_L2CACHE, cpus, &result->l2_bytes, &result->l2_sharing);
    find_cache(topology, HWLOC_OBJ_L3CACHE, cpus, &result->l3_bytes, &result->l3_sharing);
}

static bool look(const char *synthetic, bp_topology *result)
{
    hwloc_topology_t topology;
    hwloc_bitmap_t cpus = NULL;

    if (!has_room() || hwloc_topology_init(&topology))
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

bool bp_topology_load(const char *synthetic, bp_topology *result)
{
    if (look(synthetic, result))
        return true;
    if (synthetic)
        return false;
    *result = unreported(bp_quota_affinity());
    return true;
}
