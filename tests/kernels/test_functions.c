/* Activation functions and their slopes: close to the true value, and the same bits from every table.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "backprop.h"
#include "helper_kernels.h"

TestSuite(functions, .init = flush_subnormals);

enum { AT_ONCE = 4096, SWEEP = 1 << 20 };

static const float edges[] = {0.0f,     -0.0f,     INFINITY,   -INFINITY, NAN,     FLT_MAX,        -FLT_MAX, FLT_MIN,
                              -FLT_MIN, 0x1p-149f, -0x1p-149f, 0.625f,    -0.625f, 0x1.3ffffep-1f, 1.0f,     -1.0f,
                              88.0f,    89.0f,     -89.0f,     88.7228f,  88.73f,  -87.33f,        -87.34f,  -103.9f,
                              -104.0f,  -104.1f,   104.0f,     44.3f,     44.4f,   -44.4f,         9.01f,    -9.01f};

/* SWEEP floats of all exponents and both signs, then as many evenly from -104 to 90, then the edges; 0 behind them. */
static void sweep(size_t first, float *x)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        size_t at = first + i;
        uint32_t bits = (uint32_t)at * 4099u;
        if (at < SWEEP)
            memcpy(x + i, &bits, sizeof bits);
        else if (at < 2 * SWEEP)
            x[i] = -104.0f + 194.0f * ((float)(at - SWEEP) / SWEEP);
        else
            x[i] = at - 2 * SWEEP < sizeof edges / sizeof *edges ? edges[at - 2 * SWEEP] : 0.0f;
    }
}

/* The largest error of a function of kernels->activate over the sweep, in ulp. */
static double largest_error(bp_activation activation, double (*exact)(double), double allowed)
{
    static float x[AT_ONCE], y[AT_ONCE];
    double largest = 0;

    for (size_t first = 0; first <= 2 * SWEEP; first += AT_ONCE) {
        sweep(first, x);
        memcpy(y, x, sizeof y);
        bp_kernels_scalar.activate[activation](AT_ONCE, y, NULL);
        for (size_t i = 0; i < AT_ONCE; i++) {
            double error = ulps(y[i], exact((double)x[i]));
            if (isinf(x[i]) && (activation == BP_GELU || activation == BP_SILU))
                continue; /* the end of a run, as 0 or NaN */
            if (fabs(exact((double)x[i])) < 1e-35 && fabsf(y[i]) < 1e-35f)
                continue; /* a factor of it has been flushed */
            cr_assert(error <= allowed, "g(%a) = %a is %g ulp from %a", (double)x[i], (double)y[i], error, exact((double)x[i]));
            largest = error > largest ? error : largest;
        }
    }
    return largest;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Largest errors seen: here 1.81 ulp, at every fifth float 1.96. */
Test(functions, sigmoid_is_within_two_ulp)
{
    cr_log_info("largest error of the sigmoid: %g ulp", largest_error(BP_SIGMOID, sigmoid, 2));
}

/* 1.25 ulp here, 1.38 at every fifth float. */
Test(functions, tanh_is_within_two_ulp)
{
    cr_log_info("largest error of tanh: %g ulp", largest_error(BP_TANH, tanh, 2));
}

static double elu(double x)
{
    return x > 0 ? x : expm1(x);
}

static double gelu(double x)
{
    return x * 0.5 * erfc(-x / sqrt(2));
}

static double silu(double x)
{
    return x * sigmoid(x);
}

static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

Test(functions, elu_is_within_two_ulp)
{
    cr_log_info("largest error of elu: %g ulp", largest_error(BP_ELU, elu, 2));
}

/* 2.12 ulp at every thousandth float, between -1 and -0.6; below -5 and above -0.6 less than 1.75. */
Test(functions, gelu_is_within_two_ulp_and_a_quarter)
{
    cr_log_info("largest error of gelu: %g ulp", largest_error(BP_GELU, gelu, 2.25));
}

/* 2.13 ulp, far below 0. */
Test(functions, silu_is_within_two_ulp_and_a_quarter)
{
    cr_log_info("largest error of silu: %g ulp", largest_error(BP_SILU, silu, 2.25));
}

Test(functions, softplus_is_within_two_ulp)
{
    cr_log_info("largest error of softplus: %g ulp", largest_error(BP_SOFTPLUS, softplus, 2));
}

/* 0.91 ulp here, 0.94 at every fifth float. */
Test(functions, the_exponential_is_within_two_ulp)
{
    static float x[AT_ONCE];
    double largest = 0;

    for (size_t first = 0; first <= 2 * SWEEP; first += AT_ONCE) {
        sweep(first, x);
        for (size_t i = 0; i < AT_ONCE; i++) {
            if (x[i] > 88)
                continue; /* nobody asks */
            double error = ulps(kernel_exp(x[i]), exp((double)x[i]));
            cr_assert(error <= 2, "e^%a = %a is %g ulp from %a", (double)x[i], (double)kernel_exp(x[i]), error, exp((double)x[i]));
            largest = error > largest ? error : largest;
        }
    }
    cr_log_info("largest error of the exponential: %g ulp", largest);
}

/* The exponential stands bare where 1 + e^x is 1: so the tables compute the one that is tested above. */
Test(functions, the_sigmoids_tail_is_the_exponential)
{
    float x[32], y[32];

    for (size_t round = 0; round < 1000; round++) {
        for (size_t i = 0; i < 32; i++)
            y[i] = x[i] = -17.4f - 0.0021f * (float)(32 * round + i);
        bp_kernels_scalar.activate[BP_SIGMOID](32, y, NULL);
        for (size_t i = 0; i < 32; i++)
            cr_assert(memcmp(&y[i], &(float){kernel_exp(x[i])}, sizeof y[i]) == 0, "sigmoid(%a) = %a", (double)x[i], (double)y[i]);
    }
}

/* ------------------------------------------------------------------------------------------------ exact ones, and slopes */

static float value_by_hand(bp_activation activation, float z)
{
    if (activation == BP_RELU)
        return z <= 0 ? 0 : z;
    if (activation == BP_LEAKY_RELU)
        return z <= 0 ? z * 0.01f : z;
    return z;
}

Test(functions, relu_and_its_kin_are_exact)
{
    static float x[AT_ONCE], y[AT_ONCE], wanted[AT_ONCE];

    for (bp_activation activation = BP_IDENTITY; activation <= BP_LEAKY_RELU; activation++)
        for (size_t first = 0; first <= 2 * SWEEP; first += AT_ONCE) {
            sweep(first, x);
            memcpy(y, x, sizeof y);
            bp_kernels_scalar.activate[activation](AT_ONCE, y, NULL);
            for (size_t i = 0; i < AT_ONCE; i++)
                wanted[i] = value_by_hand(activation, x[i]);
            size_t i = first_difference(y, wanted, AT_ONCE);
            cr_assert(i == AT_ONCE, "activation %d of %a is %a", (int)activation, (double)x[i], (double)y[i]);
        }
}

static double slope_by_hand(bp_activation activation, double a)
{
    switch (activation) {
    case BP_RELU:
        return a <= 0 ? 0 : 1;
    case BP_LEAKY_RELU:
        return a <= 0 ? (double)0.01f : 1;
    case BP_SIGMOID:
        return a * (1 - a);
    case BP_TANH:
        return 1 - a * a;
    case BP_ELU:
        return a <= 0 ? a + 1 : 1;
    case BP_GELU:
    case BP_SILU:
        return a;
    case BP_SOFTPLUS:
        return -expm1(-a);
    default:
        return 1;
    }
}

/* Each of the two or three roundings is half an ulp. */
Test(functions, slopes_are_those_of_the_formulas)
{
    float a[128], d[128], before[128];

    for (bp_activation activation = BP_IDENTITY; activation <= BP_SOFTPLUS; activation++)
        for (uint64_t seed = 0; seed < 500; seed++) {
            fill(a, 128, seed % 5 ? FILL_ORDINARY : FILL_ZEROS, seed);
            fill(before, 128, FILL_ORDINARY, seed + 5000);
            for (size_t i = 0; (activation == BP_SIGMOID || activation == BP_SOFTPLUS) && i < 128; i++)
                a[i] = fabsf(a[i]);
            memcpy(d, before, sizeof d);
            bp_kernels_scalar.slope[activation](128, a, d);
            for (size_t i = 0; i < 128; i++)
                cr_assert(ulps(d[i], (double)before[i] * slope_by_hand(activation, (double)a[i])) <= 2,
                          "activation %d, a %a, d %a: %a", (int)activation, (double)a[i], (double)before[i], (double)d[i]);
        }
}

static double gelu_slope(double z)
{
    return 0.5 * erfc(-z / sqrt(2)) + z * exp(-0.5 * z * z) / sqrt(2 * acos(-1));
}

static double silu_slope(double z)
{
    return sigmoid(z) * (1 + z * sigmoid(-z));
}

/* Near their zeros only the error itself is small; slopes are between -0.13 and 1.13. */
static void check_kept(bp_activation activation, double (*exact)(double))
{
    static float x[AT_ONCE], y[AT_ONCE], alone[AT_ONCE], slopes[AT_ONCE];

    for (size_t first = 0; first <= 2 * SWEEP; first += AT_ONCE) {
        sweep(first, x);
        memcpy(y, x, sizeof y);
        memcpy(alone, x, sizeof y);
        bp_kernels_scalar.activate[activation](AT_ONCE, y, slopes);
        bp_kernels_scalar.activate[activation](AT_ONCE, alone, NULL);
        cr_assert_eq(first_difference(y, alone, AT_ONCE), AT_ONCE, "values differ where slopes are kept");
        for (size_t i = 0; i < AT_ONCE; i++)
            cr_assert(!isfinite(x[i]) || fabs((double)slopes[i] - exact((double)x[i])) < 2.5e-7,
                      "activation %d: slope at %a is %a, not %a", (int)activation, (double)x[i], (double)slopes[i],
                      exact((double)x[i]));
    }
}

Test(functions, kept_slopes_are_those_of_the_formulas)
{
    check_kept(BP_GELU, gelu_slope);
    check_kept(BP_SILU, silu_slope);
}

Test(functions, a_relu_at_zero_passes_nothing_back)
{
    float a[32] = {0.0f, -0.0f}, d[32] = {5, 5};

    bp_kernels_scalar.slope[BP_RELU](32, a, d);
    cr_assert(d[0] == 0 && d[1] == 0);
}

/* ----------------------------------------------------------------------------------------------------- table to table */

static void compare_values(const bp_kernels *table, bp_activation activation, const float *x, float *inside)
{
    static float wanted[AT_ONCE], wanted_slopes[AT_ONCE], slopes[AT_ONCE];

    memcpy(wanted, x, sizeof wanted);
    memcpy(inside, x, sizeof wanted);
    bp_kernels_scalar.activate[activation](AT_ONCE, wanted, wanted_slopes);
    table->activate[activation](AT_ONCE, inside, slopes);
    size_t i = first_difference(slopes, wanted_slopes, AT_ONCE);
    cr_assert(i == AT_ONCE, "%s, kept slope of activation %d at %a", table->name, (int)activation, (double)x[i]);
    i = first_difference(inside, wanted, AT_ONCE);
    cr_assert(i == AT_ONCE, "%s, activation %d of %a: %a, scalar says %a", table->name, (int)activation, (double)x[i],
              (double)inside[i], (double)wanted[i]);
}

static void compare_slopes(const bp_kernels *table, bp_activation activation, const float *a, float *inside)
{
    static float wanted[AT_ONCE];

    for (size_t i = 0; i < AT_ONCE; i++)
        wanted[i] = inside[i] = a[(i * 7 + 3) % AT_ONCE];
    bp_kernels_scalar.slope[activation](AT_ONCE, a, wanted);
    table->slope[activation](AT_ONCE, a, inside);
    size_t i = first_difference(inside, wanted, AT_ONCE);
    cr_assert(i == AT_ONCE, "%s, slope %d at a = %a: %a, scalar says %a", table->name, (int)activation, (double)a[i],
              (double)inside[i], (double)wanted[i]);
}

Test(functions, every_table_gives_the_scalar_bits)
{
    static float x[AT_ONCE];
    fence f = fence_make(AT_ONCE * sizeof(float));
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);

    for (size_t first = 0; first <= 2 * SWEEP; first += AT_ONCE) {
        sweep(first, x);
        for (size_t t = 1; t < count; t++)
            for (bp_activation activation = BP_IDENTITY; activation <= BP_SOFTPLUS; activation++) {
                float *inside = fence_floats(&f, AT_ONCE, first / AT_ONCE % 2);
                compare_values(tables[t], activation, x, inside);
                compare_slopes(tables[t], activation, x, inside);
            }
    }
    fence_free(&f);
}

Test(functions, nothing_is_touched_behind_the_count)
{
    fence f = fence_make(96 * sizeof(float)), g = fence_make(96 * sizeof(float));
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);

    for (size_t t = 0; t < count; t++)
        for (size_t floats = 32; floats <= 96; floats += 32)
            for (int front = 0; front < 2; front++)
                for (bp_activation activation = BP_IDENTITY; activation <= BP_SOFTPLUS; activation++) {
                    tables[t]->activate[activation](floats, fence_floats(&f, floats, front), fence_floats(&g, floats, front));
                    tables[t]->slope[activation](floats, fence_floats(&f, floats, front), fence_floats(&g, floats, front));
                }
    fence_free(&f);
    fence_free(&g);
}
