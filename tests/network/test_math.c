/* core/elementary against the C library's long double functions, which are good to the last place of a double.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "elementary.h"

#define POINTS 200000

/* |got - exact| in units of the last place of a double at `exact`. */
static double ulps(double got, long double exact)
{
    int exponent;

    frexpl(exact, &exponent);
    if (exponent < DBL_MIN_EXP)
        exponent = DBL_MIN_EXP;
    return (double)(fabsl((long double)got - exact) / ldexpl(1, exponent - DBL_MANT_DIG));
}

typedef struct function {
    double (*ours)(double);
    long double (*exact)(long double);
    double bound; /* ulps */
} function;

static void compare_at(function f, double x)
{
    double got = f.ours(x);
    long double exact = f.exact((long double)x);

    if (isinf(got) || isinf((double)exact)) /* the last half unit before overflow may go either way */
        cr_assert(fabs(got) >= DBL_MAX && fabs((double)exact) >= DBL_MAX && signbit(got) == signbit((double)exact),
                  "f(%a) = %a, not %La", x, got, exact);
    else
        cr_assert(ulps(got, exact) < f.bound, "f(%a) = %a is %g ulp from %La", x, got, ulps(got, exact), exact);
}

/* Evenly from a to b. */
static void compare_within(function f, double a, double b)
{
    for (int i = 0; i <= POINTS; i++)
        compare_at(f, a + (b - a) * (i / (double)POINTS));
}

/* 64 points in each binade. */
static void compare_magnitudes(function f, int first, int last, double sign)
{
    for (int exponent = first; exponent <= last; exponent++)
        for (int i = 0; i < 64; i++)
            compare_at(f, sign * ldexp(1 + i / 64.0 + i * i * 0x1p-50, exponent));
}

/* A little above what 3 million points showed: 0.86, 0.85, 0.84 and 0.91. */
static const function exponential = {bp_exp, expl, 0.9};
static const function logarithm = {bp_log, logl, 0.9};
static const function logarithm1p = {bp_log1p, log1pl, 0.9};
static const function cosine = {bp_cos, cosl, 0.95};

static int same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

Test(math, exp_is_within_an_ulp)
{
    compare_within(exponential, -708, 709.78);
    compare_within(exponential, -1, 1);
    compare_magnitudes(exponential, -1074, 9, 1);
    compare_magnitudes(exponential, -1074, 8, -1);
}

Test(math, exp_stays_close_among_subnormals)
{
    compare_within((function){bp_exp, expl, 1.5}, -745.13, -708);
}

Test(math, exp_at_the_edges)
{
    cr_assert(same_bits(bp_exp(0), 1) && same_bits(bp_exp(-0.0), 1));
    cr_assert(bp_exp(INFINITY) == INFINITY && same_bits(bp_exp(-INFINITY), 0));
    cr_assert(bp_exp(709.79) == INFINITY && bp_exp(DBL_MAX) == INFINITY);
    cr_assert(same_bits(bp_exp(-746), 0) && same_bits(bp_exp(-DBL_MAX), 0));
    cr_assert(isfinite(bp_exp(709.782712893384)) && bp_exp(-745.13) > 0);
    cr_assert(isnan(bp_exp(NAN)));
}

Test(math, log_is_within_an_ulp)
{
    compare_within(logarithm, 0x1p-20, 4);
    compare_within(logarithm, 0.99, 1.01);
    compare_magnitudes(logarithm, -1074, 1023, 1);
}

Test(math, log_at_the_edges)
{
    cr_assert(same_bits(bp_log(1), 0));
    cr_assert(bp_log(0) == -INFINITY && bp_log(-0.0) == -INFINITY && bp_log(INFINITY) == INFINITY);
    cr_assert(isnan(bp_log(-1)) && isnan(bp_log(-INFINITY)) && isnan(bp_log(-0x1p-1074)) && isnan(bp_log(NAN)));
    compare_at(logarithm, DBL_MAX);
    compare_at(logarithm, 0x1p-1074);
}

Test(math, log1p_is_within_an_ulp)
{
    compare_within(logarithm1p, -0.9999, 3);
    compare_within(logarithm1p, -1e-3, 1e-3);
    compare_magnitudes(logarithm1p, -1074, 1023, 1);
    compare_magnitudes(logarithm1p, -1022, -2, -1);
    for (int i = 1; i <= 53; i++)
        compare_at(logarithm1p, ldexp(1, -i) - 1);
}

Test(math, log1p_at_the_edges)
{
    cr_assert(same_bits(bp_log1p(0), 0) && same_bits(bp_log1p(-0.0), -0.0));
    cr_assert(bp_log1p(-1) == -INFINITY && bp_log1p(INFINITY) == INFINITY);
    cr_assert(isnan(bp_log1p(-1.0000001)) && isnan(bp_log1p(-INFINITY)) && isnan(bp_log1p(NAN)));
    compare_at(logarithm1p, DBL_MAX);
}

Test(math, cos_is_within_an_ulp)
{
    const double pi = 0x1.921fb54442d18p+1;

    compare_within(cosine, 0, 3.9);
    compare_magnitudes(cosine, -1074, 0, 1);
    for (int quarter = 1; quarter <= 4; quarter++)
        for (int i = -1000; i <= 1000; i++)
            compare_at(cosine, quarter * pi / 4 * (1 + i * 0x1p-52));
    cr_assert(same_bits(bp_cos(0), 1) && same_bits(bp_cos(pi), -1) && isnan(bp_cos(NAN)));
}

Test(math, a_power_is_its_product)
{
    for (int n = 0; n < 64; n++) {
        long double product = 1;
        for (int i = 0; i < n; i++)
            product *= (long double)0.999;
        cr_assert(fabsl(bp_pow_n(0.999, (uint64_t)n) - product) <= n * 0x1p-53L, "0.999^%d", n);
        cr_assert(same_bits(bp_pow_n(-2, (uint64_t)n), ldexp(n % 2 ? -1 : 1, n)), "(-2)^%d", n);
    }
}

Test(math, powers_at_the_edges)
{
    cr_assert(same_bits(bp_pow_n(0, 0), 1) && same_bits(bp_pow_n(NAN, 0), 1) && same_bits(bp_pow_n(INFINITY, 0), 1));
    cr_assert(same_bits(bp_pow_n(0.9, 1), 0.9) && isnan(bp_pow_n(NAN, 1)));
    cr_assert(same_bits(bp_pow_n(1, UINT64_MAX), 1) && same_bits(bp_pow_n(0.999, UINT64_MAX), 0));
    cr_assert(bp_pow_n(1.5, UINT64_MAX) == INFINITY && bp_pow_n(2, 1023) == 0x1p1023 && bp_pow_n(2, 1024) == INFINITY);
    cr_assert(fabs(bp_pow_n(0.9999, 1000000) / (double)powl(0.9999L, 1000000) - 1) < 1000000 * 0x1p-52);
}
