/* A disk that is really full: file systems in memory, of 8 to 256 KiB, on which each command that writes a file runs out of room
 * somewhere, or does not.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* unshare */
#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper_program.h"
#include "scratch.h"

TestSuite(small_disk, .init = scratch_begin, .fini = scratch_end);

static const char old[] = "what was here before";

/* In a namespace of this process's own; where that is not permitted, the test is left out. */
static bool mount_disk(unsigned kib)
{
    char options[64];

    snprintf(options, sizeof options, "size=%uk", kib);
    return mount("none", "disk", "tmpfs", 0, options) == 0;
}

static void begin_mounting(void)
{
    cr_assert_eq(mkdir("disk", 0777), 0);
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || !mount_disk(64)) {
        rmdir("disk");
        cr_skip_test("left out: nothing can be mounted here");
    }
    cr_assert_eq(umount("disk"), 0);
}

static size_t entries_of(const char *directory)
{
    DIR *entries = opendir(directory);
    size_t count = 0;

    for (struct dirent *entry; (entry = readdir(entries));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(entries);
    return count;
}

/* Names the path and the cause, and leaves what was there; or has room enough. */
static bool run_on(unsigned kib, const char *arguments, const char *file)
{
    cr_assert(mount_disk(kib));
    write_text(file, old);
    const outcome *o = try_program_after("", arguments);
    cr_assert(o->code == 0 || (o->code == 1 && strstr(o->err, file) && strstr(o->err, "No space left")),
              "%u KiB: backprop %s: %d, %s", kib, arguments, o->code, o->err);
    cr_assert(o->code == 0 || holds_text(file, old), "%u KiB: backprop %s: %s is not what it was", kib, arguments, file);
    cr_assert_eq(entries_of("disk"), 1, "%u KiB: backprop %s leaves something behind", kib, arguments);
    cr_assert_eq(umount("disk"), 0);
    return o->code == 0;
}

Test(small_disk, that_is_full_leaves_what_was_there)
{
    static const char *const jobs[][2] = {
        {"train data.csv --target class --hidden 64,64 --epochs 1 --validation-split 0 -q -o disk/model", "disk/model"},
        {"train data.csv --target class --hidden 64,64 --epochs 1 -q -o model --checkpoint disk/checkpoint", "disk/checkpoint"},
        {"predict given.safetensors data.csv -o disk/predictions.csv", "disk/predictions.csv"},
        {"pack data.csv -o disk/data.bpd", "disk/data.bpd"},
        {"export given.safetensors -o disk/model.c", "disk/model.c"},
        {"export given.safetensors -o disk/model.npz", "disk/model.npz"},
    };
    size_t refused = 0, done = 0;

    write_classes("data.csv", 900, 1);
    run_program(0, "train data.csv --target class --hidden 64,64 --epochs 1 -q -o given.safetensors");
    begin_mounting();
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        for (unsigned kib = 8; kib <= 256; kib *= 2) {
            bool well = run_on(kib, jobs[i][0], jobs[i][1]);
            done += well;
            refused += !well;
        }
    printf("small disk: %zu runs out of room, %zu with enough\n", refused, done);
    cr_assert(refused >= 6 && done >= 6);
    rmdir("disk");
}
