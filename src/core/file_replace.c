/* Replacing a file: see file.h for the steps.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* realpath, getentropy */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "size.h"

/* The target's directory, taken from its name. */
static void split_directory(bp_replacement *r)
{
    const char *slash = strrchr(r->target, '/');
    size_t length = slash ? (size_t)(slash - r->target) + 1 : 0;

    memcpy(r->directory, slash ? r->target : ".", slash ? length : 1);
    r->directory[slash ? length : 1] = 0;
}

/* Where the bytes will go, and whether something is there that must not be replaced. */
static bp_status find_target(bp_replacement *r, bp_error *error)
{
    struct stat status;

    if (strlen(r->name) >= sizeof r->target)
        return bp_fail_system(error, ENAMETOOLONG, "%.500s: cannot be written", r->name);
    if (!realpath(r->name, r->target)) {
        if (errno != ENOENT)
            return bp_fail_system(error, errno, "%s: cannot be written", r->name);
        strcpy(r->target, r->name); /* nothing there yet, or a link to nothing */
    }
    split_directory(r);
    if (bp_file_table->lstat(r->target, &status)) {
        if (errno != ENOENT)
            return bp_fail_system(error, errno, "%s: cannot be looked at", r->name);
        r->mode = 0666;
        return BP_OK;
    }
    if (!S_ISREG(status.st_mode))
        return bp_fail(error, BP_INVALID, "%s: will not be replaced, since it is no regular file", r->name);
    r->mode = status.st_mode & 0777;
    r->exists = true;
    return BP_OK;
}

/* The name has to be free and hard to guess; O_EXCL makes sure of the first, so a weak fallback for the second will do. */
static uint64_t random_name(void)
{
    uint64_t bits;

    if (getentropy(&bits, sizeof bits)) {
        struct timespec now = {0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        bits = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 16;
    }
    return bits;
}

static void close_lock(const bp_replacement *r)
{
    close(r->lock_fd); /* a copy for the lock alone: nothing was written by it */
}

/* 0, or errno. */
static int try_temporary(bp_replacement *r)
{
    bool here = strcmp(r->directory, ".") == 0;

    snprintf(r->temporary, sizeof r->temporary, "%s" BP_TEMPORARY_FORMAT, here ? "./" : r->directory,
             (unsigned long long)random_name());
    r->fd = bp_file_open(r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, r->mode);
    if (r->fd < 0)
        return errno;
    int number = bp_temporary_lock(r->fd, &r->lock_fd);
    if (number) {
        bp_file_table->close(r->fd);
        bp_file_table->unlink(r->temporary);
    }
    return number;
}

static bp_status open_temporary(bp_replacement *r, bp_error *error)
{
    int number = EEXIST;

    for (int attempt = 0; attempt < 100 && number == EEXIST; attempt++)
        number = try_temporary(r);
    return number ? bp_fail_system(error, number, "%s: a file beside it cannot be created", r->name) : BP_OK;
}

bp_status bp_replacement_begin(bp_replacement *r, const char *path, bp_error *error)
{
    *r = (bp_replacement){.name = path, .fd = -1};
    BP_TRY(find_target(r, error));
    /* Opened before anything is written, so that its refusal still leaves everything as it was. */
    r->directory_fd = bp_file_open(r->directory, O_RDONLY | O_DIRECTORY, 0);
    if (r->directory_fd < 0)
        return bp_fail_system(error, errno, "%s: its directory cannot be opened", path);
    bp_leftovers_remove(r->directory, r->directory_fd);
    bp_status status = open_temporary(r, error);
    if (status != BP_OK) {
        bp_file_close(r->directory_fd);
        return status;
    }
    if (r->exists && bp_file_table->fchmod(r->fd, r->mode)) {
        status = bp_fail_system(error, errno, "%s: its permissions cannot be kept", path);
        bp_replacement_abandon(r);
    }
    return status;
}

bp_status bp_replacement_write(bp_replacement *r, const void *data, size_t size, bp_error *error)
{
    const char *at = data;

    while (size > 0) {
        ssize_t step = bp_file_table->write(r->fd, at, bp_size_min(size, SSIZE_MAX));
        if (step > 0) {
            at += step;
            size -= (size_t)step;
        } else if (step == 0 || errno != EINTR) {
            return bp_fail_system(error, step == 0 ? ENOSPC : errno, "%s: cannot be written; the old content, if any, is untouched",
                                  r->name);
        }
    }
    return BP_OK;
}

void bp_replacement_abandon(bp_replacement *r)
{
    bp_file_table->close(r->fd);
    bp_file_table->unlink(r->temporary);
    close_lock(r);
    bp_file_close(r->directory_fd);
}

static int sync_again(int fd)
{
    int result;

    do
        result = bp_file_table->fsync(fd);
    while (result && errno == EINTR);
    return result;
}

/* The temporary file is whole and on the disk. */
static bp_status finish_temporary(bp_replacement *r, bp_error *error)
{
    bp_status status = BP_OK;

    if (sync_again(r->fd))
        status = bp_fail_system(error, errno, "%s: cannot be synced to disk; the old content, if any, is untouched", r->name);
    /* A network file system may tell only now that it lost bytes; after EINTR the descriptor is closed all the same. */
    if (bp_file_table->close(r->fd) && errno != EINTR && status == BP_OK)
        status = bp_fail_system(error, errno, "%s: cannot be closed; the old content, if any, is untouched", r->name);
    if (status != BP_OK)
        bp_file_table->unlink(r->temporary);
    return status;
}

/* From here on the new content counts. A file system that cannot sync directories says EINVAL: there is nothing to wait for. */
static bp_status put_in_place(const bp_replacement *r, bp_error *error)
{
    if (bp_file_table->rename(r->temporary, r->target)) {
        int number = errno;
        bp_file_table->unlink(r->temporary);
        return bp_fail_system(error, number, "%s: cannot be replaced", r->name);
    }
    if (sync_again(r->directory_fd) && errno != EINVAL)
        return bp_fail_system(error, errno, "%s: is replaced, but its directory cannot be synced to disk", r->name);
    return BP_OK;
}

bp_status bp_replacement_commit(bp_replacement *r, bp_error *error)
{
    bp_status status = finish_temporary(r, error);

    if (status == BP_OK)
        status = put_in_place(r, error);
    close_lock(r);
    bp_file_close(r->directory_fd);
    return status;
}

bp_status bp_file_replace(const char *path, const bp_file_piece *pieces, size_t count, bp_error *error)
{
    bp_replacement r;

    BP_TRY(bp_replacement_begin(&r, path, error));
    for (size_t i = 0; i < count; i++) {
        bp_status status = bp_replacement_write(&r, pieces[i].data, pieces[i].size, error);
        if (status != BP_OK) {
            bp_replacement_abandon(&r);
            return status;
        }
    }
    return bp_replacement_commit(&r, error);
}
