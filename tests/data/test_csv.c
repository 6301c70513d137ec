/* CSV and TSV: what is read, and how each damage is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "csv_cursor.h"
#include "dataset.h"
#include "helper_data.h"
#include "memory.h"
#include "scratch.h"

TestSuite(csv, .init = scratch_begin, .fini = scratch_end);

static void expect_column(const bp_dataset *dataset, uint64_t column, const char *name, int categorical, int32_t type)
{
    bp_column_info info;

    cr_assert_eq(bp_dataset_column(dataset, column, &info, NULL), BP_OK);
    cr_assert_str_eq(info.name, name);
    cr_assert_eq(info.categorical, categorical, "%s", name);
    cr_assert_eq(info.type, type, "%s has type %d", name, info.type);
}

static uint64_t refused_line(const char *text, const char *part)
{
    write_text("bad.csv", text);
    return must_refuse("bad.csv", with("target", "y", NULL), BP_BAD_FILE, part).line;
}

Test(csv, types_follow_from_the_fields)
{
    write_text("a.csv", "n,wide,text,y\n1,0.1,a,1\n-2.5e3,7,3,2\n, 8 ,b,3\n");
    bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
    bp_column_info info;

    cr_assert_eq(bp_dataset_rows(dataset), 3);
    expect_column(dataset, 0, "n", 0, BP_TYPE_F32);
    expect_column(dataset, 1, "wide", 0, BP_TYPE_F64);
    expect_column(dataset, 2, "text", 1, BP_TYPE_I32);
    cr_assert_eq(bp_dataset_column(dataset, 0, &info, NULL), BP_OK);
    cr_assert_eq(info.has_missing, 1);
    cr_assert_eq(bp_dataset_column(dataset, 3, &info, NULL), BP_OK);
    cr_assert_eq(info.role, 1);
    bp_dataset_free(dataset);
}

Test(csv, fields_come_back_as_they_stood)
{
    write_text("a.csv", "n,t,y\n0.1,\"a,\"\"b\"\"\",1\n,NA,2\n16777217,plain,3\n");
    bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));

    cr_assert_str_eq(field(dataset, 0, 0), "0.1");
    cr_assert_str_eq(field(dataset, 0, 1), "a,\"b\"");
    cr_assert_str_eq(field(dataset, 1, 0), "");
    cr_assert_str_eq(field(dataset, 1, 1), "");
    cr_assert_str_eq(field(dataset, 2, 0), "16777217");
    bp_dataset_free(dataset);
}

Test(csv, a_text_of_any_bytes_survives_quoting)
{
    static const char alphabet[] = "a\"\n,\r; \t\xC3\xA9";
    char text[4096] = "t,y\n", want[100][16];
    size_t used = strlen(text);

    for (unsigned i = 0; i < 100; i++) {
        size_t length = 0;
        text[used++] = '"';
        for (unsigned k = 0; k < 5; k++) {
            const char *from = &alphabet[(i * 7 + k * (i / 10 + 1)) % 9];
            size_t bytes = *from == '\xC3' ? 2 : 1;
            for (size_t b = 0; b < bytes; b++) {
                if (from[b] == '"')
                    text[used++] = '"';
                text[used++] = want[i][length++] = from[b];
            }
        }
        want[i][length] = 0;
        used += (size_t)sprintf(text + used, "x\",%u\r\n", i);
        strcpy(want[i] + length, "x");
    }
    scratch_write("a.csv", text, used);
    bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
    for (unsigned i = 0; i < 100; i++)
        cr_assert_str_eq(field(dataset, i, 0), want[i], "row %u", i);
    bp_dataset_free(dataset);
}

Test(csv, line_ends_byte_order_mark_and_blank_lines_do_not_matter)
{
    static const char *const forms[] = {"a,y\n1,2\n3,4\n", "a,y\r\n1,2\r\n3,4", "\357\273\277a,y\n1,2\n3,4\n\n",
                                        "\n\r\na,y\n1,2\n\n3,4"};

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        write_text("a.csv", forms[i]);
        bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
        cr_assert_eq(bp_dataset_rows(dataset), 2, "form %zu", i);
        cr_assert_str_eq(field(dataset, 1, 1), "4", "form %zu", i);
        expect_column(dataset, 0, "a", 0, BP_TYPE_F32);
        bp_dataset_free(dataset);
    }
}

Test(csv, a_header_is_found_or_told)
{
    write_text("a.csv", "1,2\n3,4\n");
    bp_dataset *dataset = must_read("a.csv", with("target", "column2", NULL));
    cr_assert_eq(bp_dataset_rows(dataset), 2);
    expect_column(dataset, 0, "column1", 0, BP_TYPE_F32);
    bp_dataset_free(dataset);

    dataset = must_read("a.csv", with("target", "2", "header", "yes", NULL));
    cr_assert_eq(bp_dataset_rows(dataset), 1);
    bp_dataset_free(dataset);

    write_text("a.csv", "colour,shape\nred,round\nblue,flat\n");
    dataset = must_read("a.csv", with("target", "shape", NULL));
    cr_assert_eq(bp_dataset_rows(dataset), 2);
    bp_dataset_free(dataset);

    dataset = must_read("a.csv", with("target", "column1", "header", "no", NULL));
    cr_assert_eq(bp_dataset_rows(dataset), 3);
    bp_dataset_free(dataset);
}

Test(csv, tabs_separate_in_tsv)
{
    write_text("a.tsv", "a\ty\n1,5\t2\n");
    bp_dataset *dataset = must_read("a.tsv", with("target", "y", NULL));
    cr_assert_str_eq(field(dataset, 0, 0), "1,5");
    bp_dataset_free(dataset);
}

Test(csv, categories_are_sorted_by_bytes)
{
    write_text("a.csv", "t,y\nb,1\na,2\n\xC3\xA9,3\nB,4\nab,5\nb,6\n");
    bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
    static const char *const sorted[] = {"B", "a", "ab", "b", "\xC3\xA9"};
    const bp_column *column = bp_dataset_find(dataset, "t", 0);

    cr_assert_eq(column->category_count, 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(column->categories[i], sorted[i]);
    cr_assert_str_eq(field(dataset, 5, 0), "b");
    bp_dataset_free(dataset);
}

Test(csv, many_categories_keep_their_rows)
{
    char *text = malloc(200000);
    size_t used = (size_t)sprintf(text, "t,y\n");

    for (unsigned i = 0; i < 5000; i++)
        used += (size_t)sprintf(text + used, "k%u,%u\n", i * 7919 % 3000, i);
    scratch_write("a.csv", text, used);
    free(text);
    bp_dataset *dataset = must_read("a.csv", with("target", "y", NULL));
    for (unsigned i = 0; i < 5000; i++) {
        char want[16];
        sprintf(want, "k%u", i * 7919 % 3000);
        cr_assert_str_eq(field(dataset, i, 0), want);
    }
    bp_dataset_free(dataset);
}

Test(csv, a_damaged_text_is_refused_with_its_line)
{
    cr_expect_eq(refused_line("a,y\n1,2\n3\n", "1 fields, but the first row has 2"), 3);
    cr_expect_eq(refused_line("a,y\n\"1\n2\",2\n3,4,5\n", "3 fields, but the first row has 2"), 4);
    cr_expect_eq(refused_line("a,y\n1,2\n\xFF,4\n", "not UTF-8"), 3);
    cr_expect_eq(refused_line("a,y\n1,2\n3,\"4\n5,6\n", "never closed"), 3);
    cr_expect_eq(refused_line("a,y\n1,2\n3,4\"5\n", "a quote inside a field"), 3);
    cr_expect_eq(refused_line("a,y\n1,2\n3,\"4\"5\n", "behind a closing quote"), 3);
    cr_expect_eq(refused_line("a,y\r1,2\r", "carriage return"), 1);
    cr_expect_eq(refused_line("", "the file is empty"), 1);
    cr_expect_eq(refused_line("\xEF\xBB\xBF\n\n", "the file is empty"), 1);
    cr_expect_eq(refused_line("\na,y\n", "a header and no row"), 2);
    cr_expect_eq(refused_line("a,a,y\n1,2,3\n", "two columns are named \"a\""), 1);
    cr_expect_eq(refused_line("a,,y\n1,2,3\n", "no name for column 2"), 1);
    cr_expect_eq(refused_line("a,y\n1,2\n1e999,3\n", "infinite"), 3);
    cr_expect_eq(refused_line("a,y\n1,2\n-Inf,3\n", "infinite"), 3);
}

Test(csv, a_nul_byte_is_refused_with_its_line)
{
    scratch_write("bad.csv", "a,y\n1,2\n3,\0\n", 12);
    cr_expect_eq(must_refuse("bad.csv", with("target", "y", NULL), BP_BAD_FILE, "NUL").line, 3);
}

Test(csv, a_field_too_long_is_refused)
{
    size_t size = BP_CSV_FIELD_MAX + 16;
    char *text = malloc(size);

    memset(text, 'x', size);
    memcpy(text, "a,y\n", 4);
    scratch_write("bad.csv", text, size);
    free(text);
    cr_expect_eq(must_refuse("bad.csv", with("target", "y", NULL), BP_BAD_FILE, "a field of").line, 2);
}

Test(csv, names_that_are_not_there_list_the_columns)
{
    static const char *const keys[] = {"target", "ignore-columns", "weight-column", "categorical"};

    write_text("a.csv", "a,b,y\n1,2,3\n");
    must_refuse("a.csv", with(NULL), BP_INVALID, "--target; columns: a, b, y");
    for (size_t i = 0; i < 4; i++) {
        const bp_settings *settings = i ? with("target", "y", keys[i], "zz", NULL) : with("target", "zz", NULL);
        bp_error error = must_refuse("a.csv", settings, BP_INVALID, "\"zz\"");
        cr_assert(strstr(error.text, keys[i]));
        cr_assert(strstr(error.text, "columns: a, b, y"));
    }
    must_refuse("a.csv", with("target", "y", "weight-column", "y", NULL), BP_INVALID, "two uses");
    must_refuse("a.csv", with("target", "y", "target-file", "b.csv", NULL), BP_INVALID, "--target-file");
}

Test(csv, a_name_may_hold_a_comma)
{
    write_text("a.csv", "\"a,b\",y\n1,2\n");
    bp_dataset *dataset = must_read("a.csv", with("target", "a,b", NULL));
    bp_column_info info;

    cr_assert_eq(bp_dataset_column(dataset, 0, &info, NULL), BP_OK);
    cr_assert_eq(info.role, 1);
    bp_dataset_free(dataset);
}

Test(csv, a_target_may_be_absent_where_it_is_optional)
{
    bp_dataset *dataset;

    write_text("a.csv", "a,b\n1,2\n");
    cr_assert_eq(bp_dataset_read("a.csv", with("target", "y", "ignore-columns", "q", NULL), 1, NULL, &dataset, NULL), BP_OK);
    bp_dataset_free(dataset);
}

Test(csv, a_name_that_tells_no_format_is_refused)
{
    write_text("a.dat", "a,y\n1,2\n");
    must_refuse("a.dat", with("target", "y", NULL), BP_BAD_FILE, "does not tell what it is");
    must_refuse("none", with("target", "y", NULL), BP_IO, "No such file");
    must_refuse("/tmp", with("target", "y", NULL), BP_BAD_FILE, "a directory");
}

/* ------------------------------------------------------------------------------------------------------------ dialects */

static void expect_fields(const char *text, const bp_settings *settings, const char *first, const char *second)
{
    write_text("a.csv", text);
    bp_dataset *dataset = must_read("a.csv", settings);

    cr_assert_eq(bp_dataset_columns(dataset), 2, "%llu columns of %s", (unsigned long long)bp_dataset_columns(dataset), text);
    cr_assert_str_eq(field(dataset, 0, 0), first, "%s", text);
    cr_assert_str_eq(field(dataset, 0, 1), second, "%s", text);
    bp_dataset_free(dataset);
}

Test(csv, the_delimiter_is_found_in_the_first_rows)
{
    const bp_settings *y = with("target", "y", NULL);

    expect_fields("a,y\n1,2\n", y, "1", "2");
    expect_fields("a;y\n1;2\n", y, "1", "2");
    expect_fields("a\ty\n1\t2\n", y, "1", "2");
    expect_fields("a|y\n1|2\n", y, "1", "2");
    expect_fields("\xEF\xBB\xBF\n\r\na;y\r\n1;2\r\n", y, "1", "2");
    expect_fields("a;y\n1,5;2,5\n3,5;4\n", y, "1,5", "2,5");                              /* more commas than semicolons */
    expect_fields("a,y\none; two,2\nthree,4\n", y, "one; two", "2");                      /* ';' is not in every row */
    expect_fields("\"a;b;c\",y\n\"d;e;f\",2\n", with("target", "y", NULL), "d;e;f", "2"); /* inside quotes nothing counts */
    expect_fields("\"a\n;\",y\n\"d;\n\",2\n", y, "d;\n", "2");
}

Test(csv, what_is_behind_the_first_64_KiB_does_not_choose_the_delimiter)
{
    char *text = malloc(200000);
    size_t used = (size_t)sprintf(text, "a;y\n");

    while (used < 70000)
        used += (size_t)sprintf(text + used, "%zu;2\n", used);
    sprintf(text + used, "x,;2\n,;2\n");
    expect_fields(text, with("target", "y", NULL), "4", "2");
    free(text);
}

Test(csv, a_delimiter_that_is_told_is_not_looked_for)
{
    expect_fields("a,b;y,z\n1,2;3,4\n", with("target", "y,z", "delimiter", ";", NULL), "1,2", "3,4");
    expect_fields("a;b\ty;z\n1\t2\n", with("target", "y;z", "delimiter", "tab", NULL), "1", "2");
    expect_fields("a^y\n1^2\n", with("target", "y", "delimiter", "^", NULL), "1", "2");
    write_text("a.tsv", "a;y\n1;2\n");
    bp_dataset *dataset = must_read("a.tsv", with("target", "y", "delimiter", ";", NULL));
    cr_assert_eq(bp_dataset_columns(dataset), 2);
    bp_dataset_free(dataset);
}

Test(csv, what_can_be_no_delimiter_is_refused)
{
    static const char *const wrong[] = {"\n", "\r", "\"", "", ";;", "e", "Z", "5", ".", "-", "+", "\xC3\xA9", "comma"};
    bp_dataset *dataset;
    bp_error error;

    write_text("a.csv", "a,y\n1,2\n");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const bp_settings *settings = with("target", "y", "delimiter", wrong[i], NULL);
        cr_assert_eq(bp_settings_check(settings, &error), BP_INVALID, "%s", wrong[i]);
        cr_assert(strstr(error.text, "delimiter"));
        cr_assert_eq(bp_dataset_read("a.csv", settings, 0, NULL, &dataset, &error), BP_INVALID, "%s", wrong[i]);
    }
    cr_assert_eq(bp_settings_check(with("delimiter", ",", "decimal", "comma", NULL), &error), BP_INVALID);
    cr_assert(strstr(error.text, "decimal"));
}

Test(csv, decimals_may_be_behind_a_comma)
{
    const bp_settings *comma = with("target", "y", "decimal", "comma", NULL);

    write_text("a.csv", "a;y\n-1,5e1;2\n ,25 ;\"3,5\"\n");
    bp_dataset *dataset = must_read("a.csv", comma);
    expect_column(dataset, 0, "a", 0, BP_TYPE_F32);
    expect_column(dataset, 1, "y", 0, BP_TYPE_F32);
    cr_assert_str_eq(field(dataset, 0, 0), "-15");
    cr_assert_str_eq(field(dataset, 1, 0), "0.25");
    cr_assert_str_eq(field(dataset, 1, 1), "3.5");
    bp_dataset_free(dataset);

    write_text("a.csv", "a,y\n1,5\n2,5\n"); /* one column: the comma is not guessed, and no header has a comma by itself */
    must_refuse("a.csv", comma, BP_INVALID, "columns: a,y");
    write_text("a.csv", "a;y\n1.5;2\n1.5;3\n");
    dataset = must_read("a.csv", comma);
    expect_column(dataset, 0, "a", 1, BP_TYPE_I32); /* a point is no part of a number now */
    bp_dataset_free(dataset);
}

static void expect_missing(const char *given, const char *missing, bool expected)
{
    char text[200];
    bp_column_info info;

    sprintf(text, "t,n,y\n%s,%s,1\nx,2,2\n", given, given);
    write_text("a.csv", text);
    bp_dataset *dataset = must_read("a.csv", missing ? with("target", "y", "missing", missing, NULL) : with("target", "y", NULL));
    cr_assert_eq(bp_dataset_column(dataset, 0, &info, NULL), BP_OK);
    cr_assert_eq(info.has_missing, expected, "'%s' among texts, missing %s", given, missing ? missing : "by default");
    cr_assert_eq(info.categories, expected ? 1 : 2);
    cr_assert_eq(bp_dataset_column(dataset, 1, &info, NULL), BP_OK);
    cr_assert_eq(info.has_missing, expected, "'%s' among numbers, missing %s", given, missing ? missing : "by default");
    bp_dataset_free(dataset);
}

Test(csv, missing_values_are_spelt_in_several_ways)
{
    static const char *const words[] = {"", "\"\"", "NA", "na", "nan", "NaN", "?", "null", "NULL", " NA ", "\"NA\""};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        expect_missing(words[i], NULL, true);
    expect_missing("none", NULL, false);
    expect_missing("N", NULL, false);
    expect_missing("none", "none,n/a", true);
    expect_missing("N/A", "none, n/a", true);
    expect_missing("NA", "none", false); /* the option's texts stand in the place of the usual ones */
    expect_missing("", "none", true);
    expect_missing("-999", "-999", true);
    expect_missing("-99", "-999", false);
}

Test(csv, a_number_that_stands_for_missing_is_meant_by_value)
{
    bp_column_info info;

    write_text("a.csv", "n,y\n-999.00,1\n-999e0,2\n-99.9,3\n");
    bp_dataset *dataset = must_read("a.csv", with("target", "y", "missing", "NA,-999", NULL));
    cr_assert_eq(bp_dataset_column(dataset, 0, &info, NULL), BP_OK);
    cr_assert_eq(info.has_missing, 1);
    cr_assert_str_eq(field(dataset, 0, 0), "");
    cr_assert_str_eq(field(dataset, 1, 0), "");
    cr_assert_str_eq(field(dataset, 2, 0), "-99.9");
    bp_dataset_free(dataset);
}
