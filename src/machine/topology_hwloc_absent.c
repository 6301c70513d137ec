/* Stands for topology_hwloc.c where BP_EMBEDDED leaves hwloc out.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"

bool bp_topology_by_hwloc(const char *synthetic, bp_topology *result)
{
    (void)synthetic;
    (void)result;
    return false;
}
