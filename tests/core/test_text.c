/* Tests of text.h: numbers go out and come back the same, whatever the host's locale; ill-formed UTF-8 is found.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "scratch.h"
#include "text.h"

static uint64_t bits(uint64_t i)
{
    philox4x32_ctr_t b = bp_random(11, BP_STREAM_BENCH, 0, 0, i);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

static bool parse(const char *text, double *value)
{
    return bp_text_parse_f64(text, strlen(text), value);
}

static void check_f64(double value)
{
    char text[32];
    double back;
    size_t length = bp_text_f64(value, text);

    cr_assert_eq(length, strlen(text));
    cr_assert(parse(text, &back), "%s", text);
    cr_assert_eq(memcmp(&value, &back, sizeof value), 0, "%a went out as %s and came back as %a", value, text, back);
}

static void check_f32(float value)
{
    char text[32];
    double back;

    bp_text_f32(value, text);
    cr_assert(parse(text, &back), "%s", text);
    cr_assert_eq((float)back, value, "%s", text);
}

static void check_many(void)
{
    static const double edges[] = {0,
                                   -0.0,
                                   1,
                                   -1,
                                   0.1,
                                   1e22,
                                   1e23,
                                   9007199254740993.0,
                                   0x1p-1074,
                                   0x1p-1022,
                                   0x1.fffffffffffffp1023,
                                   0x1p53,
                                   123456.789,
                                   5e-324,
                                   2.2250738585072011e-308};

    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        check_f64(edges[i]);
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t pattern = bits(i);
        uint32_t half = (uint32_t)pattern;
        double value;
        float narrow;
        memcpy(&value, &pattern, sizeof value);
        memcpy(&narrow, &half, sizeof narrow);
        if (isfinite(value))
            check_f64(value);
        if (isfinite(narrow))
            check_f32(narrow);
    }
}

Test(text, numbers_read_back_the_same)
{
    check_many();
}

/* Debian's minimum has no locale with a decimal comma, so one is made; NULL where even its source is missing. */
static const char *set_comma_locale(void)
{
    char directory[4096];

    if (system("localedef -i de_DE -f UTF-8 ./comma >/dev/null 2>&1") != 0)
        return setlocale(LC_ALL, "de_DE.UTF-8");
    cr_assert(getcwd(directory, sizeof directory));
    setenv("LOCPATH", directory, 1);
    return setlocale(LC_ALL, "comma");
}

static void remove_locale(void)
{
    (void)!system("rm -rf ./comma");
    scratch_end();
}

Test(text, numbers_do_not_heed_a_locale_with_commas, .init = scratch_begin, .fini = remove_locale)
{
    char text[32];
    double value;

    if (!set_comma_locale())
        cr_skip_test("no locale with a decimal comma");
    snprintf(text, sizeof text, "%.1f", 0.5);
    cr_assert_str_eq(text, "0,5", "the locale is no trap");
    bp_text_f64(0.5, text);
    cr_assert_str_eq(text, "0.5");
    cr_assert_not(parse("0,5", &value));
    check_many();
}

Test(text, the_shortest_form_is_chosen)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"}, {1e-8, "1e-08"}, {100, "100"}, {1.0 / 3, "0.3333333333333333"}, {-2.5, "-2.5"}};
    char text[32];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bp_text_f64(cases[i].value, text);
        cr_assert_str_eq(text, cases[i].text);
    }
    bp_text_f32(0.1f, text);
    cr_assert_str_eq(text, "0.1");
    bp_text_f64(INFINITY, text);
    cr_assert_str_eq(text, "inf");
    bp_text_f64(-INFINITY, text);
    cr_assert_str_eq(text, "-inf");
    bp_text_f64(NAN, text);
    cr_assert_str_eq(text, "nan");
    bp_text_f32(-INFINITY, text);
    cr_assert_str_eq(text, "-inf");
    bp_text_f64(0x1.fffffffffffffp-3, text); /* needs 17 digits, and 9 */
    cr_assert_str_eq(text, "0.24999999999999997");
    bp_text_f32(0x1.600016p3f, text);
    cr_assert_str_eq(text, "11.0000105");
}

/* Digits, point and exponent at random, so that both the short way and strtod's are taken. */
static void make_decimal(uint64_t i, char text[64])
{
    uint64_t random = bits(i);
    int digits = 1 + (int)(random % 20), point = (int)(random >> 8) % (digits + 1), exponent = (int)(random >> 16 & 63) - 32;
    char *at = text;

    if (random >> 24 & 1)
        *at++ = random >> 25 & 1 ? '-' : '+';
    for (int d = 0; d < digits; d++) {
        if (d == point)
            *at++ = '.';
        *at++ = (char)('0' + (bits(i + 1000000) >> (d * 3) & 7) + (uint64_t)(d & 1));
    }
    if (random >> 26 & 1)
        sprintf(at, "e%d", exponent);
    else
        *at = 0;
}

Test(text, decimals_are_read_as_strtod_reads_them)
{
    char text[64];
    double value;

    for (uint64_t i = 0; i < 100000; i++) {
        make_decimal(i, text);
        double expected = strtod(text, NULL);
        cr_assert(parse(text, &value), "%s", text);
        cr_assert_eq(memcmp(&value, &expected, sizeof value), 0, "%s is %a, read as %a", text, expected, value);
    }
}

Test(text, what_is_no_plain_decimal_is_refused)
{
    static const char *const texts[] = {"",
                                        "+",
                                        "-",
                                        ".",
                                        "e5",
                                        "1e",
                                        "1e+",
                                        " 1",
                                        "1 ",
                                        "1,5",
                                        "0x10",
                                        "inf",
                                        "nan",
                                        "1.2.3",
                                        "--1",
                                        "1f",
                                        "1e5.0",
                                        "infinity",
                                        "1e999",
                                        "1_0",
                                        "١",
                                        "1e-+3",
                                        "1E",
                                        "1E+400",
                                        "12345678901234567890123e",
                                        "12345678901234567890123E+"};
    double value;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert_not(parse(texts[i], &value), "\"%s\" was read", texts[i]);
    cr_assert_not(bp_text_parse_f64("1\0002", 3, &value), "NUL inside was read");
}

Test(text, only_the_given_bytes_are_read)
{
    double value;
    uint64_t count;

    cr_assert(bp_text_parse_f64("123456", 3, &value));
    cr_assert_eq(value, 123);
    cr_assert(bp_text_parse_f64("1e55", 3, &value));
    cr_assert_eq(value, 1e5);
    cr_assert(bp_text_parse_u64("123456", 2, &count));
    cr_assert_eq(count, 12);
}

Test(text, whole_numbers_end_where_64_bits_end)
{
    static const char *const refused[] = {"", "-1", "+1", "1.0", "18446744073709551616", "99999999999999999999", " 1", "1a"};
    uint64_t value;

    cr_assert(bp_text_parse_u64("18446744073709551615", 20, &value));
    cr_assert_eq(value, UINT64_MAX);
    cr_assert(bp_text_parse_u64("000", 3, &value));
    cr_assert_eq(value, 0);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        cr_assert_not(bp_text_parse_u64(refused[i], strlen(refused[i]), &value), "%s", refused[i]);
}

/* Unicode 15, table 3-7, row by row at its edges: `good` is how many of the bytes are well-formed. */
Test(text, utf8_is_well_formed_by_the_table)
{
    static const struct {
        const char *text;
        size_t length, good;
    } cases[] = {
        {"", 0, 0},
        {"abc", 3, 3},
        {"a\0b", 3, 1},
        {"\x7f", 1, 1},
        {"\x80", 1, 0},
        {"\xbf", 1, 0},
        {"\xc0\x80", 2, 0},
        {"\xc1\xbf", 2, 0},
        {"\xc2\x80", 2, 2},
        {"\xdf\xbf", 2, 2},
        {"\xc2", 1, 0},
        {"\xc2\x7f", 2, 0},
        {"\xc2\xc0", 2, 0},
        {"\xe0\x9f\xbf", 3, 0},
        {"\xe0\xa0\x80", 3, 3},
        {"\xe1\x80\x80", 3, 3},
        {"\xec\xbf\xbf", 3, 3},
        {"\xed\x9f\xbf", 3, 3},
        {"\xed\xa0\x80", 3, 0},
        {"\xee\x80\x80", 3, 3},
        {"\xef\xbf\xbf", 3, 3},
        {"\xe1\x80", 2, 0},
        {"\xe1\x80\xc0", 3, 0},
        {"\xf0\x8f\xbf\xbf", 4, 0},
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf3\xbf\xbf\xbf", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf4\x90\x80\x80", 4, 0},
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xff", 1, 0},
        {"\xf1\x80\x80", 3, 0},
        {"\xf1\x80\x80\x7f", 4, 0},
        {"ab\xc3\xa9\xff", 5, 4},
        {"\xe2\x82\xac"
         "x\xe2\x82",
         6, 4},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(bp_text_utf8_prefix(cases[i].text, cases[i].length), cases[i].good, "case %zu", i);
}
