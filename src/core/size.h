/* Sizes that come from outside: products and sums that say when they overflow.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SIZE_H
#define BP_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *result = a * b, or a + b; false where it does not fit, and *result is then undefined. */
static inline bool bp_size_mul(size_t a, size_t b, size_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

static inline bool bp_size_add(size_t a, size_t b, size_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

/* The multiple of `unit` at or above `value`; the caller knows that it fits. */
static inline size_t bp_size_round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* The length of nearly equal parts of `count`, none above `most`, at multiples of `grain`; `grain` where there is nothing to
 * cut. */
static inline size_t bp_size_part(size_t count, size_t most, size_t grain)
{
    size_t parts = (count + most - 1) / most;
    return parts ? bp_size_round_up((count + parts - 1) / parts, grain) : grain;
}

static inline size_t bp_size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t bp_size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
