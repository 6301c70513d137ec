/* SPDX-License-Identifier: Apache-2.0 */
#include "decimal.h"

#define BP_DECIMAL_FIRST (-65)
#define BP_DECIMAL_LAST 46

static const uint64_t powers_of_five[BP_DECIMAL_LAST - BP_DECIMAL_FIRST + 1][2] = {
#include "decimal_powers.inc.h"
};

typedef struct product {
    uint64_t high;
    uint64_t low;
} product;

static product multiply(uint64_t a, uint64_t b)
{
    unsigned __int128 whole = (unsigned __int128)a * b;
    return (product){(uint64_t)(whole >> 64), (uint64_t)whole};
}

/* The leading bits of mantissa * 5^exponent: by the second half of the table too where the first leaves the 55 bits that
 * matter in doubt. Behind it no doubt is left, whatever the mantissa (Mushtak and Lemire 2023, "Fast number parsing without
 * fallback"). */
static product multiply_by_power(uint64_t mantissa, int64_t exponent)
{
    const uint64_t *power = powers_of_five[exponent - BP_DECIMAL_FIRST];
    product first = multiply(mantissa, power[0]);

    if ((first.high & 0x1FF) == 0x1FF) {
        uint64_t carry = multiply(mantissa, power[1]).high;
        first.low += carry;
        first.high += first.low < carry;
    }
    return first;
}

/* Eisel's and Lemire's way; names are those of the paper's algorithm 1. Powers are so few that no subnormal and no infinity
 * comes out. */
bool bp_decimal_round(uint64_t mantissa, int64_t exponent, double *value)
{
    if (mantissa == 0) {
        *value = 0;
        return true;
    }
    if (exponent < BP_DECIMAL_FIRST || exponent > BP_DECIMAL_LAST)
        return false;
    int zeros = __builtin_clzll(mantissa);
    product z = multiply_by_power(mantissa << zeros, exponent);
    int upper = (int)(z.high >> 63), shift = upper + 9;
    uint64_t m = z.high >> shift;
    int64_t p = ((152170 + 65536) * exponent >> 16) + 63 + upper - zeros + 1023;
    /* Halfway between two doubles, which only small powers of five can be: to the even one. */
    if (z.low <= 1 && exponent >= -4 && exponent <= 23 && (m & 3) == 1 && m << shift == z.high)
        m &= ~UINT64_C(1);
    m = (m + (m & 1)) >> 1;
    p += (int64_t)(m >> 53); /* all ones have become the next power of two */
    uint64_t bits = (uint64_t)p << 52 | (m & ((UINT64_C(1) << 52) - 1));
    memcpy(value, &bits, sizeof bits);
    return true;
}

size_t bp_decimal_significant(const char *first, const char *end)
{
    size_t count = 0;

    for (; first < end; first++)
        if (*first >= '0') /* a point is below */
            count += count > 0 || *first != '0';
    return count;
}
