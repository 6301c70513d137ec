/* Each function brings its argument near 0, where a Taylor series ends soon, and adds the largest term last, so that only
 * one rounding of the result's own size is left. Coefficients are quotients that the compiler rounds once.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "series.h"

/* pi / 2 in two parts. */
#define HALF_PI_HIGH 0x1.921fb54442d18p+0
#define HALF_PI_LOW 0x1.1a62633145c07p-54

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^k of a normal number: -1022 <= k <= 1023. */
static double power_of_two(int k)
{
    return of_bits((uint64_t)(k + 1023) << 52);
}

/* c[0] + c[1] x + ... */
static double polynomial(const double *c, int count, double x)
{
    double sum = c[count - 1];
    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* (e^r - 1 - r) / r^2 for |r| <= log(2) / 2; what is cut off is below 2^-60. */
static double exp_tail(double r)
{
    static const double c[] = {BP_EXP_TAIL};
    return polynomial(c, sizeof c / sizeof *c, r);
}

double bp_exp(double x)
{
    if (x != x)
        return x;
    if (x > 709.782712893384) /* log of the largest double */
        return HUGE_VAL;
    if (x < BP_EXP_LEAST)
        return 0;

    /* x = k log 2 + r + lost */
    double k = floor(x * BP_LOG2_E + 0.5);
    double high = x - k * BP_LN2_HIGH;
    double low = k * BP_LN2_LOW;
    double r = high - low;
    double lost = (high - r) - low;
    double y = 1 + (r + (lost + r * r * exp_tail(r)));

    /* 2^k may be no normal number where the result is one: two factors. */
    int half = (int)k / 2;
    return y * power_of_two(half) * power_of_two((int)k - half);
}

/* log((1 + f) 2^k) + c for sqrt(1/2) < 1 + f < sqrt(2) and a small c. With s = f / (2 + f) it is 2 artanh(s) =
 * f - f^2/2 + s (f^2/2 + 2 s^2/3 + 2 s^4/5 + ...), which keeps the exact f to the end. */
static double log_of_parts(double f, double k, double c)
{
    static const double odd[] = {BP_LOG_ODD};
    double s = f / (2 + f);
    double z = s * s;
    double series = z * polynomial(odd, sizeof odd / sizeof *odd, z);
    double half_square = 0.5 * f * f;
    return k * BP_LN2_HIGH - ((half_square - (s * (half_square + series) + (k * BP_LN2_LOW + c))) - f);
}

/* log(x) + c for a finite x > 0 */
static double log_plus(double x, double c)
{
    int k = -1023;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k -= 54;
    }
    k += (int)(bits_of(x) >> 52);
    double m = of_bits((bits_of(x) & 0xfffffffffffffu) | (uint64_t)1023 << 52); /* [1, 2) */
    if (m > BP_ROOT_2) {
        m *= 0.5;
        k++;
    }
    return log_of_parts(m - 1, k, c);
}

double bp_log(double x)
{
    if (x != x || x == HUGE_VAL)
        return x;
    if (x == 0)
        return -HUGE_VAL;
    return x < 0 ? (double)NAN : log_plus(x, 0);
}

double bp_log1p(double x)
{
    if (x != x || x == HUGE_VAL || fabs(x) < 0x1p-54)
        return x;
    if (x <= -1)
        return x == -1 ? -HUGE_VAL : (double)NAN;
    if (x > BP_LOG1P_LOW && x < BP_LOG1P_HIGH)
        return log_of_parts(x, 0, 0);

    /* u is 1 + x rounded; log(u + lost) = log(u) + lost / u + ... */
    double u = 1 + x;
    double lost = fabs(x) < 1 ? x - (u - 1) : 1 - (u - x);
    return log_plus(u, lost / u);
}

/* sin(y + t) and cos(y + t) for |y| <= pi / 4 and t below y's last place */
static double sin_near_0(double y, double t)
{
    static const double c[] = {-1.0 / 6,        1.0 / 120,        -1.0 / 5040,          1.0 / 362880,
                               -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000};
    double square = y * y;
    return y + (t + y * square * polynomial(c, sizeof c / sizeof *c, square));
}

static double cos_near_0(double y, double t)
{
    static const double c[] = {1.0 / 24,        -1.0 / 720,         1.0 / 40320,         -1.0 / 3628800,
                               1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000};
    double square = y * y;
    double half = 0.5 * square;
    double w = 1 - half;
    return w + (((1 - w) - half) + (square * square * polynomial(c, sizeof c / sizeof *c, square) - y * t));
}

double bp_cos(double x)
{
    assert(!(x < 0) && !(x > 3.9));
    if (!(x > HALF_PI_HIGH / 2))
        return cos_near_0(x, 0);

    /* cos x = sin(pi/2 - x) = -cos(pi - x); the first difference is exact */
    double turns = x > 1.5 * HALF_PI_HIGH ? 2 : 1;
    double high = turns * HALF_PI_HIGH - x;
    double y = high + turns * HALF_PI_LOW;
    double t = (high - y) + turns * HALF_PI_LOW;
    return turns > 1 ? -cos_near_0(y, t) : sin_near_0(y, t);
}

double bp_pow_n(double x, uint64_t n)
{
    double result = 1;
    for (double square = x; n > 0; n >>= 1) {
        if (n & 1)
            result *= square;
        if (n > 1)
            square *= square;
    }
    return result;
}
