/* Decimal text -> the nearest double, ties to even: the way that nearly all numbers of a table take.
 *
 *      -12.345e6   ->   mantissa 12345, exponent 3   ->   mantissa * 10^exponent
 *
 * Eight digits are read at a time from one load (Lemire, Number Parsing at a Gigabyte per Second, 2021). What is left over,
 * such as numbers of more than 19 digits, takes strtod's way (text.h). Locale and allocation have no part in it; the
 * direction of rounding must be to nearest.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DECIMAL_H
#define BP_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BP_DECIMAL_ROOM 8    /* bytes that may be read behind a number's end, whatever they hold */
#define BP_DECIMAL_DIGITS 19 /* always fit 64 bits */

/* mantissa * 10^exponent, rounded; false where it takes more than a table of powers to tell. */
bool bp_decimal_round(uint64_t mantissa, int64_t exponent, double *value);

/* The number of digits from `first` to `end`, a point between them not counted, zeros in front left out. */
size_t bp_decimal_significant(const char *first, const char *end);

/* The eight bytes at `at`, less '0' each, and what is 0 where all of them are digits: else its lowest byte that is not 0 is the
 * first that is none. Above that, carries may lie. */
static inline uint64_t bp_decimal_load(const char *at, uint64_t *other)
{
    uint64_t bytes;

    memcpy(&bytes, at, sizeof bytes);
    *other = ((bytes & 0xF0F0F0F0F0F0F0F0) ^ 0x3030303030303030) |
             (((bytes + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) ^ 0x3030303030303030);
    return bytes & 0x0F0F0F0F0F0F0F0F;
}

/* The number of eight digits, the first in the lowest byte. */
static inline uint64_t bp_decimal_eight(uint64_t digits)
{
    digits = (digits * 2561) >> 8 & 0x00FF00FF00FF00FF;     /* pairs: 10 * first + second */
    digits = (digits * 6553601) >> 16 & 0x0000FFFF0000FFFF; /* fours */
    return digits * 42949672960001 >> 32;
}

/* Appends the digits at `at` to *mantissa, which wraps around; returns where they end. */
static inline const char *bp_decimal_digits(const char *at, uint64_t *mantissa)
{
    static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t other, digits;

    for (; digits = bp_decimal_load(at, &other), !other; at += 8)
        *mantissa = *mantissa * 100000000 + bp_decimal_eight(digits);
    unsigned count = (unsigned)__builtin_ctzll(other) / 8;
    digits = digits << 8 << (56 - 8 * count); /* zeros in front make eight digits of it */
    *mantissa = *mantissa * powers[count] + bp_decimal_eight(digits);
    return at + count;
}

/* Behind an 'e': the signed number there; returns where it ends, NULL where there is none. */
static inline const char *bp_decimal_exponent(const char *at, int64_t *exponent)
{
    bool negative = *at == '-';
    uint64_t magnitude = 0;

    at += *at == '-' || *at == '+';
    const char *end = bp_decimal_digits(at, &magnitude);
    if (end == at || end - at > 9)
        return NULL;
    *exponent += negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return end;
}

/* A mantissa below 2^53 times or over a power of ten up to 10^22 is exact in both operands, so one operation rounds
 * correctly (Clinger 1990). */
static inline bool bp_decimal_value(uint64_t mantissa, int64_t exponent, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (mantissa > (uint64_t)1 << 53 || exponent < -22 || exponent > 22)
        return bp_decimal_round(mantissa, exponent, value);
    double whole = (double)(int64_t)mantissa;
    *value = exponent < 0 ? whole / powers[-exponent] : whole * powers[exponent];
    return true;
}

/* Reads the number [+-] digits [point digits] [e [+-] digits] at `text`; returns where it ends, NULL where there is none or it
 * is one of the few that bp_text_parse_f64 must read. */
static inline const char *bp_decimal_read(const char *text, char point, double *value)
{
    uint64_t mantissa = 0;
    int64_t exponent = 0;
    bool negative = *text == '-';
    const char *first = text + (negative | (*text == '+')), *end = bp_decimal_digits(first, &mantissa);
    ptrdiff_t digits = end - first;

    if (*end == point) {
        const char *fraction = end + 1;
        end = bp_decimal_digits(fraction, &mantissa);
        exponent = fraction - end;
        digits += end - fraction;
    }
    if (digits == 0 || (digits > BP_DECIMAL_DIGITS + (*first == '0') && bp_decimal_significant(first, end) > BP_DECIMAL_DIGITS))
        return NULL;
    if (*end == 'e' || *end == 'E')
        end = bp_decimal_exponent(end + 1, &exponent);
    if (!end || !bp_decimal_value(mantissa, exponent, value))
        return NULL;
    uint64_t bits;
    memcpy(&bits, value, sizeof bits);
    bits ^= (uint64_t)negative << 63; /* no branch: half of a column's signs may be either */
    memcpy(value, &bits, sizeof bits);
    return end;
}

#endif
