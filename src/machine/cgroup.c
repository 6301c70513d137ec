/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* strtok_r */
#include "cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "text.h"

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
bool bp_system_line(const char *path, char *line, size_t capacity)
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

bool bp_system_number(const char *path, const char *key, uint64_t *value)
{
    size_t length = strlen(key);
    line_reader lines;
    bool found = false;
    const char *line;

    if (!open_lines(&lines, path))
        return false;
    while (!found && (line = next_line(&lines)))
        if (strncmp(line, key, length) == 0) {
            const char *number = line + length + strspn(line + length, " ");
            found = bp_text_parse_u64(number, strspn(number, "0123456789"), value);
        }
    bp_file_close(lines.fd);
    return found;
}

/* ------------------------------------------------------------------------------------------------------------ groups */

/* Joins up to three texts; false where they do not fit. */
static bool join(char *path, size_t capacity, const char *a, const char *b, const char *c)
{
    int length = snprintf(path, capacity, "%s%s%s", a, b, c);
    return length >= 0 && (size_t)length < capacity;
}

bool bp_cgroup_file(char *path, size_t capacity, const char *group, const char *name)
{
    return join(path, capacity, group, name, "");
}

/* Which groups are meant, and what of them. */
typedef struct hierarchy {
    const char *root;
    const char *controller;
    bool v2;
    bp_cgroup_limit *limit;
} hierarchy;

/* The smaller of two limits, where 0 is none. */
static double tighter(double a, double b)
{
    return b == 0 || (a > 0 && a < b) ? a : b;
}

/* The tightest limit from `group` up to its first `top` characters, the mount point. */
static double limit_upwards(const hierarchy *h, char *group, size_t top)
{
    double limit = 0;

    for (;;) {
        limit = tighter(limit, h->limit(group, h->v2));
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

/* The process's own group in the hierarchy of version 2 or of version 1's controller; lines are ID:CONTROLLERS:PATH. */
static bool own_group(const hierarchy *h, char *group, size_t capacity)
{
    char path[PATH_MAX];
    line_reader lines;
    char *line;
    bool found = false;

    if (!join(path, sizeof path, h->root, "/proc/self/cgroup", "") || !open_lines(&lines, path))
        return false;
    while (!found && (line = next_line(&lines))) {
        char *controllers = strchr(line, ':');
        char *name = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!name)
            continue;
        *name++ = 0;
        found = (h->v2 ? !strcmp(line, "0:") : lists(controllers + 1, h->controller)) && join(group, capacity, name, "", "");
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

static double limit_of_mount(const hierarchy *h, char *line, const char *group)
{
    char path[PATH_MAX];
    mount_line mount;

    if (!parse_mount(line, &mount) || strcmp(mount.type, h->v2 ? "cgroup2" : "cgroup") ||
        (!h->v2 && !lists(mount.options, h->controller)))
        return 0;
    if (!join(path, sizeof path, h->root, mount.point, below(group, mount.root)))
        return 0;
    return limit_upwards(h, path, strlen(h->root) + strlen(mount.point));
}

static double limit_of_hierarchy(const hierarchy *h)
{
    char group[PATH_MAX], path[PATH_MAX];
    line_reader lines;
    double limit = 0;
    char *line;

    if (!own_group(h, group, sizeof group))
        return 0;
    if (!join(path, sizeof path, h->root, "/proc/self/mountinfo", "") || !open_lines(&lines, path))
        return 0;
    while ((line = next_line(&lines)))
        limit = tighter(limit, limit_of_mount(h, line, group));
    bp_file_close(lines.fd);
    return limit;
}

double bp_cgroup_tightest(const char *root, const char *controller, bp_cgroup_limit *limit)
{
    double old = limit_of_hierarchy(&(hierarchy){root, controller, false, limit});
    return tighter(limit_of_hierarchy(&(hierarchy){root, controller, true, limit}), old);
}
