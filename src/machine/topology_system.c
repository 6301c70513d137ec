/* The machine as the kernel's files tell it, below /sys/devices/system (Documentation/ABI/stable/sysfs-devices-system-cpu):
 *
 *      cpu/cpuC/topology/thread_siblings_list    CPUs of C's core, "0,64"      core_siblings_list    of its package
 *      cpu/cpuC/cache/indexI/                    level, type, size, shared_cpu_list
 *      node/online                               NUMA nodes, "0-1"             node/nodeN/cpulist    CPUs of one
 *
 * The first CPU of a core stands for it: cores are a set of CPUs too.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* PATH_MAX */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cgroup.h"
#include "text.h"
#include "topology.h"

#define CPUS ((uint32_t)sizeof(bp_cpu_set) * 8)

typedef struct files {
    const char *root;
    char line[4096]; /* the last that was read; 512 CPUs fit, even if every other one is listed */
} files;

/* -------------------------------------------------------------------------------------------------------------- sets */

static void add(bp_cpu_set *set, uint64_t cpu)
{
    set->bits[cpu / 8] = (uint8_t)(set->bits[cpu / 8] | 1u << cpu % 8);
}

/* The first CPU from `cpu` on; CPUS where there is none. */
static uint32_t next(const bp_cpu_set *set, uint32_t cpu)
{
    while (cpu < CPUS && !(set->bits[cpu / 8] >> cpu % 8 & 1))
        cpu += set->bits[cpu / 8] >> cpu % 8 ? 1 : 8 - cpu % 8;
    return cpu;
}

/* Whether `cpu` is the first that is in both. */
static bool leads(uint32_t cpu, const bp_cpu_set *list, const bp_cpu_set *among)
{
    unsigned both = list->bits[cpu / 8] & among->bits[cpu / 8];

    for (uint32_t i = 0; i < cpu / 8; i++)
        if (list->bits[i] & among->bits[i])
            return false;
    return (both & -both) == 1u << cpu % 8;
}

/* Takes a number off the text. */
static bool take_number(const char **text, uint64_t *number)
{
    size_t digits = strspn(*text, "0123456789");
    bool taken = bp_text_parse_u64(*text, digits, number);

    *text += digits;
    return taken;
}

/* Takes "3" or "0-3". */
static bool take_range(const char **text, bp_cpu_set *set)
{
    uint64_t first, last;

    if (!take_number(text, &first))
        return false;
    last = first;
    if (**text == '-' && (++*text, !take_number(text, &last)))
        return false;
    if (last >= CPUS)
        return false;
    for (; first <= last; first++)
        add(set, first);
    return true;
}

static bool parse_list(const char *text, bp_cpu_set *set)
{
    memset(set, 0, sizeof *set);
    do
        if (!take_range(&text, set))
            return false;
    while (*text++ == ',');
    return text[-1] == 0;
}

/* ------------------------------------------------------------------------------------------------------------- files */

/* The line of a file below ROOT/sys/devices/system; false where there is none, or a longer one. */
__attribute__((format(printf, 2, 3))) static bool read_line(files *f, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;

    int used = snprintf(path, sizeof path, "%s/sys/devices/system/", f->root);
    if (used < 0 || (size_t)used >= sizeof path)
        return false;
    va_start(arguments, format);
    int length = vsnprintf(path + used, sizeof path - (size_t)used, format, arguments);
    va_end(arguments);
    return length > 0 && (size_t)length < sizeof path - (size_t)used && bp_system_line(path, f->line, sizeof f->line) &&
           strlen(f->line) < sizeof f->line - 1;
}

static bool read_cpus(files *f, uint32_t cpu, const char *name, bp_cpu_set *set)
{
    return read_line(f, "cpu/cpu%lu/topology/%s", (unsigned long)cpu, name) && parse_list(f->line, set);
}

static bool read_of_cache(files *f, uint32_t cpu, unsigned index, const char *name)
{
    return read_line(f, "cpu/cpu%lu/cache/index%u/%s", (unsigned long)cpu, index, name);
}

/* -------------------------------------------------------------------------------------------------- cores and nodes */

static bool find_cores(files *f, const bp_cpu_set *mask, bp_cpu_set *cores)
{
    bp_cpu_set siblings;

    memset(cores, 0, sizeof *cores);
    for (uint32_t cpu = next(mask, 0); cpu < CPUS; cpu = next(mask, cpu + 1)) {
        if (!read_cpus(f, cpu, "thread_siblings_list", &siblings))
            return false;
        if (leads(cpu, &siblings, mask))
            add(cores, cpu);
    }
    return bp_cpu_set_common(cores, cores) > 0;
}

static uint32_t count_packages(files *f, const bp_cpu_set *cores)
{
    uint32_t found = 0;
    bp_cpu_set package;

    for (uint32_t cpu = next(cores, 0); cpu < CPUS; cpu = next(cores, cpu + 1))
        found += read_cpus(f, cpu, "core_siblings_list", &package) && leads(cpu, &package, cores);
    return found ? found : 1;
}

static uint32_t count_nodes(files *f, const bp_cpu_set *mask)
{
    bp_cpu_set online, cpus;
    uint32_t found = 0;

    if (!read_line(f, "node/online") || !parse_list(f->line, &online))
        return 1;
    for (uint32_t node = next(&online, 0); node < CPUS; node = next(&online, node + 1))
        found += read_line(f, "node/node%lu/cpulist", (unsigned long)node) && parse_list(f->line, &cpus) &&
                 bp_cpu_set_common(&cpus, mask) > 0;
    return found ? found : 1;
}

/* ------------------------------------------------------------------------------------------------------------ caches */

/* 0 for what is no cache of data of these levels. */
static size_t level_of(files *f, uint32_t cpu, unsigned index)
{
    static const char *const levels[] = {"1", "2", "3"};
    size_t level = 3;

    if (read_of_cache(f, cpu, index, "level"))
        while (level && strcmp(f->line, levels[level - 1]) != 0)
            level--;
    return read_of_cache(f, cpu, index, "type") && strcmp(f->line, "Instruction") != 0 ? level : 0;
}

/* In bytes; the file has kilobytes, "48K". 0 where it does not tell. */
static uint64_t size_of(files *f, uint32_t cpu, unsigned index)
{
    const char *text = f->line;
    uint64_t size;

    if (!read_of_cache(f, cpu, index, "size") || !take_number(&text, &size) || strcmp(text, "K") != 0 || size > UINT32_MAX)
        return 0;
    return size << 10;
}

static void find_caches(files *f, const bp_cpu_set *cores, bp_cache_choice levels[3])
{
    bp_cpu_set sharing;

    for (uint32_t cpu = next(cores, 0); cpu < CPUS; cpu = next(cores, cpu + 1))
        for (unsigned index = 0; read_of_cache(f, cpu, index, "shared_cpu_list"); index++) {
            if (!parse_list(f->line, &sharing) || !leads(cpu, &sharing, cores)) /* told by another CPU */
                continue;
            size_t level = level_of(f, cpu, index);
            if (level)
                bp_cache_choose(&levels[level - 1], size_of(f, cpu, index), bp_cpu_set_common(&sharing, cores));
        }
}

bool bp_topology_by_system(const char *root, const bp_cpu_set *mask, bp_topology *result)
{
    files f = {.root = root};
    bp_cpu_set cores;

    if (!find_cores(&f, mask, &cores))
        return false;
    *result = bp_topology_of(bp_cpu_set_common(&cores, &cores));
    result->threads = bp_cpu_set_common(mask, mask);
    result->packages = count_packages(&f, &cores);
    result->numa_nodes = count_nodes(&f, mask);
    result->reported = true;
    find_caches(&f, &cores,
                (bp_cache_choice[3]){{&result->l1_bytes, &result->l1_sharing, false},
                                     {&result->l2_bytes, &result->l2_sharing, false},
                                     {&result->l3_bytes, &result->l3_sharing, false}});
    return true;
}
