/* What the tests of kernels share: the tables that run here, difficult numbers, comparison to the bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_KERNELS_H
#define BP_TEST_KERNELS_H

#include "kernels.h"

#include "fence.h"

enum { TABLES_MOST = 3 };

/* The tables that this processor runs, scalar first; returns how many. */
size_t tables_here(const bp_kernels *tables[TABLES_MOST]);

/* Subnormals flushed and rounding to nearest from here on, as kernels may expect: the .init of every suite of kernels. */
void flush_subnormals(void);

/* ordinary: in (-1, 1). zeros: of both signs, among a few ordinary ones. tiny: subnormals, and what makes products of that size.
 * infinite: ordinary, but one in 64 an infinity, a NaN or the largest float. */
typedef enum fill_kind { FILL_ORDINARY, FILL_ZEROS, FILL_TINY, FILL_INFINITE, FILL_KINDS } fill_kind;
void fill(float *to, size_t count, fill_kind kind, uint64_t seed);

/* Where two arrays first differ in a bit, `count` where nowhere; any NaN equals any other. */
size_t first_difference(const float *a, const float *b, size_t count);

/* The exponential that the kernels are made of, which no table shows bare. */
float kernel_exp(float x);

/* |got - exact| in units of the last place of a float at `exact`; 0 where both are NaN or the same infinity, and where `exact` is
 * a number that flushing takes away, or rounding to the smallest normal one. */
double ulps(float got, double exact);

#endif
