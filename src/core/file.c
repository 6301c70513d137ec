/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* pread */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "memory.h"
#include "size.h"

static int open_file(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int advise_file(int fd, off_t offset, off_t size)
{
    return posix_fadvise(fd, offset, size, POSIX_FADV_WILLNEED);
}

const bp_file_calls bp_file_system = {
    .open = open_file,
    .read = read,
    .pread = pread,
    .advise = advise_file,
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

int bp_file_open(const char *path, int flags, mode_t mode)
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
    int opened = bp_file_open(path, O_RDONLY, 0);

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

bool bp_file_is_regular(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
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

/* Linux takes no more of one advice than a device reads ahead by itself, 128 KiB unless told. */
#define ADVISED ((uint64_t)128 << 10)

void bp_file_will_need(int fd, uint64_t offset, uint64_t size)
{
    for (uint64_t done = 0; done < size; done += ADVISED)
        bp_file_table->advise(fd, (off_t)(offset + done), (off_t)bp_size_min(size - done, ADVISED));
}

bp_status bp_file_read_at(int fd, uint64_t offset, void *buffer, size_t size, const char *path, bp_error *error)
{
    size_t done = 0;

    while (done < size) {
        ssize_t step = bp_file_table->pread(fd, (char *)buffer + done, bp_size_min(size - done, SSIZE_MAX), (off_t)(offset + done));
        if (step == 0)
            return bp_fail_offset(error, path, offset + done, "the file ends, though it had more bytes when it was opened");
        if (step > 0)
            done += (size_t)step;
        else if (errno != EINTR)
            return bp_fail_system(error, errno, "%s: cannot be read", path);
    }
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
