/* Numbers that core/elementary.c and the kernels' vectors of doubles share, so that both give the same bits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SERIES_H
#define BP_SERIES_H

/* log 2 in two parts; the high one has 32 bits: its product with an exponent is exact. */
#define BP_LN2_HIGH 0x1.62e42feep-1
#define BP_LN2_LOW 0x1.a39ef35793c76p-33
#define BP_LOG2_E 1.4426950408889634

/* Below it e^x is 0: the log of half the smallest double. */
#define BP_EXP_LEAST (-745.1332191019412)

/* Halves of a mantissa above it go to the next exponent. */
#define BP_ROOT_2 1.4142135623730951

/* Where log(1 + x) is made of x itself. */
#define BP_LOG1P_LOW (-0.29)
#define BP_LOG1P_HIGH 0.41

/* Of (e^r - 1 - r) / r^2, ascending powers of r. */
#define BP_EXP_TAIL                                                                                                         \
    1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, \
        1.0 / 479001600, 1.0 / 6227020800, 1.0 / 87178291200

/* Of 2 artanh(s) / s - 2, ascending powers of s^2, from s^2 on. */
#define BP_LOG_ODD 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23

#endif
