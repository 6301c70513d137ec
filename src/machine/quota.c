/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "quota.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cgroup.h"
#include "text.h"

/* ---------------------------------------------------------------------------------------------------- affinity mask */

uint32_t bp_cpu_set_common(const bp_cpu_set *a, const bp_cpu_set *b)
{
    uint32_t count = 0;

    for (size_t i = 0; i < sizeof a->bits; i++)
        count += (uint32_t)__builtin_popcount((unsigned)(a->bits[i] & b->bits[i]));
    return count;
}

void bp_quota_mask(bp_cpu_set *mask)
{
    memset(mask, 0, sizeof *mask);
    (void)sched_getaffinity(0, sizeof mask->bits, (cpu_set_t *)(void *)mask->bits);
}

uint32_t bp_quota_affinity(void)
{
    bp_cpu_set mask;

    bp_quota_mask(&mask);
    uint32_t count = bp_cpu_set_common(&mask, &mask);
    return count ? count : 1;
}

/* ------------------------------------------------------------------------------------------------------------- quota */

/* Both versions say quota and period in microseconds; "max" or -1 is no quota. Returns CPUs, 0 for none. */
static double cpus_of(const char *quota, size_t quota_length, const char *period)
{
    uint64_t time, of;

    if (!bp_text_parse_u64(quota, quota_length, &time) || !bp_text_parse_u64(period, strlen(period), &of) || !time || !of)
        return 0;
    return (double)time / (double)of;
}

static double limit_of_v2(const char *group)
{
    char path[PATH_MAX], line[128];

    if (!bp_cgroup_file(path, sizeof path, group, "/cpu.max") || !bp_system_line(path, line, sizeof line))
        return 0;
    const char *space = strchr(line, ' ');
    return space ? cpus_of(line, (size_t)(space - line), space + 1) : 0;
}

static double limit_of_v1(const char *group)
{
    char path[PATH_MAX], quota[64], period[64];

    if (!bp_cgroup_file(path, sizeof path, group, "/cpu.cfs_quota_us") || !bp_system_line(path, quota, sizeof quota))
        return 0;
    if (!bp_cgroup_file(path, sizeof path, group, "/cpu.cfs_period_us") || !bp_system_line(path, period, sizeof period))
        return 0;
    return cpus_of(quota, strlen(quota), period);
}

/* ------------------------------------------------------------------------------------------------------------ answer */

static double limit_of(const char *group, bool v2)
{
    return v2 ? limit_of_v2(group) : limit_of_v1(group);
}

static uint32_t round_up(double limit)
{
    return limit < (double)UINT32_MAX - 1 ? (uint32_t)limit + ((double)(uint32_t)limit < limit) : UINT32_MAX;
}

void bp_quota_read(const char *root, uint32_t affinity, bp_quota *quota)
{
    char number[32];

    *quota = (bp_quota){.affinity = affinity ? affinity : 1};
    quota->limit = bp_cgroup_tightest(root, "cpu", limit_of);
    quota->usable = quota->affinity;
    if (quota->limit > 0 && round_up(quota->limit) < quota->affinity) {
        quota->usable = round_up(quota->limit);
        bp_text_f64(quota->limit, number);
        snprintf(quota->reason, sizeof quota->reason, "cgroup quota of %s CPUs", number);
    } else {
        snprintf(quota->reason, sizeof quota->reason, "affinity mask of %u CPUs", quota->affinity);
    }
}
