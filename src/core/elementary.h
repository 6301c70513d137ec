/* Elementary functions in double for whatever may reach a model file: the same bits from every compiler, C library and
 * machine, since nothing is used but +, -, *, /, floor and fabs. (Not called math.h: that name would hide the system's.)
 *
 * Errors are against the true value, in units of the result's last place, and were measured by tests/network/test_math.c.
 * Subnormal results are flushed where the caller has switched that on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ELEMENTARY_H
#define BP_ELEMENTARY_H

#include <stdint.h>

/* Below 1 ulp each, 1.5 among subnormal results of bp_exp. Infinities, zeros, NaN and arguments outside the domain give
 * what C's annex F says. */
double bp_exp(double x);
double bp_log(double x);
double bp_log1p(double x);

/* Below 1 ulp for 0 <= x <= 3.9, a little more than schedules need; NaN passes; nothing else is allowed. */
double bp_cos(double x);

/* x^n by squaring, 1 for n = 0. Every product rounds, so the relative error is up to (n - 1) 2^-53. */
double bp_pow_n(double x, uint64_t n);

#endif
