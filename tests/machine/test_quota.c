/* The quota of made-up machines, and of this one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_setaffinity */
#include "machine.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>

#include "tree.h"

static const char v2_mount[] = "22 1 0:20 / /proc rw - proc proc rw\n"
                               "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
static const char v1_mount[] = "33 25 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                               "34 25 0:30 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
static char root[64];

static void begin(void)
{
    tree_make(root, sizeof root);
}

static void end(void)
{
    tree_remove(root);
}

TestSuite(quota, .init = begin, .fini = end);

static void machine(const char *group, const char *mounts)
{
    tree_write(root, "/proc/self/cgroup", group);
    tree_write(root, "/proc/self/mountinfo", mounts);
}

static void expect(double limit, uint32_t usable)
{
    bp_quota quota;

    bp_quota_read(root, 16, &quota);
    cr_assert_float_eq(quota.limit, limit, 1e-12, "limit %g instead of %g", quota.limit, limit);
    cr_assert_eq(quota.usable, usable);
}

Test(quota, an_empty_system_sets_no_limit)
{
    expect(0, 16);
}

Test(quota, version_2_rounds_a_part_of_a_cpu_up)
{
    machine("0::/user/job\n", v2_mount);
    tree_write(root, "/sys/fs/cgroup/user/job/cpu.max", "150000 100000\n");
    expect(1.5, 2);
    tree_write(root, "/sys/fs/cgroup/user/job/cpu.max", "200000 100000\n");
    expect(2, 2);
    tree_write(root, "/sys/fs/cgroup/user/job/cpu.max", "1000 100000\n");
    expect(0.01, 1);
}

Test(quota, a_group_above_counts_too_and_the_tightest_rules)
{
    machine("0::/user/job\n", v2_mount);
    tree_write(root, "/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
    tree_write(root, "/sys/fs/cgroup/user/cpu.max", "300000 100000\n");
    expect(3, 3);
    tree_write(root, "/sys/fs/cgroup/cpu.max", "200000 100000\n");
    expect(2, 2);
    tree_write(root, "/sys/fs/cgroup/user/job/cpu.max", "100000 100000\n");
    expect(1, 1);
}

Test(quota, nothing_outside_the_mount_is_looked_at)
{
    machine("0::/job\n", v2_mount);
    tree_write(root, "/sys/fs/cgroup/job/cpu.max", "500000 100000\n");
    tree_write(root, "/sys/fs/cpu.max", "100000 100000\n");
    tree_write(root, "/cpu.max", "100000 100000\n");
    expect(5, 5);
}

Test(quota, a_container_that_sees_its_group_as_the_top_is_bounded_by_it)
{
    tree_write(root, "/sys/fs/cgroup/cpu.max", "400000 100000\n");
    machine("0::/\n", v2_mount);
    expect(4, 4);
    tree_write(root, "/sys/elsewhere/cpu.max", "100000 100000\n");
    machine("0::/../../elsewhere\n", v2_mount);
    expect(4, 4);
    machine("0::/docker/abc\n", "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    expect(4, 4);
}

Test(quota, a_group_below_the_mounted_one_is_found)
{
    machine("0::/docker/abc/inner\n", "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    tree_write(root, "/sys/fs/cgroup/inner/cpu.max", "700000 100000\n");
    expect(7, 7);
}

Test(quota, version_1_has_quota_and_period_in_two_files)
{
    machine("4:cpuset:/other\n3:cpu,cpuacct:/job\n0::/\n", v1_mount);
    tree_write(root, "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "250000\n");
    tree_write(root, "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    expect(2.5, 3);
    tree_write(root, "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
    expect(0, 16);
}

Test(quota, both_versions_side_by_side_give_the_tighter)
{
    char mounts[sizeof v1_mount + sizeof v2_mount];
    snprintf(mounts, sizeof mounts, "%s%s", v1_mount, v2_mount);
    machine("3:cpuacct,cpu:/job\n0::/job\n", mounts);
    tree_write(root, "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "600000\n");
    tree_write(root, "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    tree_write(root, "/sys/fs/cgroup/job/cpu.max", "900000 100000\n");
    expect(6, 6);
    tree_write(root, "/sys/fs/cgroup/job/cpu.max", "300000 100000\n");
    expect(3, 3);
}

Test(quota, what_makes_no_sense_sets_no_limit)
{
    static const char *const contents[] = {
        "", "\n", "max", "100000", "0 100000", "1 0", "-5 100000", "1e5 100000", "99999999999999999999 1"};

    machine("0::/job\n", v2_mount);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        tree_write(root, "/sys/fs/cgroup/job/cpu.max", contents[i]);
        expect(0, 16);
    }
    tree_write(root, "/sys/fs/cgroup/job/cpu.max", "18446744073709551615 1");
    expect(0x1p64, 16);
    machine("0::/job", "30 23\n - \n30 23 0:26 / /sys/fs/cgroup rw - cgroup2\n");
    expect(0, 16);
}

Test(quota, the_group_is_found_behind_long_and_many_lines)
{
    static char mounts[200000];
    size_t used = 0;

    for (int i = 0; i < 1000; i++)
        used += (size_t)snprintf(mounts + used, sizeof mounts - used, "%d 1 0:20 / /%0*d rw - tmpfs tmpfs rw\n", i, i % 200, i);
    for (int i = 0; i < 12000; i++) /* a line longer than any buffer */
        mounts[used++] = 'x';
    snprintf(mounts + used, sizeof mounts - used, "\n%s", v2_mount);
    machine("0::/job\n", mounts);
    tree_write(root, "/sys/fs/cgroup/job/cpu.max", "200000 100000");
    expect(2, 2);
}

Test(quota, the_mask_bounds_and_the_reason_says_which)
{
    bp_quota quota;

    machine("0::/job\n", v2_mount);
    tree_write(root, "/sys/fs/cgroup/job/cpu.max", "450000 100000\n");
    bp_quota_read(root, 3, &quota);
    cr_assert_eq(quota.usable, 3);
    cr_assert_str_eq(quota.reason, "affinity mask of 3 CPUs");
    bp_quota_read(root, 12, &quota);
    cr_assert_eq(quota.usable, 5);
    cr_assert_str_eq(quota.reason, "cgroup quota of 4.5 CPUs");
    bp_quota_read(root, 0, &quota);
    cr_assert_eq(quota.usable, 1);
}

Test(quota, this_process_follows_its_affinity_mask)
{
    bp_machine machine;
    cpu_set_t mask, one;

    cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    cr_assert_eq(bp_quota_affinity(), (uint32_t)CPU_COUNT(&mask));
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
        if (CPU_ISSET(cpu, &mask))
            CPU_SET(cpu, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    cr_assert_eq(bp_quota_affinity(), 1);
    bp_machine_read(&machine);
    cr_assert_eq(machine.threads, 1);
    cr_assert_str_eq(machine.reason, "1 physical core");
}
