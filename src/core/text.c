/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strtod_l */
#include "text.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "float_state.h"

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* NULL where the C library refuses even that; then the host's locale has to do. */
static locale_t the_c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);
    return c_locale;
}

static double read_number(const char *text)
{
    locale_t locale = the_c_locale();
    return locale ? strtod_l(text, NULL, locale) : strtod(text, NULL);
}

/* printf takes its decimal point from the thread's locale: put ours in place for one call. */
static void print_number(char text[32], int digits, double value)
{
    locale_t locale = the_c_locale();
    locale_t host = locale ? uselocale(locale) : (locale_t)0;
    snprintf(text, 32, "%.*g", digits, value);
    if (locale)
        uselocale(host);
}

static bool print_special(double value, char text[32])
{
    if (isfinite(value))
        return false;
    strcpy(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return true;
}

static BP_OUT_OF_LINE size_t print_f64(double value, char text[32])
{
    int digits = 15;

    if (!print_special(value, text))
        do
            print_number(text, digits, value);
        while (digits++ < 17 && read_number(text) != value); /* 17 always suffice for a double */
    return strlen(text);
}

size_t bp_text_f64(double value, char text[32])
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    size_t length = print_f64(value, text);
    bp_float_end(host);
    return length;
}

static BP_OUT_OF_LINE size_t print_f32(float value, char text[32])
{
    int digits = 6;

    if (!print_special((double)value, text))
        do
            print_number(text, digits, (double)value);
        while (digits++ < 9 && (float)read_number(text) != value); /* 9 always suffice for a float */
    return strlen(text);
}

size_t bp_text_f32(float value, char text[32])
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    size_t length = print_f32(value, text);
    bp_float_end(host);
    return length;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_digits(const char *text, size_t length, size_t at)
{
    while (at < length && is_digit(text[at]))
        at++;
    return at;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit in the mantissa. */
static bool is_decimal(const char *text, size_t length)
{
    size_t at = length && (text[0] == '+' || text[0] == '-');
    size_t whole = at, digits;

    at = skip_digits(text, length, at);
    digits = at - whole;
    if (at < length && text[at] == '.') {
        size_t fraction = ++at;
        at = skip_digits(text, length, at);
        digits += at - fraction;
    }
    if (!digits)
        return false;
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < length && (text[at] == '+' || text[at] == '-');
        size_t exponent = at;
        at = skip_digits(text, length, at);
        if (at == exponent)
            return false;
    }
    return at == length;
}

bool bp_text_parse_f64(const char *text, size_t length, double *value)
{
    char copy[512 + BP_DECIMAL_ROOM] = {0};

    if (length >= sizeof copy - BP_DECIMAL_ROOM)
        return false;
    memcpy(copy, text, length);
    if (bp_decimal_read(copy, '.', value) == copy + length)
        return true;
    if (!is_decimal(text, length))
        return false;
    *value = read_number(copy);
    return isfinite(*value);
}

bool bp_text_parse_u64(const char *text, size_t length, uint64_t *value)
{
    uint64_t number = 0;

    if (!length)
        return false;
    for (size_t at = 0; at < length; at++)
        if (!is_digit(text[at]) || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text[at] - '0'), &number))
            return false;
    *value = number;
    return true;
}

bool bp_text_ends_with(const char *text, size_t length, const char *suffix)
{
    size_t wanted = strlen(suffix);
    return length >= wanted && memcmp(text + length - wanted, suffix, wanted) == 0;
}

/* Length of the character at text, 0 where it is ill-formed (Unicode 15, table 3-7). */
static size_t character_length(const unsigned char *text, size_t length)
{
    unsigned char c = text[0], low = 0x80, high = 0xbf;
    size_t more;

    if (c < 0x80)
        return c != 0;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    if (c == 0xe0)
        low = 0xa0;
    if (c == 0xed)
        high = 0x9f;
    if (c == 0xf0)
        low = 0x90;
    if (c == 0xf4)
        high = 0x8f;
    if (more >= length || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i <= more; i++)
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    return more + 1;
}

size_t bp_text_utf8_prefix(const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t step = character_length((const unsigned char *)text + at, length - at);
        if (!step)
            break;
        at += step;
    }
    return at;
}
