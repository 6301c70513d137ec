/* Tests of decimal.h against the C library's strtod: the same bits for every number.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "random.h"
#include "text.h"

static uint64_t bits(uint64_t i)
{
    philox4x32_ctr_t b = bp_random(12, BP_STREAM_BENCH, 0, 0, i);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

/* Whether the quick way took it. */
static bool check(const char *text)
{
    char padded[600];
    double value = -1, want = strtod(text, NULL), quick = -1;

    memset(padded, '7', sizeof padded); /* what lies behind must not matter */
    memcpy(padded, text, strlen(text));
    padded[strlen(text)] = ',';
    const char *end = bp_decimal_read(padded, '.', &quick);
    if (end) {
        cr_assert_eq((size_t)(end - padded), strlen(text), "%s", text);
        cr_assert_eq(memcmp(&quick, &want, sizeof want), 0, "%s was read as %a, not %a", text, quick, want);
    }
    cr_assert_eq(bp_text_parse_f64(text, strlen(text), &value), isfinite(want), "%s", text);
    cr_assert_eq(memcmp(&value, &want, sizeof want), 0, "%s was read as %a, not %a", text, value, want);
    return end;
}

Test(decimal, every_length_and_exponent_is_rounded_as_by_strtod)
{
    char text[64];
    uint64_t quick = 0;

    for (uint64_t i = 0; i < 1000000; i++) {
        uint64_t r = bits(2 * i), digits = bits(2 * i + 1) >> r % 64;
        int length = sprintf(text, "%s%" PRIu64, r >> 8 & 1 ? "-" : "", digits % UINT64_C(10000000000000000000));
        if (r >> 9 & 1) { /* a point somewhere, also in front of or behind all digits */
            int sign = text[0] == '-', at = sign + (int)((r >> 10 & 31) % (uint64_t)(length - sign + 1));
            memmove(text + at + 1, text + at, (size_t)(length++ - at) + 1);
            text[at] = '.';
        }
        if (r >> 16 & 1)
            sprintf(text + length, "e%d", (int)(r >> 20 & 127) - 64);
        quick += check(text);
    }
    cr_assert_gt(quick, 800000);
}

Test(decimal, shortest_and_17_digit_texts_of_doubles_come_back)
{
    char text[64];

    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t pattern = bits(i) & ~(UINT64_C(0x3FF) << 53);
        double value;
        pattern |= (896 + bits(i + 7777777) % 256) << 52; /* 2^-127 ... 2^128 */
        memcpy(&value, &pattern, sizeof value);
        sprintf(text, i % 2 ? "%.16e" : "%.17g", value);
        check(text);
        sprintf(text, "%.18e", value);
        cr_assert(check(text), "%s takes the slow way", text);
    }
}

/* Exactly between two doubles, a digit below, and a digit above. */
Test(decimal, halves_go_to_the_even_neighbour)
{
    char text[64];

    for (uint64_t i = 0; i < 100000; i++) {
        unsigned shift = 1 + (unsigned)(i % 11);
        uint64_t whole = (bits(i) >> 11 | UINT64_C(1) << 52) << shift, half = whole + (UINT64_C(1) << (shift - 1));
        for (int near = -1; near <= 1; near++) {
            sprintf(text, "%" PRIu64, half + (uint64_t)near);
            check(text);
            sprintf(text, "%" PRIu64 "e3", (half + (uint64_t)near) / 2);
            check(text);
        }
        /* 2^52 + k + 1/2, 2^51 + k + 1/4, 2^50 + k + 1/8 */
        uint64_t k = bits(i) & ((UINT64_C(1) << 50) - 1);
        sprintf(text, "%" PRIu64 ".5", (UINT64_C(1) << 52) + k);
        check(text);
        sprintf(text, "%" PRIu64 ".%s", (UINT64_C(1) << 51) + k, i % 2 ? "25" : "75");
        check(text);
        sprintf(text, "%" PRIu64 ".%s", (UINT64_C(1) << 50) + k, i % 2 ? "125" : "625");
        check(text);
    }
}

Test(decimal, hard_cases_are_rounded_as_by_strtod)
{
    static const char *const cases[] = {
        "0", "-0", "+0", "0e999999999", "-0.0e-5", ".5", "5.", "+5.e1", "00000000000000000000000000001", "1e22", "1e23", "1e-22",
        "1e-23", "8.5e-23", "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994.0",
        "9007199254740993.00000000000000000001", "9223372036854775807", "9223372036854775808", "18446744073709551615",
        "18446744073709551616", "9999999999999999999", "10000000000000000000", "99999999999999999999", "1.7976931348623157e308",
        "1.7976931348623159e308", "1e309", "-1e999999999", "4.9e-324", "2.4e-324", "1e-999999999", "2.2250738585072014e-308",
        "2.2250738585072011e-308", "6.631236846766476e-316", "0.000000000000000000000000000000000001", "3.518437208883201171875e13",
        "62.5364939768271845828", "8.10109172351e-10", "1.50000000000000011102230246251565", "31.245270191439438",
        "45.24570191439438", "121.48791951161945", "6929495644600919.5", "3.7455744005952583e15", "2e-65", "9e46",
        "9999999999999999999e46", "1e-65", "5e-324", "123456789012345678e-40", "1e00000000000000000002",
        "0.1000000000000000055511151231257827", "104110013277974872254e-225",
        "5708990770823839207320493820740630171355185151999e-3", "12E5", "-3.25E-7", "1E400", "12345678901234567890123E-5",
        /* Paxson's table 4: closest to halfway for double at 17 digits and below */
        "5e125", "69e267", "999e-26", "7861e-34", "75569e-254", "928609e-261", "9210917e80", "84863171e114", "653777767e273",
        "5232604057e-298", "27235667517e-109", "653532977297e-123", "3142213164987e-294", "46202199371337e-72",
        "231010996856685e-73", "9324754620109615e212", "78459735791271921e49", "272104041512242479e200", "6802601037806061975e198",
        "20505426358836677347e-221", "836168422905420598437e-234", "4891559871276714924261e222"};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i]);
}

/* The 64 bits behind the leading ones are all ones then. */
Test(decimal, products_that_end_in_ones_are_rounded_as_by_strtod)
{
    static const uint64_t powers[][2] = {
#include "decimal_powers.inc.h"
    };
    char text[64];
    double value;
    size_t taken = 0;

    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        uint64_t inverse = powers[i][0];
        for (int round = 0; round < 5; round++) /* of an odd number, modulo 2^64: each step doubles the bits that are right */
            inverse *= 2 - powers[i][0] * inverse;
        uint64_t mantissa = -inverse;
        if (mantissa * powers[i][0] != UINT64_MAX || mantissa >> 63 == 0) /* an even one; a mantissa that would be shifted */
            continue;
        sprintf(text, "%" PRIu64 "e%d", mantissa, (int)i - 65);
        cr_assert(bp_decimal_round(mantissa, (int64_t)i - 65, &value));
        cr_assert_eq(value, strtod(text, NULL), "%s was read as %a", text, value);
        taken++;
    }
    cr_assert_gt(taken, 20);
}

Test(decimal, what_is_no_number_is_refused)
{
    static const char *const texts[] = {"",     "-",   "+",   ".",  "-.", "e5",  "1e",  "1e+",   "1.2.3", "1,5",
                                        "0x10", "inf", "nan", "1 ", " 1", "--1", "+-1", "1e5.5", "12a",   "1_000"};
    double value;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert_not(bp_text_parse_f64(texts[i], strlen(texts[i]), &value), "%s", texts[i]);
}

Test(decimal, the_point_may_be_a_comma)
{
    double value;
    const char *text = "-1234,5e1;99999999";

    cr_assert_eq(bp_decimal_read(text, ',', &value) - text, 9);
    cr_assert_eq(value, -12345);
    cr_assert_eq(*bp_decimal_read("1.5;99999999", ',', &value), '.');
}
