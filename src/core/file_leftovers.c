/* Temporary files of processes that were killed: which they are, and their end.
 *
 * A writer holds a lock (flock) on its temporary file from its making to its renaming. The system ends the lock with the process,
 * however that ends, so a file whose lock can be had has no writer any more. Where a file system has no such locks, nobody gets
 * one, and nothing is removed.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* getdents64: a directory is read without opendir's memory */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "file.h"

int bp_temporary_lock(int fd, int *lock_fd)
{
    struct stat status;

    if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return EEXIST;
    if (bp_file_table->fstat(fd, &status))
        return errno;
    if (status.st_nlink == 0)
        return EEXIST;
    *lock_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return *lock_fd < 0 ? errno : 0;
}

static bool is_temporary(const char *name)
{
    char pattern[32];
    size_t length = (size_t)snprintf(pattern, sizeof pattern, BP_TEMPORARY_FORMAT, 0ULL);
    const char *random = strchr(pattern, '0');
    size_t before = (size_t)(random - pattern), digits = 16;

    return strlen(name) == length && memcmp(name, pattern, before) == 0 && strspn(name + before, "0123456789abcdef") == digits &&
           strcmp(name + before + digits, random + digits) == 0;
}

static bool is_dead(int fd)
{
    struct stat status;

    return bp_file_table->fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void remove_dead(const char *directory, const char *name)
{
    char path[PATH_MAX + 64];
    int fd;

    snprintf(path, sizeof path, "%s%s%s", directory, strcmp(directory, ".") == 0 ? "/" : "", name);
    fd = bp_file_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (is_dead(fd))
        bp_file_table->unlink(path);
    bp_file_close(fd);
}

void bp_leftovers_remove(const char *directory, int directory_fd)
{
    _Alignas(struct dirent64) char entries[8192];
    ssize_t size;

    while ((size = getdents64(directory_fd, entries, sizeof entries)) > 0)
        for (const char *at = entries; at < entries + size;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)at;
            if (is_temporary(entry->d_name))
                remove_dead(directory, entry->d_name);
            at += entry->d_reclen;
        }
}
