/* Machines as the kernel's files tell them: made-up ones, and this one beside hwloc.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "topology.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tree.h"

static char root[64];

static void begin(void)
{
    tree_make(root, sizeof root);
}

static void end(void)
{
    tree_remove(root);
}

TestSuite(topology_system, .init = begin, .fini = end);

static void tell(int cpu, const char *file, const char *content)
{
    char path[128];

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
    tree_write(root, path, content);
}

static void tell_cache(int cpu, int index, const char *const texts[4])
{
    static const char *const names[] = {"level", "type", "size", "shared_cpu_list"};
    char file[64];

    for (int i = 0; i < 4; i++) {
        snprintf(file, sizeof file, "cache/index%d/%s", index, names[i]);
        tell(cpu, file, texts[i]);
    }
}

/* Two packages with a node each, of two cores with two threads; CPU c and c + 4 share a core. */
static void make_server(void)
{
    static const char *const core[] = {"0,4\n", "1,5\n", "2,6\n", "3,7\n"}, *const package[] = {"0-1,4-5\n", "2-3,6-7\n"};

    tree_write(root, "/sys/devices/system/node/online", "0-1\n");
    tree_write(root, "/sys/devices/system/node/node0/cpulist", package[0]);
    tree_write(root, "/sys/devices/system/node/node1/cpulist", package[1]);
    for (int cpu = 0; cpu < 8; cpu++) {
        tell(cpu, "topology/thread_siblings_list", core[cpu % 4]);
        tell(cpu, "topology/core_siblings_list", package[cpu % 4 / 2]);
        tell_cache(cpu, 0, (const char *const[]){"1\n", "Data\n", "48K\n", core[cpu % 4]});
        tell_cache(cpu, 1, (const char *const[]){"1\n", "Instruction\n", "16K\n", core[cpu % 4]});
        tell_cache(cpu, 2, (const char *const[]){"2\n", "Unified\n", cpu % 4 == 3 ? "1024K\n" : "2048K\n", core[cpu % 4]});
        tell_cache(cpu, 3, (const char *const[]){"3\n", "Unified\n", "33792K\n", package[cpu % 4 / 2]});
    }
}

/* Bit c of `cpus`: CPU c. */
static bp_topology of(uint8_t cpus)
{
    static bp_cpu_set mask;
    bp_topology topology;

    mask.bits[0] = cpus;
    cr_assert(bp_topology_by_system(root, &mask, &topology));
    cr_assert(topology.reported);
    return topology;
}

Test(topology_system, cores_packages_nodes_and_caches_are_found)
{
    make_server();
    bp_topology topology = of(0xff);
    cr_assert_eq(topology.packages, 2);
    cr_assert_eq(topology.numa_nodes, 2);
    cr_assert_eq(topology.cores, 4);
    cr_assert_eq(topology.threads, 8);
    cr_assert_eq(topology.l1_bytes, 48 << 10);
    cr_assert_eq(topology.l2_bytes, 1 << 20, "the smallest counts");
    cr_assert_eq(topology.l3_bytes, 33 << 20);
    cr_assert_eq(topology.l1_sharing, 1);
    cr_assert_eq(topology.l2_sharing, 1);
    cr_assert_eq(topology.l3_sharing, 2);
}

Test(topology_system, what_the_mask_leaves_out_does_not_count)
{
    make_server();
    bp_topology topology = of(0x52); /* CPUs 1 and 4, of one package, and 6, whose core's first thread is left out */
    cr_assert_eq(topology.cores, 3);
    cr_assert_eq(topology.threads, 3);
    cr_assert_eq(topology.packages, 2);
    cr_assert_eq(topology.l3_sharing, 2, "it is the smaller one, for a core");
    topology = of(0x33);
    cr_assert_eq(topology.cores, 2);
    cr_assert_eq(topology.threads, 4);
    cr_assert_eq(topology.packages, 1);
    cr_assert_eq(topology.numa_nodes, 1);
    cr_assert_eq(topology.l2_bytes, 2 << 20);
    cr_assert_eq(topology.l3_sharing, 2);
}

Test(topology_system, caches_that_are_not_told_have_cautious_sizes)
{
    tell(0, "topology/thread_siblings_list", "0\n");
    tell_cache(0, 0, (const char *const[]){"4\n", "Unified\n", "48K\n", "0\n"});
    tell_cache(0, 1, (const char *const[]){"1\n", "Data\n", "much\n", "0\n"});
    tell_cache(0, 2, (const char *const[]){"2\n", "Unified\n", "512K\n", "0-\n"});
    bp_topology topology = of(1);
    cr_assert_eq(topology.packages, 1);
    cr_assert_eq(topology.numa_nodes, 1);
    cr_assert_eq(topology.l1_bytes, BP_TOPOLOGY_L1);
    cr_assert_eq(topology.l2_bytes, BP_TOPOLOGY_L2);
    cr_assert_eq(topology.l3_bytes, 0);
    cr_assert_eq(topology.l3_sharing, 1);
}

Test(topology_system, cpus_far_away_are_found)
{
    static bp_cpu_set mask;
    bp_topology topology;

    for (int cpu = 5000; cpu < 5002; cpu++) {
        mask.bits[cpu / 8] |= (uint8_t)(1u << cpu % 8);
        tell(cpu, "topology/thread_siblings_list", "17,4999-5001\n");
    }
    cr_assert(bp_topology_by_system(root, &mask, &topology));
    cr_assert_eq(topology.cores, 1);
    cr_assert_eq(topology.threads, 2);
}

Test(topology_system, cores_that_make_no_sense_are_not_told)
{
    static const char *const lists[] = {"",
                                        "\n",
                                        "a\n",
                                        "0,\n",
                                        "0-\n",
                                        "-1\n",
                                        "0 1\n",
                                        "0;1\n",
                                        "1\n",
                                        "5-0\n",
                                        "65536\n",
                                        "0-18446744073709551615\n",
                                        "0-99999999999999999999\n"};
    static const bp_cpu_set none, first = {{1}};
    bp_topology topology;

    cr_assert_not(bp_topology_by_system(root, &first, &topology), "no files");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tell(0, "topology/thread_siblings_list", lists[i]);
        cr_assert_not(bp_topology_by_system(root, &first, &topology), "%s", lists[i]);
    }
    make_server();
    cr_assert_not(bp_topology_by_system(root, &none, &topology), "no CPU");
}

Test(topology_system, a_line_that_is_cut_off_is_not_taken)
{
    static char line[6000];
    static const bp_cpu_set first = {{1}};
    bp_topology topology;

    for (size_t i = 0; i < sizeof line - 2; i += 2)
        memcpy(line + i, "0,", 2);
    line[sizeof line - 2] = '0';
    tell(0, "topology/thread_siblings_list", line);
    cr_assert_not(bp_topology_by_system(root, &first, &topology));
}

/* Where there is no /sys, hwloc knows more. */
Test(topology_system, this_machine_is_the_one_that_hwloc_sees)
{
    bp_topology system, hwloc;
    bp_cpu_set mask;

    bp_quota_mask(&mask);
    cr_assert(bp_topology_by_hwloc(NULL, &hwloc));
    if (!bp_topology_by_system("", &mask, &system))
        return;
    cr_assert_eq(system.cores, hwloc.cores);
    cr_assert_eq(system.threads, hwloc.threads);
    cr_assert_eq(system.packages, hwloc.packages);
    cr_assert_eq(system.l1_bytes, hwloc.l1_bytes);
    cr_assert_eq(system.l2_bytes, hwloc.l2_bytes);
    cr_assert_eq(system.l3_bytes, hwloc.l3_bytes);
    cr_assert_eq(system.l3_sharing, hwloc.l3_sharing);
}
