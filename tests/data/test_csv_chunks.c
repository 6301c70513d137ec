/* CSV by any number of threads and chunks of any size: the same columns, and the same error, to the byte.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "csv.h"
#include "faulty_files.h"
#include "file.h"
#include "helper_data.h"
#include "memory.h"
#include "numbers.h"
#include "refusing.h"
#include "scratch.h"

TestSuite(csv_chunks, .init = scratch_begin, .fini = scratch_end);

#define WHOLE ((size_t)1 << 20) /* a chunk for all of it */

static const unsigned teams[] = {1, 2, 3, 8};
#define TEAMS (sizeof teams / sizeof *teams)

static bp_status read_by(size_t chunk, unsigned threads, bp_dataset **dataset, bp_error *error)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.threads = threads;
    memset(error, 0, sizeof *error);
    return bp_csv_read_by("a.csv", 0, &settings, false, chunk, NULL, dataset, error);
}

static void expect_equal_columns(const bp_column *a, const bp_column *b, uint64_t rows)
{
    cr_assert_str_eq(a->name, b->name);
    cr_assert_eq(a->type, b->type, "%s: types %d and %d", a->name, a->type, b->type);
    cr_assert_eq(a->categorical, b->categorical);
    cr_assert_eq(a->has_missing, b->has_missing, "%s", a->name);
    cr_assert_eq(a->category_count, b->category_count, "%s: %zu and %zu categories", a->name, a->category_count, b->category_count);
    for (size_t i = 0; i < a->category_count; i++)
        cr_assert_str_eq(a->categories[i], b->categories[i]);
    cr_assert_eq(memcmp(a->data, b->data, rows * a->stride), 0, "%s", a->name);
}

static uint64_t line_of(const bp_dataset *dataset, uint64_t row)
{
    bp_error error;
    bp_dataset_fail(dataset, row, &error, "here");
    return error.line;
}

static void expect_equal(const bp_dataset *a, const bp_dataset *b)
{
    cr_assert_eq(a->rows, b->rows);
    cr_assert_eq(a->column_count, b->column_count);
    for (size_t c = 0; c < a->column_count; c++)
        expect_equal_columns(&a->columns[c], &b->columns[c], a->rows);
    for (uint64_t row = 0; row < a->rows; row++)
        cr_assert_eq(line_of(a, row), line_of(b, row), "row %llu", (unsigned long long)row);
}

/* a.csv by this chunk and team is what it is in one piece. */
static void expect_same_by(size_t chunk, unsigned threads)
{
    bp_dataset *whole, *cut;
    bp_error error, other;
    bp_status status = read_by(WHOLE, 1, &whole, &error);

    cr_assert_eq(read_by(chunk, threads, &cut, &other), status, "chunks of %zu, %u threads: %s, %s", chunk, threads, error.text,
                 other.text);
    cr_assert_str_eq(other.text, error.text, "chunks of %zu, %u threads: %s, %s", chunk, threads, error.text, other.text);
    cr_assert_eq(other.line, error.line);
    if (status != BP_OK)
        return;
    expect_equal(whole, cut);
    bp_dataset_free(cut);
    bp_dataset_free(whole);
}

/* Every chunk alone and with one of the teams, which take turns: all together would take a minute. */
static void expect_same(const char *text)
{
    write_text("a.csv", text);
    for (size_t chunk = 1; chunk < 40; chunk++) {
        expect_same_by(chunk, 1);
        expect_same_by(chunk, teams[chunk % TEAMS]);
    }
    for (size_t t = 0; t < TEAMS; t++)
        expect_same_by(64, teams[t]);
}

/* f32 until a wide number comes, f64 until a text comes, quotes around line ends, blank lines, characters of two to four bytes. */
static const char all_kinds[] = "n,w,t,\"q\nr\",y\r\n"
                                "1,2,3,\"a\"\"b\",5\r\n"
                                "\r\n\n"
                                "-2.5,NA,4,\"line\r\nline\n\",6\r\n"
                                "3,16777217,5.5,\xC3\xA9,7\n"
                                ",0.1,?,\"\xE2\x82\xAC,\xF0\x9F\x99\x82\",8\n"
                                "4e2,7,text,\"\"\"\",9\n"
                                "5,8,\"5\",\"\n\n\",10\n\n"
                                "6,nan,a longer text that a chunk cuts,\xF0\x9F\x99\x82,11";

Test(csv_chunks, borders_and_teams_change_no_column)
{
    expect_same(all_kinds);
    expect_same("\xEF\xBB\xBF"
                "a\n1\n2\n3\n4\n\n5\n");
    expect_same("a,b\n1,2\n3,4\n5,6\n7,8");
    expect_same("1.5\t2\r\n3\t4\r\n\"5\"\t0.1");
}

Test(csv_chunks, borders_and_teams_change_no_error)
{
    static const char *const damaged[] = {"a,y\n1,2\n3\n4\n5,6,7\n",
                                          "a,y\n\"1\n2\",2\n3,4,5\n",
                                          "a,y\n1,2\n3,4\n5,\"6\n7,8\n9,10\n11,12\n",
                                          "a,y\n1,2\n3,4\"5\n6,7\"8\n9,10\n11,12\n",
                                          "a,y\n1,2\n3,\"4\"5\n6,7\n8,\"9\n10,11\n",
                                          "a,y\n1,2\n3,4\r5\n6,7\n8,9\r,",
                                          "a,y\n1,2\n\xFF,4\n5,6\n\xC3,8\n",
                                          "a,y\n1,2\nab\x80,4\n5,6\n",
                                          "a,y\n1,2\n3,\xE2\x82\n5,6\n",
                                          "a,y\n1,2\n\x80\x80\x80\x80\x80,4\n5,6\n",
                                          "a,y\n1,2\n3,4\n1e999,6\n-inf,8\n",
                                          "a,y\n1,2\n3,-1e999\n1e999,6\n",
                                          "\n\n",
                                          "a,y\n"};

    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        expect_same(damaged[i]);
        bp_dataset *dataset;
        bp_error error;
        cr_assert_eq(read_by(5, 2, &dataset, &error), BP_BAD_FILE, "text %zu", i);
    }
}

Test(csv_chunks, random_damage_is_found_alike)
{
    char text[sizeof all_kinds];
    static const char nasty[] = {'"', ',', '\n', '\r', 'x', '\x80', '\0', ' '};

    for (uint64_t i = 0; i < 400; i++) {
        memcpy(text, all_kinds, sizeof text);
        for (uint64_t k = 0; k <= i % 3; k++) {
            size_t at = (size_t)((scattered(31 + k, i) + 1) / 2 * (double)(sizeof text - 1));
            text[at] = nasty[(unsigned)((scattered(41 + k, i) + 1) * 4) % sizeof nasty];
        }
        scratch_write("a.csv", text, sizeof text - 1);
        expect_same_by(1 + (size_t)i % 50, teams[i % TEAMS]);
    }
}

/* --------------------------------------------------------------------------------------------------- tables made up */

enum { ROWS = 60, COLUMNS = 4, FIELD = 16 };

static char fields[ROWS][COLUMNS][FIELD];

static void make_field(char *field, uint64_t seed)
{
    static const char *const pieces[] = {"a", "\"", "\n", ",", "\r\n", ";", "b c", "\xC3\xA9", "|", "7", "\xE2\x82\xAC", "z"};

    field[0] = 0;
    for (uint64_t i = 0; i < seed % 5; i++)
        strcat(field, pieces[(unsigned)((scattered(seed, i) + 1) * 6) % 12]);
}

/* In quotes where the field needs them, and now and then where it does not. */
static size_t write_field(char *text, const char *field, bool quoted)
{
    size_t used = 0;

    if (!quoted && !strpbrk(field, "\",\r\n"))
        return (size_t)sprintf(text, "%s", field);
    text[used++] = '"';
    for (; *field; field++) {
        if (*field == '"')
            text[used++] = '"';
        text[used++] = *field;
    }
    text[used++] = '"';
    return used;
}

static size_t write_table(char *text, uint64_t seed)
{
    size_t used = (size_t)sprintf(text, "a,b,c,last\n");

    for (uint64_t r = 0; r < ROWS; r++) {
        for (uint64_t c = 0; c < COLUMNS; c++) {
            char *field = fields[r][c];
            make_field(field, seed * 1000 + r * COLUMNS + c);
            if (c == 0)
                strcat(field, "x"); /* no row is blank, and no column one of numbers */
            used += write_field(text + used, field, (r + c + seed) % 7 == 0);
            if (c + 1 < COLUMNS)
                text[used++] = ',';
        }
        used += (size_t)sprintf(text + used, (r + seed) % 3 ? "\n" : "\r\n");
    }
    return used;
}

Test(csv_chunks, every_field_comes_back)
{
    static char text[ROWS * COLUMNS * FIELD * 3];
    bp_dataset *dataset;
    bp_error error;
    char number[32];

    for (uint64_t seed = 0; seed < 100; seed++) {
        bp_settings settings = *with("categorical", "a,b,c,last", "delimiter", ",", NULL);
        settings.threads = teams[seed % TEAMS];
        scratch_write("a.csv", text, write_table(text, seed));
        cr_assert_eq(bp_csv_read_by("a.csv", 0, &settings, false, 1 + (size_t)seed, NULL, &dataset, &error), BP_OK, "%s",
                     error.text);
        cr_assert_eq(dataset->rows, ROWS);
        for (uint64_t r = 0; r < ROWS; r++)
            for (size_t c = 0; c < COLUMNS; c++) {
                const char *got = bp_column_text(&dataset->columns[c], r, number);
                cr_assert_str_eq(got, fields[r][c], "table %llu, row %llu, column %zu", (unsigned long long)seed,
                                 (unsigned long long)r, c);
            }
        bp_dataset_free(dataset);
    }
}

Test(csv_chunks, many_categories_are_the_same_for_every_team)
{
    static char text[400000];
    size_t used = (size_t)sprintf(text, "t,u,y\n");

    for (unsigned i = 0; i < 8000; i++)
        used += (size_t)sprintf(text + used, "k%u,%u-%.*s,%u\n", i * 7919 % 5000, i % 3, (int)(i % 30),
                                "a text of up to thirty letters", i);
    scratch_write("a.csv", text, used);
    for (size_t t = 0; t < TEAMS; t++)
        expect_same_by(777 + 1000 * t, teams[t]);
}

/* ------------------------------------------------------------------------------------------------- what surrounds it */

static pthread_t caller;

static void *allocate_on_caller(void *context, size_t size, size_t alignment)
{
    (void)context;
    cr_assert(pthread_equal(caller, pthread_self()));
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release_on_caller(void *context, void *memory, size_t size)
{
    (void)context, (void)size;
    cr_assert(pthread_equal(caller, pthread_self()));
    free(memory);
}

Test(csv_chunks, memory_is_asked_for_on_the_calling_thread_alone)
{
    bp_allocator allocator = {.allocate = allocate_on_caller, .release = release_on_caller};
    bp_settings settings = *with(NULL);
    bp_dataset *dataset;

    caller = pthread_self();
    settings.threads = 3;
    write_text("a.csv", all_kinds);
    cr_assert_eq(bp_csv_read_by("a.csv", 0, &settings, false, 16, &allocator, &dataset, NULL), BP_OK);
    bp_dataset_free(dataset);
}

Test(csv_chunks, refused_memory_leaks_nothing)
{
    bp_settings settings = *with(NULL);
    bp_dataset *dataset;
    bp_error error;

    settings.threads = 2;
    write_text("a.csv", all_kinds);
    for (size_t i = 0;; i++) {
        refusing counter = refuse_at(i);
        bp_allocator allocator = refusing_allocator(&counter);
        bp_status status = bp_csv_read_by("a.csv", 0, &settings, false, 16, &allocator, &dataset, &error);
        if (status == BP_OK)
            bp_dataset_free(dataset);
        cr_assert_eq(counter.alive, 0, "%zu blocks leak when allocation %zu is refused", counter.alive, i);
        if (counter.asked <= i)
            break;
        cr_assert_eq(status, BP_NO_MEMORY);
    }
}

Test(csv_chunks, a_read_that_fails_is_told_and_interrupted_ones_are_repeated)
{
    bp_dataset *dataset;
    bp_error error;
    bp_status status;
    size_t call = 0;

    write_text("a.csv", all_kinds);
    do {
        faulty_files faults = {.fail_at = ++call, .number = 5};
        faulty_files_begin(&faults);
        status = read_by(64, 1, &dataset, &error);
        faulty_files_end();
        cr_assert(status == BP_OK || (status == BP_IO && error.system == 5), "call %zu: %s", call, error.text);
        if (faults.calls < call)
            break;
    } while (status != BP_OK || call < 8); /* a failed close after reading loses nothing */
    cr_assert_gt(call, 8);
    if (status == BP_OK)
        bp_dataset_free(dataset);

    faulty_files faults = {.interrupting = true, .at_most = 3};
    faulty_files_begin(&faults);
    cr_assert_eq(read_by(64, 1, &dataset, &error), BP_OK, "%s", error.text);
    faulty_files_end();
    bp_dataset_free(dataset);
}

static size_t reads, changed_from;

/* From one read on the file is another one, of many more rows. */
static ssize_t read_changed(int fd, void *buffer, size_t size, off_t offset)
{
    ssize_t got = bp_file_system.pread(fd, buffer, size, offset);

    if (++reads >= changed_from)
        memset(buffer, '\n', (size_t)got);
    for (ssize_t i = 0; reads >= changed_from && i < got; i += 2)
        ((char *)buffer)[i] = '1';
    return got;
}

Test(csv_chunks, a_file_that_changes_while_it_is_read_does_no_harm)
{
    bp_file_calls calls = bp_file_system;
    bp_dataset *dataset;
    bp_error error;

    calls.pread = read_changed;
    bp_file_table = &calls;
    write_text("a.csv", "1\n\n\n\n22222222222\n3333333333\n\n\n44444444444444\n5\n\n666666666666\n");
    for (changed_from = 1; changed_from < 30; changed_from++) {
        reads = 0;
        bp_status status = read_by(16, 1, &dataset, &error);
        cr_assert(status == BP_OK || status == BP_BAD_FILE, "%s", error.text);
        if (status == BP_OK)
            bp_dataset_free(dataset);
        else
            cr_assert(strstr(error.text, "changed") || strstr(error.text, "fields"), "%s", error.text);
    }
    bp_file_table = &bp_file_system;
}

static int opened; /* times */

static int open_counted(const char *path, int flags, mode_t mode)
{
    opened++;
    return bp_file_system.open(path, flags, mode);
}

/* A second time, nobody may be there to write any more. */
Test(csv_chunks, a_pipe_is_opened_once)
{
    bp_file_calls calls = bp_file_system;
    bp_dataset *dataset;
    bp_error error;

    calls.open = open_counted;
    cr_assert_eq(mkfifo("pipe.csv", 0600), 0);
    cr_assert_eq(system("{ printf 'a,b\\n1,2\\n'; sleep 0.2; printf '3,4\\n'; } >pipe.csv &"), 0);
    bp_file_table = &calls;
    cr_assert_eq(bp_csv_read_by("pipe.csv", 0, with(NULL), false, 50, NULL, &dataset, &error), BP_OK, "%s", error.text);
    bp_file_table = &bp_file_system;
    cr_assert_eq(opened, 1);
    cr_assert_eq(bp_dataset_rows(dataset), 2);
    bp_dataset_free(dataset);
}

Test(csv_chunks, a_pipe_and_gzip_are_read_as_a_file_is)
{
    bp_dataset *file, *other;
    bp_error error;

    write_text("a.csv", all_kinds);
    cr_assert_eq(read_by(WHOLE, 1, &file, &error), BP_OK);
    append_gzip("b.csv.gz", all_kinds, strlen(all_kinds));
    cr_assert_eq(bp_csv_read_by("b.csv.gz", 0, with(NULL), false, 50, NULL, &other, &error), BP_OK, "%s", error.text);
    expect_equal(file, other);
    bp_dataset_free(other);

    cr_assert_eq(mkfifo("pipe.csv", 0600), 0);
    cr_assert_eq(system("cat a.csv >pipe.csv &"), 0);
    cr_assert_eq(bp_csv_read_by("pipe.csv", 0, with(NULL), false, 50, NULL, &other, &error), BP_OK, "%s", error.text);
    expect_equal(file, other);
    bp_dataset_free(other);
    bp_dataset_free(file);
}
