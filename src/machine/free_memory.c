/* SPDX-License-Identifier: Apache-2.0 */
#include "free_memory.h"

#include <linux/limits.h> /* PATH_MAX */
#include <stdio.h>

#include "cgroup.h"

#define UNLIMITED 0x1p60 /* version 1 says so by the largest number that it has */

static double number_in(const char *group, const char *name, const char *key)
{
    char path[PATH_MAX];
    uint64_t value;

    if (!bp_cgroup_file(path, sizeof path, group, name) || !bp_system_number(path, key, &value))
        return 0;
    return (double)value;
}

/* At least one byte: 0 would be no limit. */
static double left_in(const char *group, bool v2)
{
    double most = number_in(group, v2 ? "/memory.max" : "/memory.limit_in_bytes", ""), left;

    if (most == 0 || most >= UNLIMITED)
        return 0;
    left = most - number_in(group, v2 ? "/memory.current" : "/memory.usage_in_bytes", "") +
           number_in(group, "/memory.stat", v2 ? "inactive_file " : "total_inactive_file ");
    return left > 1 ? left : 1;
}

uint64_t bp_free_memory(const char *root)
{
    char path[PATH_MAX];
    double group = bp_cgroup_tightest(root, "memory", left_in);
    uint64_t kib, available = UINT64_MAX;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    if (bp_system_number(path, "MemAvailable:", &kib) && kib < UINT64_MAX / 1024)
        available = kib * 1024;
    return group > 0 && group < (double)available ? (uint64_t)group : available;
}
