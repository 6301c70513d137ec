/* Whether all of many floats are finite, as fast as memory gives them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FINITE_H
#define BP_FINITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BP_FINITE_LANES 16

static inline bool bp_all_finite(const float *numbers, size_t count)
{
    uint32_t bits[BP_FINITE_LANES], carry[BP_FINITE_LANES] = {0}, any = 0;
    size_t at = 0;

    for (; at + BP_FINITE_LANES <= count; at += BP_FINITE_LANES) {
        memcpy(bits, numbers + at, sizeof bits);
        for (size_t i = 0; i < BP_FINITE_LANES; i++) /* the largest exponent carries into the sign */
            carry[i] |= (bits[i] & 0x7f800000u) + 0x00800000u;
    }
    for (; at < count; at++) {
        memcpy(bits, numbers + at, sizeof *bits);
        carry[0] |= (bits[0] & 0x7f800000u) + 0x00800000u;
    }
    for (size_t i = 0; i < BP_FINITE_LANES; i++)
        any |= carry[i];
    return !(any & 0x80000000u);
}

#endif
