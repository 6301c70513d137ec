/* Packing from file to file: the bytes and the errors of the way through memory, and memory that does not grow with the rows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700
#include "pack.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bpd.h"
#include "csv.h"
#include "faulty_files.h"
#include "file.h"
#include "helper_data.h"
#include "refusing.h"
#include "scratch.h"

TestSuite(pack, .init = scratch_begin, .fini = scratch_end);

#define ROWS ((uint64_t)2 * BP_BPD_ROWS + 5000) /* three blocks; a window of the least size is one and a segment */
#define CHUNK ((size_t)40000)
#define SMALL ((uint64_t)1) /* the least window */

/* A row of any kind of column: f32, f32 until a wide number comes, numbers until a text comes, texts around line ends, told to be
 * categories. */
static void write_row(FILE *file, uint64_t i, uint64_t rows)
{
    fprintf(file, "%llu,", (unsigned long long)(i % 97));
    fprintf(file, i == rows - 3 ? "16777217," : i % 11 == 5 ? "NA," : "-2.5,");
    fprintf(file, i == rows / 2 ? "late," : "%llu,", (unsigned long long)(i % 300));
    fprintf(file, i % 13 == 7 ? "," : i % 3 ? "\"%c\n%llu\"," : "%c%llu,", 'a' + (int)(i % 5), (unsigned long long)(i * i % 41));
    fprintf(file, "%llu%s", (unsigned long long)(i % 7), i % 2 ? "\r\n" : "\n");
}

static void write_table(const char *name, uint64_t rows)
{
    FILE *file = fopen(name, "w");

    cr_assert(file);
    fputs("n,wide,late,text,told\n", file);
    for (uint64_t i = 0; i < rows; i++)
        write_row(file, i, rows);
    fclose(file);
}

static const bp_settings *by_threads(unsigned threads)
{
    static bp_settings settings;

    settings = *with("categorical", "told", NULL);
    settings.threads = threads;
    return &settings;
}

static bp_status pack_by(const char *from, size_t chunk, uint64_t bytes, unsigned threads, bp_error *error)
{
    memset(error, 0, sizeof *error);
    return bp_pack_csv(from, 0, by_threads(threads), chunk, bytes, "parts.bpd", NULL, NULL, error);
}

/* whole.bpd, through memory. */
static bp_status pack_whole(const char *from, bp_error *error)
{
    bp_dataset *dataset;
    bp_status status;

    memset(error, 0, sizeof *error);
    status = bp_dataset_read(from, by_threads(1), 1, NULL, &dataset, error);
    if (status != BP_OK)
        return status;
    cr_assert_eq(bp_dataset_pack(dataset, "whole.bpd", error), BP_OK, "%s", error->text);
    bp_dataset_free(dataset);
    return BP_OK;
}

static void expect_whole(const char *way)
{
    size_t size, other;
    unsigned char *whole = scratch_read("whole.bpd", &size), *parts = scratch_read("parts.bpd", &other);

    cr_assert(size == other && memcmp(whole, parts, size) == 0, "%s: %zu and %zu bytes", way, size, other);
    free(whole);
    free(parts);
}

Test(pack, gives_the_same_bytes_by_any_team_chunk_and_window)
{
    static const unsigned teams[] = {1, 2, 3, 8};
    static const size_t chunks[] = {3000, CHUNK, 131072};
    static const uint64_t windows[] = {SMALL, 500000, UINT64_MAX};
    bp_error error;
    char way[64];

    write_table("a.csv", ROWS);
    cr_assert_eq(pack_whole("a.csv", &error), BP_OK, "%s", error.text);
    for (size_t t = 0; t < 4; t++)
        for (size_t c = 0; c < 3; c++) {
            uint64_t window = windows[(t + c) % 3];
            cr_assert_eq(pack_by("a.csv", chunks[c], window, teams[t], &error), BP_OK, "%s", error.text);
            snprintf(way, sizeof way, "%u threads, chunks of %zu, window %llu", teams[t], chunks[c], (unsigned long long)window);
            expect_whole(way);
        }
}

Test(pack, gives_the_same_bytes_whatever_the_last_block_holds)
{
    static const uint64_t rows[] = {1, BP_BPD_ROWS - 1, BP_BPD_ROWS, BP_BPD_ROWS + 1, 3 * BP_BPD_ROWS, 3 * BP_BPD_ROWS + 1};
    bp_error error;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_table("a.csv", rows[i]);
        cr_assert_eq(pack_whole("a.csv", &error), BP_OK, "%s", error.text);
        cr_assert_eq(pack_by("a.csv", 2000, SMALL, 2, &error), BP_OK, "%s", error.text);
        expect_whole("rows");
    }
}

Test(pack, takes_every_kind_of_file)
{
    bp_settings settings = *by_threads(2);
    bp_pack_counts counts = {0};
    size_t size;
    bp_error error;

    write_table("a.csv", ROWS);
    cr_assert_eq(pack_whole("a.csv", &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_pack("a.csv", &settings, "parts.bpd", NULL, &counts, &error), BP_OK, "%s", error.text);
    cr_assert(counts.rows == ROWS && counts.columns == 5);
    expect_whole("a file");
    unsigned char *text = scratch_read("a.csv", &size);
    append_gzip("a.csv.gz", text, size);
    free(text);
    cr_assert_eq(pack_by("a.csv.gz", CHUNK, SMALL, 2, &error), BP_OK, "%s", error.text);
    expect_whole("gzip");
    cr_assert_eq(mkfifo("pipe.csv", 0600), 0);
    cr_assert_eq(system("cat a.csv >pipe.csv &"), 0);
    cr_assert_eq(pack_by("pipe.csv", CHUNK, SMALL, 2, &error), BP_OK, "%s", error.text);
    expect_whole("a pipe");
    cr_assert_eq(bp_pack("whole.bpd", &settings, "parts.bpd", NULL, NULL, &error), BP_OK, "%s", error.text);
    expect_whole("a .bpd file");
}

/* -------------------------------------------------------------------------------------------------------------- memory */

static size_t peak_of(uint64_t rows)
{
    refusing meter = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&meter);
    bp_error error;

    write_table("a.csv", rows);
    cr_assert_eq(bp_pack_csv("a.csv", 0, by_threads(2), CHUNK, SMALL, "parts.bpd", &allocator, NULL, &error), BP_OK, "%s",
                 error.text);
    cr_assert_eq(meter.bytes, 0);
    return meter.most;
}

Test(pack, memory_does_not_grow_with_the_rows)
{
    size_t two = peak_of(2 * BP_BPD_ROWS + 5000), eight = peak_of(8 * BP_BPD_ROWS + 5000);

    cr_assert_lt(eight, two + two / 20, "%zu bytes for 2 blocks, %zu for 8", two, eight);
}

Test(pack, refused_memory_leaks_nothing_and_leaves_the_old_file)
{
    bp_error error;

    write_table("a.csv", BP_BPD_ROWS + 2000);
    scratch_write("parts.bpd", "old", 3);
    for (size_t i = 0;; i++) {
        refusing counter = refuse_at(i);
        bp_allocator allocator = refusing_allocator(&counter);
        bp_status status = bp_pack_csv("a.csv", 0, by_threads(1), CHUNK, SMALL, "parts.bpd", &allocator, NULL, &error);
        cr_assert_eq(counter.alive, 0, "%zu blocks leak when allocation %zu is refused", counter.alive, i);
        cr_assert_eq(scratch_count(), 2, "a file is left when allocation %zu is refused", i);
        if (status == BP_OK)
            break;
        cr_assert_eq(status, BP_NO_MEMORY);
        size_t size;
        free(scratch_read("parts.bpd", &size));
        cr_assert_eq(size, 3, "the old file is gone when allocation %zu is refused", i);
    }
}

/* -------------------------------------------------------------------------------------------------------------- errors */

/* a.csv with something else in the place of a row. */
static void write_damaged(uint64_t damaged, const char *row)
{
    FILE *file = fopen("a.csv", "w");

    cr_assert(file);
    fputs("n,wide,late,text,told\n", file);
    for (uint64_t i = 0; i < ROWS; i++)
        if (i == damaged)
            fputs(row, file);
        else
            write_row(file, i, ROWS);
    fclose(file);
}

Test(pack, errors_are_those_of_reading_whole_and_leave_the_old_file)
{
    static const char *const damage[] = {"1,2,3\n",          "1,2,3,4,5,6\n", "1,1e999,3,4,5\n", "1,-inf,3,4,5\n1e999,2,3,4,5\n",
                                         "1,2,3,\"4\"4,5\n", "1,2,3,\"4,5\n", "1,\xFF,3,4,5\n",  "1,2,3,4\"4,5\n"};
    static const uint64_t places[] = {0, BP_BPD_ROWS, ROWS - 1};
    bp_error whole, parts;
    size_t size;

    scratch_write("parts.bpd", "old", 3);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++)
        for (size_t k = 0; k < 3; k++) {
            write_damaged(places[k], damage[i]);
            cr_assert_eq(pack_whole("a.csv", &whole), BP_BAD_FILE, "%s", damage[i]);
            cr_assert_eq(pack_by("a.csv", CHUNK, SMALL, 1 + (unsigned)k, &parts), BP_BAD_FILE, "%s", damage[i]);
            cr_assert_str_eq(parts.text, whole.text);
            cr_assert_eq(parts.line, whole.line);
            free(scratch_read("parts.bpd", &size));
            cr_assert(size == 3 && scratch_count() == 2);
        }
}

Test(pack, a_call_that_fails_leaves_the_old_file)
{
    bp_error error;
    bp_status status;
    size_t size;

    write_table("a.csv", BP_BPD_ROWS + 4000);
    for (size_t call = 1;; call++) {
        faulty_files faults = {.fail_at = call, .number = EIO};
        scratch_write("parts.bpd", "old", 3);
        faulty_files_begin(&faults);
        status = pack_by("a.csv", 131072, SMALL, 1, &error);
        faulty_files_end();
        if (faults.calls < call)
            break;
        free(scratch_read("parts.bpd", &size));
        cr_assert(status == BP_OK || status == BP_IO, "call %zu: %s", call, error.text);
        cr_assert(status == BP_OK || size == 3 || strstr(error.text, "is replaced"), "call %zu: %s", call, error.text);
        cr_assert_eq(scratch_count(), 2, "call %zu leaves a file", call);
    }
    cr_assert_eq(status, BP_OK);
}

static size_t reads, changed_from;
static const char *changes; /* pairs of bytes: what becomes what */

static ssize_t read_changed(int fd, void *buffer, size_t size, off_t offset)
{
    ssize_t got = bp_file_system.pread(fd, buffer, size, offset);

    reads++;
    for (ssize_t i = 0; reads >= changed_from && i < got; i++)
        for (const char *pair = changes; *pair; pair += 2)
            if (((char *)buffer)[i] == pair[0]) {
                ((char *)buffer)[i] = pair[1];
                break;
            }
    return got;
}

/* Whatever comes out as a file is a sound one. */
static void expect_sound(void)
{
    bp_dataset *dataset = must_read("parts.bpd", with("target", "n", "memory", "1GiB", NULL));
    bp_dataset_free(dataset);
}

Test(pack, a_file_that_changes_between_its_passes_does_no_harm)
{
    static const char *const all[] = {"ax", "7x", "10", "\n,", ",\n", "-e", "N\"", "20\n\n"};
    bp_file_calls calls = bp_file_system;
    bp_error error;
    size_t refused = 0;

    calls.pread = read_changed;
    write_table("a.csv", BP_BPD_ROWS + 4000);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (changed_from = 1; changed_from < 24; changed_from += 2) {
            changes = all[i];
            reads = 0;
            bp_file_table = &calls;
            bp_status status = pack_by("a.csv", 60000, SMALL, 1, &error);
            bp_file_table = &bp_file_system;
            bool renamed = status == BP_INVALID && strstr(error.text, "no column is named"); /* by a header that has changed */
            cr_assert(status == BP_OK || status == BP_BAD_FILE || renamed, "%s", error.text);
            refused += status == BP_BAD_FILE && strstr(error.text, "changed");
            if (status == BP_OK)
                expect_sound();
        }
    cr_assert_gt(refused, 10);
}

/* One column whose last row alone changes, when it is read for the last time. */
static void expect_change_found(const char *row, const char *last, const char *change)
{
    bp_file_calls calls = bp_file_system;
    bp_error error;
    FILE *file = fopen("a.csv", "w");

    cr_assert(file);
    fputs("told\n", file);
    for (uint64_t i = 0; i < BP_BPD_ROWS + 4000; i++)
        fprintf(file, "%s\n", row);
    fprintf(file, "%s\n", last);
    fclose(file);
    calls.pread = read_changed;
    changes = change;
    changed_from = SIZE_MAX;
    for (int turn = 0; turn < 2; turn++, changed_from = reads) {
        reads = 0;
        bp_file_table = &calls;
        bp_status status = bp_pack_csv("a.csv", 0, with("header", "yes", NULL), 1000, SMALL, "parts.bpd", NULL, NULL, &error);
        bp_file_table = &bp_file_system;
        cr_assert_eq(status, turn ? BP_BAD_FILE : BP_OK, "%s by %s: %s", last, change, error.text);
    }
    cr_assert(strstr(error.text, "changed"), "%s by %s: %s", last, change, error.text);
}

Test(pack, values_that_no_longer_fit_their_column_are_refused)
{
    expect_change_found("1", "8", "8?");        /* missing, where nothing was */
    expect_change_found("1", "8", "8x");        /* text among numbers */
    expect_change_found("1", "16777216", "67"); /* a number that is no f32 */
    expect_change_found("0.1", "1e300", "39");  /* no number that there is */
    expect_change_found("a", "b", "bc");        /* another category */
    expect_change_found("1", "8", "8\n");       /* a row less */
}
