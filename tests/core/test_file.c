/* Tests of file.h: whatever call fails, the old file or the whole new one is there, and nothing beside it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faulty_files.h"
#include "file.h"
#include "memory.h"
#include "refusing.h"
#include "scratch.h"

TestSuite(file, .init = scratch_begin, .fini = scratch_end);

static const bp_file_piece pieces[] = {{"new ", 4}, {"", 0}, {"content", 7}};
static const char fresh[] = "new content", stale[] = "what was here before";

static bp_status replace(const char *path, bp_error *error)
{
    return bp_file_replace(path, pieces, 3, error);
}

static bool holds(const char *name, const char *text)
{
    size_t size;
    unsigned char *bytes = scratch_read(name, &size);
    bool equal = size == strlen(text) && memcmp(bytes, text, size) == 0;

    free(bytes);
    return equal;
}

static unsigned mode_of(const char *name)
{
    struct stat status;
    cr_assert_eq(stat(name, &status), 0);
    return status.st_mode & 0777;
}

Test(file, a_new_file_has_the_pieces_and_the_umask)
{
    umask(027);
    cr_assert_eq(replace("file", NULL), BP_OK);
    cr_assert(holds("file", fresh));
    cr_assert_eq(mode_of("file"), 0640);
    cr_assert_eq(scratch_count(), 1);
}

Test(file, an_old_file_keeps_its_permissions)
{
    scratch_write("file", stale, strlen(stale));
    chmod("file", 0604);
    cr_assert_eq(replace("file", NULL), BP_OK);
    cr_assert(holds("file", fresh));
    cr_assert_eq(mode_of("file"), 0604);
}

Test(file, no_pieces_make_an_empty_file)
{
    cr_assert_eq(bp_file_replace("file", NULL, 0, NULL), BP_OK);
    cr_assert(holds("file", ""));
}

Test(file, a_link_stays_and_its_file_is_replaced)
{
    char directory[4096], path[5000];

    cr_assert(getcwd(directory, sizeof directory));
    scratch_write("real", stale, strlen(stale));
    cr_assert_eq(symlink("real", "link"), 0);
    snprintf(path, sizeof path, "%s/link", directory);
    cr_assert_eq(replace(path, NULL), BP_OK);
    cr_assert(holds("real", fresh));
    struct stat status;
    cr_assert_eq(lstat("link", &status), 0);
    cr_assert(S_ISLNK(status.st_mode));
    cr_assert_eq(scratch_count(), 2);
}

Test(file, what_is_no_regular_file_is_not_replaced)
{
    static const char *const names[] = {"directory", "pipe", "nowhere", "to_pipe", "/dev/null", "."};

    cr_assert_eq(mkdir("directory", 0777), 0);
    cr_assert_eq(mkfifo("pipe", 0666), 0);
    cr_assert_eq(symlink("nothing", "nowhere"), 0);
    cr_assert_eq(symlink("pipe", "to_pipe"), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bp_error error;
        cr_assert_eq(replace(names[i], &error), BP_INVALID, "%s", names[i]);
        cr_assert(strstr(error.text, names[i]) && strstr(error.text, "no regular file"), "%s", error.text);
    }
    cr_assert_eq(scratch_count(), 4);
}

/* What a writer that was killed leaves, beside what only looks like it. */
Test(file, leftovers_of_dead_writers_are_removed_and_nothing_else)
{
    static const char *const others[] = {".backprop-0123456789abcde.tmp",  ".backprop-0123456789abcdef.tmpx",
                                         ".backprop-0123456789ABCDEF.tmp", "backprop-0123456789abcdef.tmp",
                                         ".backprop-0123456789abcdeg.tmp", ".backprop-0123456789abcdef0.tmp"};
    bp_replacement living;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        scratch_write(others[i], "x", 1);
    cr_assert_eq(mkdir(".backprop-aaaaaaaaaaaaaaaa.tmp", 0700), 0);
    cr_assert_eq(symlink(others[0], ".backprop-bbbbbbbbbbbbbbbb.tmp"), 0);
    size_t before = scratch_count();
    cr_assert_eq(bp_replacement_begin(&living, "living", NULL), BP_OK);
    for (unsigned i = 0; i < 500; i++) { /* more than a read of the directory gives at once */
        char name[64];
        snprintf(name, sizeof name, ".backprop-%016x.tmp", i);
        scratch_write(name, "x", 1);
    }
    cr_assert_eq(bp_file_replace("file", NULL, 0, NULL), BP_OK);
    cr_assert_eq(scratch_count(), before + 2, "%zu entries", scratch_count());
    cr_assert_eq(bp_replacement_write(&living, "all", 3, NULL), BP_OK);
    cr_assert_eq(bp_file_replace("file", NULL, 0, NULL), BP_OK);
    cr_assert_eq(bp_replacement_commit(&living, NULL), BP_OK);
    cr_assert_eq(bp_file_replace("file", NULL, 0, NULL), BP_OK);
    cr_assert_eq(scratch_count(), before + 2);
    rmdir(".backprop-aaaaaaaaaaaaaaaa.tmp");
}

Test(file, a_missing_directory_is_told_by_the_system)
{
    bp_error error;

    cr_assert_eq(replace("missing/file", &error), BP_IO);
    cr_assert_eq(error.system, ENOENT);
    cr_assert(strstr(error.text, "missing/file"), "%s", error.text);
    cr_assert_eq(replace("", &error), BP_IO);
    cr_assert_eq(scratch_count(), 0);
}

/* One failure at call 1, 2, ... until a replacement needs fewer calls than that. `before`: the file's old content or NULL. */
static void fail_each_call(const char *before, int number)
{
    bp_status status = BP_IO;
    size_t failed = 0;

    for (size_t call = 1;; call++) {
        faulty_files faults = {.fail_at = call, .number = number};
        bp_error error;
        unlink("file");
        if (before)
            scratch_write("file", before, strlen(before));
        faulty_files_begin(&faults);
        status = replace("file", &error);
        faulty_files_end();
        if (faults.calls < call)
            break;
        failed += status != BP_OK;
        cr_assert(status == BP_OK || error.system == number, "call %zu: %s", call, error.text);
        bool in_place = status == BP_OK || strstr(error.text, "is replaced");
        if (in_place || before)
            cr_assert(holds("file", in_place ? fresh : before), "call %zu: %s", call, error.text);
        cr_assert_eq(scratch_count(), in_place || before ? 1 : 0, "call %zu leaves a file behind: %s", call, error.text);
    }
    cr_assert_eq(status, BP_OK);
    cr_assert_geq(failed, 8, "only %zu calls mattered", failed);
}

Test(file, any_failing_call_leaves_the_old_file_and_nothing_beside)
{
    fail_each_call(stale, EIO);
}

Test(file, any_failing_call_leaves_no_file_where_none_was)
{
    fail_each_call(NULL, EDQUOT);
}

Test(file, interruptions_and_short_writes_change_nothing)
{
    faulty_files faults = {.interrupting = true, .at_most = 3};

    faulty_files_begin(&faults);
    cr_assert_eq(replace("file", NULL), BP_OK);
    faulty_files_end();
    cr_assert(holds("file", fresh));
    cr_assert_not(faults.dropped_sync, "renamed before it was on disk");
    cr_assert_eq(scratch_count(), 1);
}

Test(file, a_disk_that_fills_up_leaves_the_old_file)
{
    for (size_t room = 1; room < strlen(fresh); room++) {
        faulty_files faults = {.room = room};
        bp_error error;
        scratch_write("file", stale, strlen(stale));
        faulty_files_begin(&faults);
        cr_assert_eq(replace("file", &error), BP_IO);
        faulty_files_end();
        cr_assert_eq(error.system, ENOSPC);
        cr_assert(holds("file", stale));
        cr_assert_eq(scratch_count(), 1);
    }
}

/* ---------------------------------------------------------------------------------------------------------- reading */

static bp_status read_whole(const char *path, size_t limit, refusing *memory, char *text, size_t *size, bp_error *error)
{
    bp_allocator allocator = refusing_allocator(memory);
    void *bytes;
    bp_status status = bp_file_read_whole(path, &allocator, limit, &bytes, size, error);

    if (status == BP_OK) {
        memcpy(text, bytes, *size);
        text[*size] = 0;
        bp_release(&allocator, bytes, *size);
    }
    cr_assert_eq(memory->alive, 0, "%s: memory is lost", path);
    return status;
}

Test(file, a_file_is_read_whole_through_interruptions_and_short_reads)
{
    faulty_files faults = {.interrupting = true, .at_most = 2};
    refusing memory = refuse_at(SIZE_MAX);
    char text[64];
    size_t size;

    scratch_write("file", fresh, strlen(fresh));
    faulty_files_begin(&faults);
    cr_assert_eq(read_whole("file", 11, &memory, text, &size, NULL), BP_OK);
    faulty_files_end();
    cr_assert_str_eq(text, fresh);
}

Test(file, an_empty_file_has_no_bytes)
{
    refusing memory = refuse_at(SIZE_MAX);
    char text[8];
    size_t size = 7;

    scratch_write("file", "", 0);
    cr_assert_eq(read_whole("file", 0, &memory, text, &size, NULL), BP_OK);
    cr_assert_eq(size, 0);
}

Test(file, a_file_above_the_limit_is_refused_before_memory_is_asked_for)
{
    refusing memory = refuse_at(SIZE_MAX);
    char text[64];
    size_t size;
    bp_error error;

    scratch_write("file", fresh, strlen(fresh));
    cr_assert_eq(read_whole("file", 10, &memory, text, &size, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "11 bytes, more than 10"), "%s", error.text);
    cr_assert_eq(memory.asked, 0);
}

Test(file, refusals_name_the_file_and_the_kind)
{
    refusing memory = refuse_at(SIZE_MAX);
    char text[8];
    size_t size;
    bp_error error;
    int fd;

    cr_assert_eq(read_whole(".", 10, &memory, text, &size, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "directory"), "%s", error.text);
    cr_assert_eq(bp_file_open_read(".", &fd, NULL, NULL), BP_BAD_FILE);
    cr_assert_eq(read_whole("missing", 10, &memory, text, &size, &error), BP_IO);
    cr_assert_eq(error.system, ENOENT);
    cr_assert(strstr(error.text, "missing"), "%s", error.text);
}

static int fstat_of_more(int fd, struct stat *status)
{
    int result = fstat(fd, status);

    status->st_size += 5;
    return result;
}

Test(file, a_file_that_shrinks_while_it_is_read_is_refused)
{
    bp_file_calls lying = bp_file_system;
    refusing memory = refuse_at(SIZE_MAX);
    char text[64];
    size_t size;
    bp_error error;
    int fd;

    scratch_write("file", fresh, strlen(fresh));
    lying.fstat = fstat_of_more;
    bp_file_table = &lying;
    cr_assert_eq(read_whole("file", 100, &memory, text, &size, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "the file ends, though it had 16 bytes"), "%s", error.text);
    cr_assert_eq(error.offset, 11);
    bp_file_table = &bp_file_system;
    cr_assert_eq(bp_file_open_read("file", &fd, NULL, NULL), BP_OK);
    cr_assert_eq(bp_file_read_at(fd, 4, text, 7, "file", NULL), BP_OK);
    cr_assert_eq(bp_file_read_at(fd, 4, text, 8, "file", &error), BP_BAD_FILE);
    cr_assert_eq(error.offset, 11);
    bp_file_close(fd);
}

static size_t count_failing_calls(void)
{
    size_t failed = 0;

    for (size_t call = 1;; call++) {
        faulty_files faults = {.fail_at = call, .number = EIO};
        refusing memory = refuse_at(SIZE_MAX);
        char text[64];
        size_t size;
        faulty_files_begin(&faults);
        bp_status status = read_whole("file", 100, &memory, text, &size, NULL);
        faulty_files_end();
        if (faults.calls < call)
            break;
        cr_assert(status == BP_OK || status == BP_IO);
        failed += status == BP_IO;
    }
    return failed;
}

Test(file, any_failing_call_of_a_read_is_told_and_loses_nothing)
{
    scratch_write("file", fresh, strlen(fresh));
    cr_assert_eq(count_failing_calls(), 3, "open, fstat and read fail; close does not matter");
    scratch_write("file", "", 0); /* which may be one of /proc: read until it ends */
    cr_assert_eq(count_failing_calls(), 3);
}

Test(file, refused_memory_is_told_and_loses_nothing)
{
    refusing memory = refuse_at(0);
    char text[64];
    size_t size;

    scratch_write("file", fresh, strlen(fresh));
    cr_assert_eq(read_whole("file", 100, &memory, text, &size, NULL), BP_NO_MEMORY);
    scratch_write("file", "", 0);
    for (size_t i = 0; i < 2; i++) {
        memory = refuse_at(i);
        cr_assert_eq(read_whole("file", 100, &memory, text, &size, NULL), BP_NO_MEMORY, "allocation %zu", i);
    }
}

#define PIPED 200001 /* more than a pipe and a first block hold */

static void *fill_pipe(void *unused)
{
    static char bytes[PIPED];
    int fd = open("pipe", O_WRONLY);

    memset(bytes, 'x', sizeof bytes);
    for (size_t done = 0; done < sizeof bytes;) {
        ssize_t step = write(fd, bytes + done, sizeof bytes - done);
        if (step < 0)
            break;
        done += (size_t)step;
    }
    close(fd);
    return unused;
}

static bp_status read_pipe(size_t limit, size_t refused, size_t *size)
{
    static char text[PIPED + 1];
    refusing memory = refuse_at(refused);
    pthread_t writer;

    signal(SIGPIPE, SIG_IGN); /* the reader may leave early */
    if (access("pipe", F_OK))
        cr_assert_eq(mkfifo("pipe", 0666), 0);
    cr_assert_eq(pthread_create(&writer, NULL, fill_pipe, NULL), 0);
    bp_status status = read_whole("pipe", limit, &memory, text, size, NULL);
    pthread_join(writer, NULL);
    return status;
}

Test(file, a_pipe_is_read_to_its_end)
{
    size_t size;

    cr_assert_eq(read_pipe(PIPED, SIZE_MAX, &size), BP_OK);
    cr_assert_eq(size, PIPED);
    cr_assert_eq(read_pipe(PIPED - 1, SIZE_MAX, &size), BP_BAD_FILE);
    cr_assert_eq(read_pipe(70000, SIZE_MAX, &size), BP_BAD_FILE);
    cr_assert_eq(read_pipe(PIPED, 2, &size), BP_NO_MEMORY);
}
