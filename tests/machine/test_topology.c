/* Machines that do not exist, and this one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "topology.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#include "machine.h"

static bp_topology of(const char *synthetic)
{
    bp_topology topology;

    cr_assert(bp_topology_load(synthetic, &topology), "%s", synthetic);
    return topology;
}

Test(topology, cores_are_counted_apart_from_their_hardware_threads)
{
    bp_topology topology = of("package:2 core:64 pu:2");

    cr_assert_eq(topology.packages, 2);
    cr_assert_eq(topology.cores, 128);
    cr_assert_eq(topology.threads, 256);
    cr_assert_eq(topology.numa_nodes, 1);
    cr_assert(topology.reported);
}

Test(topology, caches_have_their_size_and_the_cores_that_share_them)
{
    bp_topology topology = of("package:2 [numa] l3:4(size=33554432) l2:8(size=1048576) l1d:1(size=49152) core:1 pu:2");

    cr_assert_eq(topology.cores, 64);
    cr_assert_eq(topology.numa_nodes, 2);
    cr_assert_eq(topology.l1_bytes, 49152);
    cr_assert_eq(topology.l2_bytes, 1048576);
    cr_assert_eq(topology.l3_bytes, 33554432);
    cr_assert_eq(topology.l1_sharing, 1);
    cr_assert_eq(topology.l2_sharing, 1);
    cr_assert_eq(topology.l3_sharing, 8);
}

Test(topology, a_cache_that_several_cores_share_is_one_cache)
{
    bp_topology topology = of("package:1 l2:2(size=2097152) core:4 l1d:1(size=65536) pu:1");

    cr_assert_eq(topology.l2_sharing, 4);
    cr_assert_eq(topology.l2_bytes, 2097152);
    cr_assert_eq(topology.l1_sharing, 1);
}

Test(topology, caches_that_are_not_reported_have_cautious_sizes)
{
    bp_topology topology = of("core:4 pu:1");

    cr_assert_eq(topology.l1_bytes, BP_TOPOLOGY_L1);
    cr_assert_eq(topology.l2_bytes, BP_TOPOLOGY_L2);
    cr_assert_eq(topology.l3_bytes, 0);
    cr_assert_eq(topology.l3_sharing, 1);
}

Test(topology, a_machine_without_cores_takes_each_hardware_thread_for_one)
{
    bp_topology topology = of("pu:6");

    cr_assert_eq(topology.cores, 6);
    cr_assert_eq(topology.threads, 6);
    cr_assert_eq(topology.l1_sharing, 1);
}

Test(topology, a_description_that_makes_no_sense_is_refused)
{
    bp_topology topology;

    cr_assert_not(bp_topology_load("core:zero", &topology));
    cr_assert_not(bp_topology_load("", &topology));
}

Test(topology, this_machine_fits_in_its_affinity_mask_and_keeps_it)
{
    cpu_set_t before, after;
    bp_topology topology;
    bp_machine machine;

    cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
    cr_assert(bp_topology_load(NULL, &topology));
    cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
    cr_assert(CPU_EQUAL(&before, &after));
    cr_assert_leq(topology.threads, bp_quota_affinity());
    cr_assert_geq(topology.cores, 1);
    cr_assert_leq(topology.cores, topology.threads);
    bp_machine_read(&machine);
    cr_assert_geq(machine.threads, 1);
    cr_assert_leq(machine.threads, topology.cores);
    cr_assert_gt(strlen(machine.reason), 0);
}

Test(topology, all_cores_of_a_machine_that_is_imagined_may_be_used)
{
    bp_machine machine;

    cr_assert(bp_machine_imagine("package:2 core:64 pu:2", &machine));
    cr_assert_eq(machine.threads, 128, "hardware threads of a core share its units");
    cr_assert_str_eq(machine.reason, "128 physical cores");
    cr_assert_not(bp_machine_imagine("core:zero", &machine));
}
