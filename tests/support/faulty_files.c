/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* lstat, pread */
#include "faulty_files.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "file.h"

static faulty_files *active;

static bool fails(bool may_interrupt)
{
    size_t call = ++active->calls;

    if (active->interrupting && may_interrupt && call % 2) {
        errno = EINTR;
        return true;
    }
    errno = active->number;
    return call == active->fail_at;
}

static size_t portion(size_t size)
{
    return active->at_most && size > active->at_most ? active->at_most : size;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    return fails(true) ? -1 : bp_file_system.open(path, flags, mode);
}

static ssize_t faulty_read(int fd, void *buffer, size_t size)
{
    return fails(true) ? -1 : read(fd, buffer, portion(size));
}

static ssize_t faulty_pread(int fd, void *buffer, size_t size, off_t offset)
{
    return fails(true) ? -1 : pread(fd, buffer, portion(size), offset);
}

static ssize_t faulty_write(int fd, const void *bytes, size_t size)
{
    if (fails(true))
        return -1;
    size = portion(size);
    if (active->room && size > active->room - active->written)
        size = active->room - active->written;
    if (!size) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t done = write(fd, bytes, size);
    active->written += done > 0 ? (size_t)done : 0;
    active->synced = false;
    return done;
}

static int faulty_fsync(int fd)
{
    if (fails(true))
        return -1;
    active->synced = true;
    return fsync(fd);
}

static int faulty_fstat(int fd, struct stat *status)
{
    return fails(false) ? -1 : fstat(fd, status);
}

static int faulty_lstat(const char *path, struct stat *status)
{
    return fails(false) ? -1 : lstat(path, status);
}

static int faulty_fchmod(int fd, mode_t mode)
{
    return fails(false) ? -1 : fchmod(fd, mode);
}

static int faulty_rename(const char *from, const char *to)
{
    active->dropped_sync |= !active->synced;
    return fails(false) ? -1 : rename(from, to);
}

static int faulty_unlink(const char *path)
{
    return fails(false) ? -1 : unlink(path);
}

static int faulty_close(int fd)
{
    bool failing = fails(false);
    int number = errno, result = close(fd);

    errno = number;
    return failing ? -1 : result;
}

/* Its failure is nobody's. */
static int faulty_advise(int fd, off_t offset, off_t size)
{
    (void)fd, (void)offset, (void)size;
    return -1;
}

static const bp_file_calls faulty_calls = {
    .open = faulty_open,
    .read = faulty_read,
    .pread = faulty_pread,
    .advise = faulty_advise,
    .write = faulty_write,
    .fsync = faulty_fsync,
    .fstat = faulty_fstat,
    .lstat = faulty_lstat,
    .fchmod = faulty_fchmod,
    .rename = faulty_rename,
    .unlink = faulty_unlink,
    .close = faulty_close,
};

void faulty_files_begin(faulty_files *faults)
{
    active = faults;
    bp_file_table = &faulty_calls;
}

void faulty_files_end(void)
{
    bp_file_table = &bp_file_system;
}
