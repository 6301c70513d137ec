/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "memory_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "fuzz.h"

enum { FILES = 8, OPEN = 16 };

typedef struct memory_file {
    char name[300];
    const unsigned char *bytes; /* NULL: no file */
    unsigned char *own;         /* what was written */
    size_t size;
} memory_file;

typedef struct open_file {
    memory_file *file; /* NULL: closed */
    int fd;            /* a descriptor of the system's, with nothing behind it: the library may lock and double it */
    size_t at;
} open_file;

static memory_file files[FILES];
static open_file opened[OPEN];

static memory_file *find(const char *name)
{
    for (memory_file *file = files; file < files + FILES; file++)
        if (file->bytes && strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static memory_file *take(const char *name)
{
    memory_file *file = find(name);

    for (size_t i = 0; i < FILES && !file; i++)
        if (!files[i].bytes)
            file = &files[i];
    if (!file || strlen(name) >= sizeof file->name)
        fuzz_die("no room for a file named %s", name);
    free(file->own);
    *file = (memory_file){.bytes = (const unsigned char *)""};
    strcpy(file->name, name);
    return file;
}

static void drop(memory_file *file)
{
    free(file->own);
    *file = (memory_file){.bytes = NULL};
}

static int fail(int number)
{
    errno = number;
    return -1;
}

static open_file *opened_as(int fd)
{
    for (open_file *o = opened; o < opened + OPEN; o++)
        if (o->file && o->fd == fd)
            return o;
    fuzz_die("descriptor %d is not open", fd);
}

static int memory_open(const char *path, int flags, mode_t mode)
{
    memory_file *file = find(path);
    (void)mode;

    if (flags & O_DIRECTORY)
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* no file of the library's is there */
    if (flags & O_CREAT)
        file = take(path);
    for (open_file *o = opened; file && o < opened + OPEN; o++)
        if (!o->file) {
            *o = (open_file){.file = file, .fd = memfd_create("fuzz", MFD_CLOEXEC)};
            return o->fd;
        }
    return fail(file ? EMFILE : ENOENT);
}

static ssize_t memory_pread(int fd, void *buffer, size_t size, off_t offset)
{
    const memory_file *file = opened_as(fd)->file;

    if ((size_t)offset >= file->size)
        return 0;
    size = size < file->size - (size_t)offset ? size : file->size - (size_t)offset;
    memcpy(buffer, file->bytes + offset, size);
    return (ssize_t)size;
}

static ssize_t memory_read(int fd, void *buffer, size_t size)
{
    open_file *o = opened_as(fd);
    ssize_t got = memory_pread(fd, buffer, size, (off_t)o->at);

    o->at += (size_t)got;
    return got;
}

static ssize_t memory_write(int fd, const void *bytes, size_t size)
{
    memory_file *file = opened_as(fd)->file;
    unsigned char *grown = realloc(file->own, file->size + size + 1);

    if (!grown)
        fuzz_die("no memory for a file of %zu bytes", file->size + size);
    memcpy(grown + file->size, bytes, size);
    file->bytes = file->own = grown;
    file->size += size;
    return (ssize_t)size;
}

static int memory_fsync(int fd)
{
    (void)fd;
    return 0;
}

static void describe(const memory_file *file, struct stat *status)
{
    *status = (struct stat){.st_mode = S_IFREG | 0644, .st_nlink = 1, .st_size = (off_t)file->size};
}

static int memory_fstat(int fd, struct stat *status)
{
    describe(opened_as(fd)->file, status);
    return 0;
}

static int memory_lstat(const char *path, struct stat *status)
{
    const memory_file *file = find(path);

    if (!file)
        return fail(ENOENT);
    describe(file, status);
    return 0;
}

static int memory_fchmod(int fd, mode_t mode)
{
    (void)fd;
    (void)mode;
    return 0;
}

static int memory_rename(const char *from, const char *to)
{
    memory_file *file = find(from), *old = find(to);

    if (!file || strlen(to) >= sizeof file->name)
        return fail(ENOENT);
    if (old)
        drop(old);
    strcpy(file->name, to);
    return 0;
}

static int memory_unlink(const char *path)
{
    memory_file *file = find(path);

    if (!file)
        return fail(ENOENT);
    drop(file);
    return 0;
}

static int memory_close(int fd)
{
    for (open_file *o = opened; o < opened + OPEN; o++)
        if (o->file && o->fd == fd)
            o->file = NULL;
    return close(fd);
}

static int advise_nothing(int fd, off_t offset, off_t size)
{
    (void)fd, (void)offset, (void)size;
    return 0;
}

static const bp_file_calls calls = {
    .advise = advise_nothing,
    .open = memory_open,
    .read = memory_read,
    .pread = memory_pread,
    .write = memory_write,
    .fsync = memory_fsync,
    .fstat = memory_fstat,
    .lstat = memory_lstat,
    .fchmod = memory_fchmod,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .close = memory_close,
};

void memory_files_begin(void)
{
    for (int i = 0; i < OPEN; i++)
        if (opened[i].file)
            fuzz_die("%s is still open", opened[i].file->name);
    for (memory_file *file = files; file < files + FILES; file++)
        drop(file);
    bp_file_table = &calls;
}

void memory_files_put(const char *name, const unsigned char *bytes, size_t size)
{
    memory_file *file = take(name);

    file->bytes = bytes;
    file->size = size;
}

const unsigned char *memory_files_get(const char *name, size_t *size)
{
    const memory_file *file = find(name);

    if (!file)
        return NULL;
    *size = file->size;
    return file->bytes;
}
