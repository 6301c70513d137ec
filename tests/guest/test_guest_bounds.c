/* A team is bounded by the affinity mask and by the control group's quota, unless it is told otherwise exactly.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_setaffinity */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "problem.h"
#include "tree.h"

/* ------------------------------------------------------------------------------------------------------------- quota */

static char root[64];
static bp_file_calls calls;

/* The system's, but for where it tells of control groups. */
static int open_in_tree(const char *path, int flags, mode_t mode)
{
    char inside[PATH_MAX];
    bool told = strncmp(path, "/proc/self/", 11) == 0 || strncmp(path, "/sys/fs/cgroup/", 15) == 0;

    snprintf(inside, sizeof inside, "%s%s", told ? root : "", path);
    return bp_file_system.open(inside, flags, mode);
}

static void begin(void)
{
    tree_make(root, sizeof root);
    tree_write(root, "/proc/self/cgroup", "3:cpu,cpuacct:/job\n0::/job\n");
    tree_write(
        root, "/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n34 25 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    calls = bp_file_system;
    calls.open = open_in_tree;
    bp_file_table = &calls;
}

static void end(void)
{
    bp_file_table = &bp_file_system;
    tree_remove(root);
}

TestSuite(guest_bounds, .init = begin, .fini = end);

static void limit_by_v2(const char *text)
{
    tree_write(root, "/sys/fs/cgroup/unified/job/cpu.max", text);
}

static void limit_by_v1(const char *quota)
{
    tree_write(root, "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", quota);
    tree_write(root, "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
}

/* ------------------------------------------------------------------------------------------------------------- teams */

/* Of a step that is worth sharing, one of 10 ms. `exact`: all that there are. The first line of its reasons goes to `reason`. */
static uint32_t team(uint32_t threads, bool exact, char reason[200])
{
    static const uint32_t hidden[] = {1024};
    problem p = problem_create(problem_settings(hidden, 1, BP_RELU, BP_SQUARED_ERROR, BP_SGD), 1024, 64, 8, 1);
    char plan[4000];

    p.settings.batch_size = 512;
    p.settings.threads = threads;
    p.settings.exact_threads = exact;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    uint32_t size = bp_trainer_threads(trainer);
    bp_trainer_plan(trainer, plan, sizeof plan);
    const char *line = strstr(plan, "threads:");
    cr_assert(line);
    snprintf(reason, 200, "%.*s", (int)strcspn(line, "\n"), line);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
    return size;
}

/* Every way to ask for a team of the machine's size, or for one that is larger. */
static void expect(uint32_t most, const char *reason)
{
    char said[200];

    cr_assert_eq(bp_machine_threads(said, sizeof said), most);
    cr_assert_str_eq(said, reason);
    cr_assert_eq(team(0, true, said), most);
    cr_assert_leq(team(0, false, said), most);
    cr_assert(strstr(said, reason), "\"%s\" instead of %s", said, reason);
    cr_assert_leq(team(64, false, said), most);
    cr_assert(strstr(said, reason), "\"%s\" instead of %s", said, reason);
}

static cpu_set_t usable(void)
{
    cpu_set_t mask;

    cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    return mask;
}

/* Leaves the calling thread so many of the CPUs that it has. */
static void leave(int count)
{
    cpu_set_t mask = usable();

    for (int cpu = CPU_SETSIZE; cpu-- && CPU_COUNT(&mask) > count;)
        CPU_CLR((size_t)cpu, &mask);
    cr_assert_eq(sched_setaffinity(0, sizeof mask, &mask), 0);
}

Test(guest_bounds, the_machine_bounds_where_nothing_else_does)
{
    char said[200];

    limit_by_v2("max 100000\n");
    limit_by_v1("-1\n");
    uint32_t threads = bp_machine_threads(said, sizeof said);
    expect(threads, said);
    if (threads > 1)
        cr_assert_gt(team(0, false, said), 1, "a step that is worth sharing is not shared: %s", said);
}

Test(guest_bounds, the_affinity_mask_bounds_and_stays)
{
    leave(1);
    cpu_set_t before = usable();
    expect(1, "1 physical core");
    cpu_set_t after = usable();
    cr_assert(CPU_EQUAL(&before, &after));
}

Test(guest_bounds, a_quota_by_cpu_max_bounds)
{
    bool more = bp_machine_threads(NULL, 0) > 1;

    limit_by_v2("50000 100000\n");
    expect(1, more ? "cgroup quota of 0.5 CPUs" : "1 physical core");
}

Test(guest_bounds, a_quota_by_cfs_bounds)
{
    bool more = bp_machine_threads(NULL, 0) > 1;

    limit_by_v1("100000\n");
    limit_by_v2("max 100000\n");
    expect(1, more ? "cgroup quota of 1 CPUs" : "1 physical core");
}

Test(guest_bounds, the_tighter_of_mask_and_quota_bounds)
{
    limit_by_v2("200000 100000\n");
    uint32_t both = bp_machine_threads(NULL, 0);
    cr_assert_leq(both, 2);
    leave(1);
    expect(1, "1 physical core");
}

/* Whoever says so exactly is obeyed. */
Test(guest_bounds, a_number_that_is_exact_is_taken)
{
    char said[200];

    limit_by_v2("100000 100000\n");
    leave(1);
    cr_assert_eq(team(3, true, said), 3);
}
