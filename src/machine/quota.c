/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "quota.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "text.h"

/* ---------------------------------------------------------------------------------------------------- affinity mask */

uint32_t bp_quota_affinity(void)
{
    /* Linux is built for at most 8192 CPUs; a mask below the kernel's own size would be refused, a larger one is not. */
    unsigned char mask[65536 / CHAR_BIT] = {0};
    uint32_t count = 0;

    if (sched_getaffinity(0, sizeof mask, (cpu_set_t *)(void *)mask))
        return 1;
    for (size_t i = 0; i < sizeof mask; i++)
        count += (uint32_t)__builtin_popcount(mask[i]);
    return count ? count : 1;
}

/* ------------------------------------------------------------------------------------------------------------- lines */

/* A text file of the system's, line by line, in a fixed buffer: nothing is allocated. */
typedef struct {
    int fd;
    size_t begin, end; /* of what is read and not yet given out */
    char buffer[2 * PATH_MAX];
} line_reader;

static bool open_lines(line_reader *lines, const char *path)
{
    lines->begin = lines->end = 0;
    return bp_file_open_read(path, &lines->fd, NULL, NULL) == BP_OK;
}

/* Reads on behind what is there; false at the end of the file, or where the buffer is full. */
static bool fill(line_reader *lines)
{
    size_t got = 0;

    memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    (void)bp_file_read(lines->fd, lines->buffer + lines->end, sizeof lines->buffer - 1 - lines->end, &got, "", NULL);
    lines->end += got;
    return got > 0;
}

/* The next line without its end, or NULL. A line longer than the buffer comes in pieces, which no parser below takes. */
static char *next_line(line_reader *lines)
{
    char *newline;

    while (!(newline = memchr(lines->buffer + lines->begin, '\n', lines->end - lines->begin)) && fill(lines))
        ;
    char *line = lines->buffer + lines->begin;
    if (lines->begin == lines->end)
        return NULL;
    if (newline) {
        lines->begin = (size_t)(newline - lines->buffer) + 1;
    } else {
        newline = lines->buffer + lines->end;
        lines->begin = lines->end;
    }
    *newline = 0;
    return line;
}

/* The first line of a small file in `line`; false where there is none. */
static bool read_line(const char *path, char *line, size_t capacity)
{
    line_reader lines;
    const char *first = NULL;

    if (!open_lines(&lines, path))
        return false;
    first = next_line(&lines);
    if (first)
        snprintf(line, capacity, "%s", first);
    bp_file_close(lines.fd);
    return first != NULL;
}

/* ------------------------------------------------------------------------------------------------------------ groups */

/* Both versions say quota and period in microseconds; "max" or -1 is no quota. Returns CPUs, 0 for none. */
static double cpus_of(const char *quota, size_t quota_length, const char *period)
{
    uint64_t time, of;

    if (!bp_text_parse_u64(quota, quota_length, &time) || !bp_text_parse_u64(period, strlen(period), &of) || !time || !of)
        return 0;
    return (double)time / (double)of;
}

/* Joins up to three texts; false where they do not fit. */
static bool join(char *path, size_t capacity, const char *a, const char *b, const char *c)
{
    int length = snprintf(path, capacity, "%s%s%s", a, b, c);
    return length >= 0 && (size_t)length < capacity;
}

static double limit_of_v2(const char *group)
{
    char path[PATH_MAX], line[128];

    if (!join(path, sizeof path, group, "/cpu.max", "") || !read_line(path, line, sizeof line))
        return 0;
    const char *space = strchr(line, ' ');
    return space ? cpus_of(line, (size_t)(space - line), space + 1) : 0;
}

static double limit_of_v1(const char *group)
{
    char path[PATH_MAX], quota[64], period[64];

    if (!join(path, sizeof path, group, "/cpu.cfs_quota_us", "") || !read_line(path, quota, sizeof quota))
        return 0;
    if (!join(path, sizeof path, group, "/cpu.cfs_period_us", "") || !read_line(path, period, sizeof period))
        return 0;
    return cpus_of(quota, strlen(quota), period);
}

/* The smaller of two limits, where 0 is none. */
static double tighter(double a, double b)
{
    return b == 0 || (a > 0 && a < b) ? a : b;
}

/* The tightest limit from `group` up to its first `top` characters, the mount point. */
static double limit_upwards(char *group, size_t top, bool v2)
{
    double limit = 0;

    for (;;) {
        limit = tighter(limit, v2 ? limit_of_v2(group) : limit_of_v1(group));
        char *slash = strrchr(group, '/');
        if (!slash || (size_t)(slash - group) < top)
            return limit;
        *slash = 0;
    }
}

/* Whether `word` stands in a list that is separated by commas. */
static bool lists(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, word, length) && (!at[length] || at[length] == ','))
            return true;
    }
    return false;
}

/* The process's own group in the hierarchy of version 2 or of version 1's cpu controller; lines are ID:CONTROLLERS:PATH. */
static bool own_group(const char *root, bool v2, char *group, size_t capacity)
{
    char path[PATH_MAX];
    line_reader lines;
    char *line;
    bool found = false;

    if (!join(path, sizeof path, root, "/proc/self/cgroup", "") || !open_lines(&lines, path))
        return false;
    while (!found && (line = next_line(&lines))) {
        char *controllers = strchr(line, ':');
        char *name = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!name)
            continue;
        *name++ = 0;
        found = (v2 ? !strcmp(line, "0:") : lists(controllers + 1, "cpu")) && join(group, capacity, name, "", "");
    }
    bp_file_close(lines.fd);
    return found;
}

/* What mountinfo says of one mount; texts lie in the line. See proc(5). */
typedef struct {
    char *root;  /* the directory of the hierarchy that is mounted */
    char *point; /* where */
    char *type;
    char *options;
} mount_line;

static bool parse_mount(char *line, mount_line *mount)
{
    char *words[6], *rest = NULL;
    char *behind = strstr(line, " - ");

    if (!behind)
        return false;
    *behind = 0;
    for (size_t i = 0; i < 5; i++)
        if (!(words[i] = strtok_r(i ? NULL : line, " ", &rest)))
            return false;
    mount->root = words[3];
    mount->point = words[4];
    mount->type = strtok_r(behind + 3, " ", &rest);
    strtok_r(NULL, " ", &rest); /* the source */
    mount->options = strtok_r(NULL, " ", &rest);
    return mount->type && mount->options;
}

/* `group` as seen from the mounted directory: its own path below it, or "" where it is not below, as in a container
 * that sees its group as the top. */
static const char *below(const char *group, const char *mounted)
{
    size_t length = strcmp(mounted, "/") ? strlen(mounted) : 0;

    if (strncmp(group, mounted, length) || strstr(group, "..") || !strcmp(group + length, "/"))
        return "";
    return group[length] == '/' ? group + length : "";
}

static double limit_of_mount(const char *root, char *line, const char *group, bool v2)
{
    char path[PATH_MAX];
    mount_line mount;

    if (!parse_mount(line, &mount) || strcmp(mount.type, v2 ? "cgroup2" : "cgroup") || (!v2 && !lists(mount.options, "cpu")))
        return 0;
    if (!join(path, sizeof path, root, mount.point, below(group, mount.root)))
        return 0;
    return limit_upwards(path, strlen(root) + strlen(mount.point), v2);
}

static double limit_of_version(const char *root, bool v2)
{
    char group[PATH_MAX], path[PATH_MAX];
    line_reader lines;
    double limit = 0;
    char *line;

    if (!own_group(root, v2, group, sizeof group))
        return 0;
    if (!join(path, sizeof path, root, "/proc/self/mountinfo", "") || !open_lines(&lines, path))
        return 0;
    while ((line = next_line(&lines)))
        limit = tighter(limit, limit_of_mount(root, line, group, v2));
    bp_file_close(lines.fd);
    return limit;
}

/* ------------------------------------------------------------------------------------------------------------ answer */

static uint32_t round_up(double limit)
{
    return limit < (double)UINT32_MAX - 1 ? (uint32_t)limit + ((double)(uint32_t)limit < limit) : UINT32_MAX;
}

void bp_quota_read(const char *root, uint32_t affinity, bp_quota *quota)
{
    char number[32];

    *quota = (bp_quota){.affinity = affinity ? affinity : 1};
    quota->limit = tighter(limit_of_version(root, true), limit_of_version(root, false));
    quota->usable = quota->affinity;
    if (quota->limit > 0 && round_up(quota->limit) < quota->affinity) {
        quota->usable = round_up(quota->limit);
        bp_text_f64(quota->limit, number);
        snprintf(quota->reason, sizeof quota->reason, "cgroup quota of %s CPUs", number);
    } else {
        snprintf(quota->reason, sizeof quota->reason, "affinity mask of %u CPUs", quota->affinity);
    }
}
