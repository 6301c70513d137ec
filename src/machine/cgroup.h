/* Control groups, version 1 and 2, and the text files by which the system tells of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CGROUP_H
#define BP_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The limit that one group sets, its directory being `group`; 0: none. */
typedef double bp_cgroup_limit(const char *group, bool v2);

/* The smallest limit of the groups that ROOT/proc/self/cgroup and ROOT/proc/self/mountinfo name, each from the process's own up to
 * the topmost that can be seen; 0: none, also where nothing can be read. `controller` is version 1's. */
double bp_cgroup_tightest(const char *root, const char *controller, bp_cgroup_limit *limit);

/* "GROUP/NAME", name with its '/'; false where it does not fit. */
bool bp_cgroup_file(char *path, size_t capacity, const char *group, const char *name);

/* The first line of a small file in `line`; false where there is none. */
bool bp_system_line(const char *path, char *line, size_t capacity);

/* The whole number behind `key` at the beginning of a line; false where there is none. */
bool bp_system_number(const char *path, const char *key, uint64_t *value);

#endif
