/* SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"

bp_topology bp_topology_of(uint32_t cores)
{
    return (bp_topology){.packages = 1,
                         .numa_nodes = 1,
                         .cores = cores,
                         .threads = cores,
                         .l1_bytes = BP_TOPOLOGY_L1,
                         .l2_bytes = BP_TOPOLOGY_L2,
                         .l1_sharing = 1,
                         .l2_sharing = 1,
                         .l3_sharing = 1};
}

void bp_cache_choose(bp_cache_choice *choice, uint64_t bytes, uint32_t cores)
{
    if (!bytes || !cores || (choice->found && bytes / cores >= *choice->bytes / *choice->sharing))
        return;
    *choice->bytes = (size_t)bytes;
    *choice->sharing = cores;
    choice->found = true;
}

bool bp_topology_load(const char *synthetic, bp_topology *result)
{
    bp_cpu_set mask;

    if (bp_topology_by_hwloc(synthetic, result))
        return true;
    if (synthetic)
        return false;
    bp_quota_mask(&mask);
    if (!bp_topology_by_system("", &mask, result))
        *result = bp_topology_of(bp_quota_affinity());
    return true;
}
