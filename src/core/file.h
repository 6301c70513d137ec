/* Every file that the library opens, reads or replaces: one table of system calls, and three things made of them.
 *
 * A file is replaced in steps of which none harms the old one:
 *
 *      open DIR/.backprop-RANDOM.tmp (O_EXCL) -> lock -> write -> fsync -> close -> rename to PATH -> fsync DIR
 *
 * Invariant: PATH holds either all old bytes or all new ones, and after a failure no temporary file is left. A process that is
 * killed leaves at most the one it was writing; the system ends its lock, and the next replacing in DIR removes what has none.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FILE_H
#define BP_FILE_H

#include <linux/limits.h> /* PATH_MAX, which clang's <limits.h> keeps back in strict C11 */
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "backprop.h"

/* The system's calls, with its own meanings. */
typedef struct bp_file_calls {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int fd, void *buffer, size_t size);
    ssize_t (*pread)(int fd, void *buffer, size_t size, off_t offset);
    int (*advise)(int fd, off_t offset, off_t size); /* that those bytes will be read */
    ssize_t (*write)(int fd, const void *bytes, size_t size);
    int (*fsync)(int fd);
    int (*fstat)(int fd, struct stat *status);
    int (*lstat)(const char *path, struct stat *status);
    int (*fchmod)(int fd, mode_t mode);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*close)(int fd);
} bp_file_calls;

extern const bp_file_calls bp_file_system;

/* &bp_file_system, but for tests that make a call fail. */
extern const bp_file_calls *bp_file_table;

/* The table's open, again where a signal came between; not inherited by other programs. -1 and errno where refused. */
int bp_file_open(const char *path, int flags, mode_t mode);

/* Opens a file for reading. BP_IO where the system refuses, BP_BAD_FILE for a directory. Give *fd to bp_file_close.
 * *size, unless NULL: the bytes of a regular file, 0 of anything else. */
bp_status bp_file_open_read(const char *path, int *fd, uint64_t *size, bp_error *error);

/* Reads until `size` bytes are there or the file ends: *got < size only at the end. `path` is for the message. */
bp_status bp_file_read(int fd, void *buffer, size_t size, size_t *got, const char *path, bp_error *error);

/* All `size` bytes from `offset` on; the file's own offset stays. BP_BAD_FILE where the file ends before. Any thread. */
bp_status bp_file_read_at(int fd, uint64_t offset, void *buffer, size_t size, const char *path, bp_error *error);

/* Whether it can be read twice, as a pipe cannot; asked without opening it. */
bool bp_file_is_regular(const char *path);

/* Says that `size` bytes from `offset` on will be read soon: the system reads them meanwhile, where it does. */
void bp_file_will_need(int fd, uint64_t offset, uint64_t size);

/* A close after reading: nothing in it can be lost. */
void bp_file_close(int fd);

/* The whole content, given back by bp_release(allocator, *bytes, *size). Of a regular file, what it held when it was opened;
 * a pipe is read to its end. BP_BAD_FILE for a directory and above `limit` bytes, which are then never allocated. */
bp_status bp_file_read_whole(const char *path, const bp_allocator *allocator, size_t limit, void **bytes, size_t *size,
                             bp_error *error);

typedef struct bp_file_piece {
    const void *data;
    size_t size;
} bp_file_piece;

/* Makes the pieces, one after the other, the content of `path`. A symbolic link stays, and the file it points to is
 * replaced; its permissions stay, a new file gets those of the umask. BP_INVALID where `path` is there and is no regular
 * file, a link to nothing included. BP_IO leaves the old file, but for one case that the text names: the directory could
 * not be synced after the rename; then the new file is in place and whole. */
bp_status bp_file_replace(const char *path, const bp_file_piece *pieces, size_t count, bp_error *error);

/* The same for content that comes piece by piece: begin, writes, then commit or abandon; a begin that failed needs neither,
 * nor does a commit, whatever came of it. `path` must outlive it. */
typedef struct bp_replacement {
    const char *name;         /* as the caller has it, for messages */
    char target[PATH_MAX];    /* the file itself, links resolved */
    char directory[PATH_MAX]; /* with its last '/' unless it is "." */
    char temporary[PATH_MAX + 64];
    mode_t mode;
    bool exists;
    int fd;
    int lock_fd; /* keeps the temporary file's lock from fd's close to the rename */
    int directory_fd;
} bp_replacement;

bp_status bp_replacement_begin(bp_replacement *replacement, const char *path, bp_error *error);
bp_status bp_replacement_write(bp_replacement *replacement, const void *data, size_t size, bp_error *error);
bp_status bp_replacement_commit(bp_replacement *replacement, bp_error *error);
void bp_replacement_abandon(bp_replacement *replacement);

/* ---- file_leftovers.c */

/* The name of a temporary file, of 64 random bits. */
#define BP_TEMPORARY_FORMAT ".backprop-%016llx.tmp"

/* Locks a temporary file that was just made, against its removal as a leftover, for as long as one of the descriptors fd and
 * *lock_fd is open. 0, or errno; EEXIST where somebody took it for a leftover before, so that it has no name any more, or soon. */
int bp_temporary_lock(int fd, int *lock_fd);

/* Removes temporary files in a directory whose writers are dead, as well as it can: regular ones, of this user, without a lock. */
void bp_leftovers_remove(const char *directory, int directory_fd);

#endif
