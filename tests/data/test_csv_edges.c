/* CSV at its edges: where a text ends, texts whose hashes are the same, limits, and who asks without wanting the error.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv.h"
#include "csv_categories.h"
#include "faulty_files.h"
#include "helper_data.h"
#include "memory.h"
#include "refusing.h"
#include "scratch.h"

TestSuite(csv_edges, .init = scratch_begin, .fini = scratch_end);

static bp_dataset *read_in_chunks(const char *text, size_t chunk)
{
    bp_dataset *dataset;
    bp_error error = {0};

    write_text("a.csv", text);
    cr_assert_eq(bp_csv_read_by("a.csv", 0, with("target", "b", NULL), false, chunk, NULL, &dataset, &error), BP_OK, "%s: %s", text,
                 error.text);
    return dataset;
}

static void expect_same_table(const char *left, const char *right, size_t chunk)
{
    bp_dataset *a = read_in_chunks(left, chunk), *b = read_in_chunks(right, 1000);
    char text[64];

    cr_assert_eq(bp_dataset_rows(a), bp_dataset_rows(b), "%s", left);
    cr_assert_eq(bp_dataset_columns(a), bp_dataset_columns(b), "%s", left);
    for (uint64_t row = 0; row < bp_dataset_rows(a); row++)
        for (uint64_t column = 0; column < bp_dataset_columns(a); column++) {
            snprintf(text, sizeof text, "%s", field(a, row, column));
            cr_assert_str_eq(text, field(b, row, column), "%s", left);
        }
    bp_dataset_free(a);
    bp_dataset_free(b);
}

/* RFC 4180 ends lines with CR LF, and need not end the last one: a CR at the very end is such an end, cut short. pandas and
 * Python's csv read it so. In the middle of a text a CR alone is no line end, nor part of a field without quotes. */
Test(csv_edges, a_carriage_return_ends_the_text_and_nothing_else)
{
    static const char *const texts[][2] = {
        {"a,b\n1,2\r", "a,b\n1,2\r\n"},   {"a,b\r\n1,x\r\n3,y\r", "a,b\n1,x\n3,y\n"},
        {"a,b\n1,\"x\"\r", "a,b\n1,x\n"}, {"a,b\n1,2\n3,\r", "a,b\n1,2\n3,\n"},
        {"a,b\n1,2\n\r", "a,b\n1,2\n"},   {"a,b\n1,\"x\r\"\r", "a,b\n1,\"x\r\"\n"},
    };
    static const char *const wrong[] = {"a,b\n1,2\r3,4\n", "a,b\r1,2\n", "a,b\n1,2\r\r\n", "a,b\n1,2\n\r3,4\n",
                                        "a,b\n1,\"2\"\r3\n"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t chunk = 1; chunk < 20; chunk++)
            expect_same_table(texts[i][0], texts[i][1], chunk);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_text("a.csv", wrong[i]);
        must_refuse("a.csv", with("target", "b", NULL), BP_BAD_FILE, i < 4 ? "carriage return" : "behind a closing quote");
    }
}

/* 32 bits of XXH3 are the same in each pair, which a search has found. */
Test(csv_edges, texts_of_one_hash_are_categories_of_their_own)
{
    static const char *const twins[][2] = {{"k103475", "k131053"}, {"k9870", "k53003"}};
    char text[200];

    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "a,b\n%s,1\n%s,2\n%s,3\n%s,4\n", twins[i][0], twins[i][1], twins[i][1], twins[i][0]);
        bp_dataset *dataset = read_in_chunks(text, 1000);
        cr_assert_eq(dataset->columns[0].category_count, 2);
        for (uint64_t row = 0; row < 4; row++)
            cr_assert_str_eq(field(dataset, row, 0), twins[i][row == 1 || row == 2]);
        bp_dataset_free(dataset);
    }
}

Test(csv_edges, a_set_of_texts_knows_its_limit_before_it_asks_for_memory)
{
    refusing counter = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&counter);
    bp_csv_set set = {.capacity = (size_t)1 << 30, .count = (size_t)1 << 30};
    bp_error error = {0};

    cr_assert_eq(bp_csv_set_widen(&set, 1, &allocator, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "more than 1073741824 categories"), "%s", error.text);
    cr_assert_eq(counter.asked, 0);
    set = (bp_csv_set){0};
    cr_assert_eq(bp_csv_set_find(&set, (bp_csv_field){"a", 1}), BP_CSV_SET_FULL, "nothing is in an empty set");
}

Test(csv_edges, who_does_not_want_the_error_gets_the_status)
{
    static const char *const bad[] = {"a,b\n1,2\n3\n", "a,b\n\xff,1\n", "a,b\n1,\"2\n", "a,a\n1,2\n", "a,b\ninf,2\n", ""};
    bp_dataset *dataset = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text("a.csv", bad[i]);
        cr_assert_eq(bp_dataset_read("a.csv", with("target", "b", NULL), 0, NULL, &dataset, NULL), BP_BAD_FILE, "%s", bad[i]);
    }
    cr_assert_eq(bp_dataset_read("none.csv", with(NULL), 0, NULL, &dataset, NULL), BP_IO);
    write_text("a.csv", "a,b\n1,2\n");
    for (size_t call = 1; call < 7; call++) {
        faulty_files faults = {.fail_at = call, .number = EIO};
        faulty_files_begin(&faults);
        cr_assert_eq(bp_dataset_read("a.csv", with("target", "b", NULL), 0, NULL, &dataset, NULL), BP_IO, "call %zu", call);
        faulty_files_end();
    }
    cr_assert_null(dataset);
}

Test(csv_edges, the_standard_input_is_csv)
{
    write_text("a.csv", "a,b\n1,2\n");
    int fd = open("a.csv", O_RDONLY), old = dup(STDIN_FILENO);

    cr_assert_geq(dup2(fd, STDIN_FILENO), 0);
    bp_dataset *dataset = must_read("-", with("target", "b", NULL));
    cr_assert_eq(read(STDIN_FILENO, &(char){0}, 1), 0, "and it stays open, at its end");
    dup2(old, STDIN_FILENO);
    close(old);
    close(fd);
    cr_assert_str_eq(field(dataset, 0, 1), "2");
    bp_dataset_free(dataset);
}

/* Words for what is missing, and numbers that are none: the shape of each is looked at to its end. */
Test(csv_edges, words_are_told_from_numbers)
{
    static const struct {
        const char *text, *missing;
        int categorical, has_missing;
    } cases[] = {
        {"+5", NULL, 0, 0},   {"-", NULL, 1, 0},      {"+", NULL, 1, 0},     {"infinit", NULL, 1, 0},
        {"+x", NULL, 1, 0},   {"-9", "-9,,NA", 0, 1}, {"-9.0", ",-9", 0, 1}, {"9", "-9,x", 0, 0},
        {"1E5", NULL, 0, 0},  {"1e+5", NULL, 0, 0},   {"1e", NULL, 1, 0},    {"1e5x", NULL, 1, 0},
        {".", NULL, 1, 0},    {"1.", NULL, 0, 0},     {".5", NULL, 0, 0},    {"-9.000000000000000000000", "-9", 0, 1},
        {"\t7 ", NULL, 0, 0}, {"nA", NULL, 0, 1},     {"NAN ", NULL, 0, 1},  {"\"\"", NULL, 0, 1},
        {"1E-5", NULL, 0, 0},
    };
    bp_column_info info;
    char text[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "a,b\n%s,1\n3,2\n", cases[i].text);
        write_text("a.csv", text);
        bp_dataset *dataset = must_read("a.csv", cases[i].missing ? with("target", "b", "missing", cases[i].missing, NULL)
                                                                  : with("target", "b", NULL));
        cr_assert_eq(bp_dataset_column(dataset, 0, &info, NULL), BP_OK);
        cr_assert_eq(info.categorical, cases[i].categorical, "'%s'", cases[i].text);
        cr_assert_eq(info.has_missing, cases[i].has_missing, "'%s'", cases[i].text);
        bp_dataset_free(dataset);
    }
}

Test(csv_edges, infinite_numbers_are_refused_however_they_are_spelt)
{
    static const char *const texts[] = {"inf", "+Inf", "-INFINITY", "infinity", "1e309", "-1E+400"};
    char text[64];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(text, sizeof text, "a,b\n1,1\n%s,2\n", texts[i]);
        write_text("a.csv", text);
        cr_assert_eq(must_refuse("a.csv", with("target", "b", NULL), BP_BAD_FILE, "infinite").line, 3, "%s", texts[i]);
    }
}

Test(csv_edges, many_names_are_listed_as_far_as_a_message_goes)
{
    char text[2000];
    size_t used = 0;

    for (int i = 0; i < 100; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%scolumn_%d", i ? "," : "", i);
    used += (size_t)snprintf(text + used, sizeof text - used, "\n0");
    for (int i = 1; i < 100; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ",%d", i);
    write_text("a.csv", text);
    must_refuse("a.csv", with("target", "column", NULL), BP_INVALID, ", ..."); /* the beginning of a name is none */
    must_refuse("a.csv", with("target", "column_1,column_2", "group", "column", NULL), BP_INVALID, "group");
    must_refuse("a.csv", with("target", "column_1", "ignore-columns", "column_1", NULL), BP_INVALID, "two uses");
    bp_dataset_free(must_read("a.csv", with("target", "column_1", "ignore-columns", "column_2,column_2", NULL)));
}

/* Short texts fill the entries first, long ones the room for text, and one may be longer than all that there is. */
Test(csv_edges, a_set_finds_texts_of_every_length)
{
    static const size_t lengths[] = {1, 30, 100, 400, 5000};
    bp_allocator allocator = bp_allocator_or_default(NULL);
    char text[5000];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        bp_csv_set set = {0};
        for (int number = 0; number < 100; number++) {
            size_t length = number % 7 ? lengths[i] : 20;
            memset(text, 'a' + number % 20, sizeof text);
            text[0] = (char)(' ' + number % 90);
            text[length - 1] = (char)(length == 1 ? text[0] : '0' + number / 90);
            bp_csv_field field = {text, length};
            while (bp_csv_set_number(&set, field) == BP_CSV_SET_FULL)
                cr_assert_eq(bp_csv_set_widen(&set, length, &allocator, NULL), BP_OK);
            cr_assert_eq(bp_csv_set_number(&set, field), bp_csv_set_find(&set, field));
            if (bp_csv_set_is_filling(&set))
                cr_assert_eq(bp_csv_set_widen(&set, 0, &allocator, NULL), BP_OK);
            cr_assert_not(bp_csv_set_is_filling(&set));
        }
        bp_csv_set_release(&set, &allocator);
    }
}

/* 2 MiB are worth a look at the machine. */
Test(csv_edges, the_team_is_found_for_small_and_for_large_files)
{
    FILE *file = fopen("a.csv", "w");

    fputs("a,b\n", file);
    for (int i = 0; i < 1100; i++)
        fprintf(file, "%02000d,%d\n", i, i);
    fclose(file);
    bp_dataset *dataset = must_read("a.csv", with("target", "b", "threads", "auto", NULL));
    cr_assert_eq(bp_dataset_rows(dataset), 1100);
    cr_assert_str_eq(field(dataset, 1099, 1), "1099");
    bp_dataset_free(dataset);
    write_text("a.csv", "a,b\n1,2\n");
    bp_dataset_free(must_read("a.csv", with("target", "b", "threads", "auto", NULL)));
}
