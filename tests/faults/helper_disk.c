/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* lstat, pread */
#include "helper_disk.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "numbers.h"

/* --------------------------------------------------------------------------------------------------------- recording */

static disk *active;

static void record(disk_act act, size_t end)
{
    cr_assert_lt(active->count, DISK_ACTS);
    active->act[active->count] = act;
    active->end[active->count++] = end;
}

static int open_recorded(const char *path, int flags, mode_t mode)
{
    int fd = bp_file_system.open(path, flags, mode);

    if (fd >= 0 && (flags & O_CREAT)) {
        cr_assert(active->file < 0 && active->count == 0, "a second file is written: %s", path);
        cr_assert(flags & O_EXCL, "%s may be somebody else's", path);
        snprintf(active->temporary, sizeof active->temporary, "%s", path);
        active->file = fd;
        record(ACT_CREATE, 0);
    } else if (fd >= 0 && (flags & O_DIRECTORY)) {
        active->directory = fd;
    }
    return fd;
}

static ssize_t write_recorded(int fd, const void *bytes, size_t size)
{
    ssize_t done = bp_file_system.write(fd, bytes, size);

    cr_assert(fd == active->file && done >= 0);
    active->bytes = realloc(active->bytes, active->size + (size_t)done);
    memcpy(active->bytes + active->size, bytes, (size_t)done);
    active->size += (size_t)done;
    record(ACT_WRITE, active->size);
    return done;
}

static int fsync_recorded(int fd)
{
    cr_assert(fd == active->file || fd == active->directory);
    record(fd == active->file ? ACT_SYNC : ACT_SYNC_DIRECTORY, 0);
    return bp_file_system.fsync(fd);
}

static int rename_recorded(const char *from, const char *to)
{
    cr_assert_str_eq(from, active->temporary);
    record(ACT_RENAME, 0);
    return bp_file_system.rename(from, to);
}

static int close_recorded(int fd)
{
    if (fd == active->file)
        active->file = -1;
    if (fd == active->directory)
        active->directory = -1;
    return bp_file_system.close(fd);
}

void disk_begin(disk *d)
{
    static bp_file_calls recording;

    recording = bp_file_system;
    recording.open = open_recorded;
    recording.write = write_recorded;
    recording.fsync = fsync_recorded;
    recording.rename = rename_recorded;
    recording.close = close_recorded;
    *d = (disk){.file = -1, .directory = -1};
    active = d;
    bp_file_table = &recording;
}

void disk_end(disk *d)
{
    bp_file_table = &bp_file_system;
    cr_assert(d->file < 0 && d->directory < 0, "a descriptor is still open");
}

void disk_free(disk *d)
{
    free(d->bytes);
}

static void remove_act(disk *d, size_t at)
{
    d->count--;
    memmove(d->act + at, d->act + at + 1, (d->count - at) * sizeof *d->act);
    memmove(d->end + at, d->end + at + 1, (d->count - at) * sizeof *d->end);
}

static void remove_acts(disk *d, disk_act act)
{
    for (size_t i = d->count; i-- > 0;)
        if (d->act[i] == act)
            remove_act(d, i);
}

void disk_plant(disk *d, disk_bug bug)
{
    if (bug == BUG_NO_SYNC)
        remove_acts(d, ACT_SYNC);
    if (bug == BUG_NO_DIRECTORY_SYNC)
        remove_acts(d, ACT_SYNC_DIRECTORY);
    if (bug == BUG_RENAME_FIRST) {
        remove_acts(d, ACT_RENAME);
        memmove(d->act + 2, d->act + 1, (d->count - 1) * sizeof *d->act);
        memmove(d->end + 2, d->end + 1, (d->count - 1) * sizeof *d->end);
        d->act[1] = ACT_RENAME;
        d->count++;
    }
}

/* ------------------------------------------------------------------------------------------------------------ states */

/* A power loss after the first `done` acts. */
typedef struct loss {
    const disk *d;
    disk_see *see;
    void *context;
    size_t tear;
    size_t done;
    size_t durable; /* bytes of the file that had been synced */
    size_t written;
    bool renamed;      /* by one of the acts */
    bool must_be_seen; /* and the directory synced since */
    size_t states;
    bool stopped;
    unsigned char *bytes; /* [d->size]: one state's */
} loss;

static void show(loss *l, bool replaced, size_t size)
{
    disk_view view = {replaced, l->bytes, size, l->done == l->d->count};

    l->states++;
    l->stopped = l->stopped || !l->see(l->context, &view);
}

/* The directory's changes, on the disk or not. That the temporary name is there or not makes no difference to a reader of PATH, but
 * is a state of its own until the directory has been synced. */
static void show_directories(loss *l, size_t size)
{
    size_t names = l->done && !l->must_be_seen ? 2 : 1;

    for (size_t i = 0; i < names && !l->stopped; i++) {
        if (!l->must_be_seen)
            show(l, false, size);
        if (l->renamed && !l->stopped)
            show(l, true, size);
    }
}

static size_t units_of(const loss *l)
{
    return l->written > l->durable ? (l->written - l->durable / l->tear * l->tear + l->tear - 1) / l->tear : 0;
}

/* There are the units of which `there` says so; others read as `fill`. The length is the last written one's, or what was asked
 * for. */
static void show_units(loss *l, const unsigned char *there, int fill)
{
    size_t first = l->durable / l->tear, units = units_of(l), last = l->durable;

    memcpy(l->bytes, l->d->bytes, l->written);
    for (size_t i = 0; i < units; i++) {
        size_t begin = (first + i) * l->tear, end = begin + l->tear;
        begin = begin < l->durable ? l->durable : begin;
        end = end > l->written ? l->written : end;
        if (there[i])
            last = end;
        else
            memset(l->bytes + begin, fill, end - begin);
    }
    show_directories(l, l->written);
    if (last < l->written && !l->stopped)
        show_directories(l, last);
}

static void show_fills(loss *l, const unsigned char *there)
{
    show_units(l, there, 0);
    if (!l->stopped && memchr(there, 0, units_of(l)))
        show_units(l, there, 0xA5);
}

#define ALL_SUBSETS 6
#define SOME_SUBSETS 16

/* Every subset of few units; of many: every beginning, every end, each alone, each alone missing, and some at random. */
static void show_subsets(loss *l)
{
    size_t units = units_of(l), few = units <= ALL_SUBSETS;
    unsigned char *there = calloc(units + 1, 1);

    for (size_t set = 0; few && set < (size_t)1 << units && !l->stopped; set++) {
        for (size_t i = 0; i < units; i++)
            there[i] = set >> i & 1;
        show_fills(l, there);
    }
    for (size_t at = 0; !few && at < 4 * units + SOME_SUBSETS && !l->stopped; at++) {
        size_t form = at / units, unit = at % units;
        for (size_t i = 0; i < units; i++)
            there[i] = form == 0   ? i < unit
                       : form == 1 ? i >= unit
                       : form == 2 ? i == unit
                       : form == 3 ? i != unit
                                   : scattered(at, i) > 0;
        show_fills(l, there);
    }
    free(there);
}

size_t disk_states(const disk *d, size_t tear, disk_see *see, void *context)
{
    loss l = {.d = d, .see = see, .context = context, .tear = tear, .bytes = malloc(d->size + 1)};

    for (; !l.stopped; l.done++) {
        show_subsets(&l);
        if (l.done == d->count)
            break;
        switch (d->act[l.done]) {
        case ACT_CREATE:
            break;
        case ACT_WRITE:
            l.written = d->end[l.done];
            break;
        case ACT_SYNC:
            l.durable = l.written;
            break;
        case ACT_RENAME:
            l.renamed = true;
            break;
        case ACT_SYNC_DIRECTORY:
            l.must_be_seen = l.renamed;
        }
    }
    free(l.bytes);
    return l.states;
}
