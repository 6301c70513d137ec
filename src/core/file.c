/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* realpath, getentropy */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "memory.h"
#include "size.h"

static int open_file(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

const bp_file_calls bp_file_system = {
    .open = open_file,
    .read = read,
    .write = write,
    .fsync = fsync,
    .fstat = fstat,
    .lstat = lstat,
    .fchmod = fchmod,
    .rename = rename,
    .unlink = unlink,
    .close = close,
};

const bp_file_calls *bp_file_table = &bp_file_system;

static int open_again(const char *path, int flags, mode_t mode)
{
    int fd;

    do
        fd = bp_file_table->open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

void bp_file_close(int fd)
{
    bp_file_table->close(fd);
}

/* ---------------------------------------------------------------------------------------------------------- reading */

static bp_status open_with_status(const char *path, int *fd, struct stat *status, bp_error *error)
{
    int opened = open_again(path, O_RDONLY, 0);

    if (opened < 0)
        return bp_fail_system(error, errno, "%s: cannot be opened", path);
    if (bp_file_table->fstat(opened, status)) {
        int number = errno;
        bp_file_close(opened);
        return bp_fail_system(error, number, "%s: cannot be looked at", path);
    }
    if (S_ISDIR(status->st_mode)) {
        bp_file_close(opened);
        return bp_fail(error, BP_BAD_FILE, "%s: a directory, where a file is needed", path);
    }
    *fd = opened;
    return BP_OK;
}

bp_status bp_file_open_read(const char *path, int *fd, uint64_t *size, bp_error *error)
{
    struct stat status;

    BP_TRY(open_with_status(path, fd, &status, error));
    if (size)
        *size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    return BP_OK;
}

bp_status bp_file_read(int fd, void *buffer, size_t size, size_t *got, const char *path, bp_error *error)
{
    size_t done = 0;

    while (done < size) {
        ssize_t step = bp_file_table->read(fd, (char *)buffer + done, bp_size_min(size - done, SSIZE_MAX));
        if (step == 0)
            break;
        if (step > 0)
            done += (size_t)step;
        else if (errno != EINTR)
            return bp_fail_system(error, errno, "%s: cannot be read", path); /* `done` need not be the file's offset */
    }
    *got = done;
    return BP_OK;
}

/* One block of known size, given back here where the content does not come. */
static bp_status read_sized(int fd, const char *path, const bp_allocator *allocator, size_t size, void **bytes, bp_error *error)
{
    size_t got = 0;
    void *block = bp_allocate(allocator, size);

    if (!block)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", path, size);
    bp_status status = bp_file_read(fd, block, size, &got, path, error);
    if (status == BP_OK && got < size)
        status = bp_fail_offset(error, path, got, "the file ends, though it had %zu bytes when it was opened", size);
    if (status != BP_OK) {
        bp_release(allocator, block, size);
        return status;
    }
    *bytes = block;
    return BP_OK;
}

/* Reads to the end into a block that grows; *block and *capacity are the caller's to free, whatever comes. */
static bp_status read_growing(int fd, const char *path, const bp_allocator *allocator, size_t limit, void **block, size_t *capacity,
                              size_t *size, bp_error *error)
{
    size_t used = 0, got;

    do {
        if (used > limit)
            return bp_fail(error, BP_BAD_FILE, "%s: more than %zu bytes", path, limit);
        BP_TRY(bp_grow(allocator, block, capacity, used + 65536, error));
        BP_TRY(bp_file_read(fd, (char *)*block + used, *capacity - used, &got, path, error));
        used += got;
    } while (used == *capacity);
    if (used > limit)
        return bp_fail(error, BP_BAD_FILE, "%s: more than %zu bytes", path, limit);
    *size = used;
    return BP_OK;
}

/* A pipe, or a file of /proc, tells no size beforehand. */
static bp_status read_stream(int fd, const char *path, const bp_allocator *allocator, size_t limit, void **bytes, size_t *size,
                             bp_error *error)
{
    void *block = NULL, *exact = NULL;
    size_t capacity = 0, used = 0;
    bp_status status = read_growing(fd, path, allocator, limit, &block, &capacity, &used, error);

    if (status == BP_OK && !(exact = bp_allocate(allocator, used)))
        status = bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", path, used);
    if (status == BP_OK) {
        memcpy(exact, block, used);
        *bytes = exact;
        *size = used;
    }
    bp_release(allocator, block, capacity);
    return status;
}

bp_status bp_file_read_whole(const char *path, const bp_allocator *allocator, size_t limit, void **bytes, size_t *size,
                             bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    struct stat file;
    bp_status status;
    int fd;

    BP_TRY(open_with_status(path, &fd, &file, error));
    if (!S_ISREG(file.st_mode) || file.st_size == 0) {
        status = read_stream(fd, path, &memory, limit, bytes, size, error);
    } else if ((uintmax_t)file.st_size > limit) {
        status = bp_fail(error, BP_BAD_FILE, "%s: %jd bytes, more than %zu", path, (intmax_t)file.st_size, limit);
    } else {
        status = read_sized(fd, path, &memory, (size_t)file.st_size, bytes, error);
        if (status == BP_OK)
            *size = (size_t)file.st_size;
    }
    bp_file_close(fd);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- replacing */

typedef struct replacement {
    const char *name;         /* as the caller has it, for messages */
    char target[PATH_MAX];    /* the file itself, links resolved */
    char directory[PATH_MAX]; /* with its last '/' unless it is "." */
    char temporary[PATH_MAX + 64];
    mode_t mode;
    bool exists;
} replacement;

/* The target's directory, taken from its name. */
static void split_directory(replacement *r)
{
    const char *slash = strrchr(r->target, '/');
    size_t length = slash ? (size_t)(slash - r->target) + 1 : 0;

    memcpy(r->directory, slash ? r->target : ".", slash ? length : 1);
    r->directory[slash ? length : 1] = 0;
}

/* Where the bytes will go, and whether something is there that must not be replaced. */
static bp_status find_target(replacement *r, bp_error *error)
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

static bp_status open_temporary(replacement *r, int *fd, bp_error *error)
{
    int opened = -1;

    for (int attempt = 0; attempt < 100 && opened < 0; attempt++) {
        snprintf(r->temporary, sizeof r->temporary, "%s%s.backprop-%016llx.tmp", r->directory,
                 strcmp(r->directory, ".") == 0 ? "/" : "", (unsigned long long)random_name());
        opened = open_again(r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, r->mode);
        if (opened < 0 && errno != EEXIST)
            break;
    }
    if (opened < 0)
        return bp_fail_system(error, errno, "%s: a file beside it cannot be created", r->name);
    *fd = opened;
    return BP_OK;
}

static bp_status write_piece(int fd, const bp_file_piece *piece, const char *name, bp_error *error)
{
    const char *at = piece->data;
    size_t left = piece->size;

    while (left > 0) {
        ssize_t step = bp_file_table->write(fd, at, bp_size_min(left, SSIZE_MAX));
        if (step > 0) {
            at += step;
            left -= (size_t)step;
        } else if (step == 0 || errno != EINTR) {
            return bp_fail_system(error, step == 0 ? ENOSPC : errno, "%s: cannot be written; the old content, if any, is untouched",
                                  name);
        }
    }
    return BP_OK;
}

static int sync_again(int fd)
{
    int result;

    do
        result = bp_file_table->fsync(fd);
    while (result && errno == EINTR);
    return result;
}

static bp_status fill_temporary(const replacement *r, int fd, const bp_file_piece *pieces, size_t count, bp_error *error)
{
    if (r->exists && bp_file_table->fchmod(fd, r->mode))
        return bp_fail_system(error, errno, "%s: its permissions cannot be kept", r->name);
    for (size_t i = 0; i < count; i++)
        BP_TRY(write_piece(fd, &pieces[i], r->name, error));
    if (sync_again(fd))
        return bp_fail_system(error, errno, "%s: cannot be synced to disk; the old content, if any, is untouched", r->name);
    return BP_OK;
}

static bp_status write_temporary(replacement *r, const bp_file_piece *pieces, size_t count, bp_error *error)
{
    int fd = -1;

    BP_TRY(open_temporary(r, &fd, error));
    bp_status status = fill_temporary(r, fd, pieces, count, error);
    /* A network file system may tell only now that it lost bytes; after EINTR the descriptor is closed all the same. */
    if (bp_file_table->close(fd) && errno != EINTR && status == BP_OK)
        status = bp_fail_system(error, errno, "%s: cannot be closed; the old content, if any, is untouched", r->name);
    if (status != BP_OK)
        bp_file_table->unlink(r->temporary);
    return status;
}

/* From here on the new content counts. A file system that cannot sync directories says EINVAL: there is nothing to wait for. */
static bp_status put_in_place(const replacement *r, int directory, bp_error *error)
{
    if (bp_file_table->rename(r->temporary, r->target)) {
        int number = errno;
        bp_file_table->unlink(r->temporary);
        return bp_fail_system(error, number, "%s: cannot be replaced", r->name);
    }
    if (sync_again(directory) && errno != EINVAL)
        return bp_fail_system(error, errno, "%s: is replaced, but its directory cannot be synced to disk", r->name);
    return BP_OK;
}

bp_status bp_file_replace(const char *path, const bp_file_piece *pieces, size_t count, bp_error *error)
{
    replacement r = {.name = path};

    BP_TRY(find_target(&r, error));
    /* Opened before anything is written, so that its refusal still leaves everything as it was. */
    int directory = open_again(r.directory, O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0)
        return bp_fail_system(error, errno, "%s: its directory cannot be opened", path);
    bp_status status = write_temporary(&r, pieces, count, error);
    if (status == BP_OK)
        status = put_in_place(&r, directory, error);
    bp_file_close(directory);
    return status;
}
