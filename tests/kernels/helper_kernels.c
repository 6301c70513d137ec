/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "numbers.h"
#include "sets.h"

size_t tables_here(const bp_kernels *tables[TABLES_MOST])
{
    size_t count = 0;

    for (bp_isa isa = BP_ISA_SCALAR; isa; isa = set_after(isa))
        bp_cpu_kernels(isa, &tables[count++], NULL);
    return count;
}

#if defined(__x86_64__)
#include <xmmintrin.h>

void flush_subnormals(void)
{
    _mm_setcsr(0x9fc0);
}
#else
void flush_subnormals(void)
{
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24));
}
#endif

static float difficult(fill_kind kind, double value, uint64_t choice)
{
    static const float infinite[] = {INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX};
    static const float sizes[] = {1.0f, 0x1p-63f, 0x1p-120f, 0x1p-126f}; /* the last: half of them subnormal */

    if (kind == FILL_ZEROS)
        return choice % 4 ? copysignf(0.0f, (float)value) : (float)value;
    if (kind == FILL_TINY)
        return (float)value * sizes[choice % 4];
    if (kind == FILL_INFINITE && choice % 64 == 0)
        return infinite[choice / 64 % 5];
    return (float)value;
}

void fill(float *to, size_t count, fill_kind kind, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = difficult(kind, scattered(seed, i), (uint64_t)(0x1p20 + 0x1p20 * scattered(seed + 1000, i)));
}

size_t first_difference(const float *a, const float *b, size_t count)
{
    size_t i = 0;

    while (i < count && (memcmp(a + i, b + i, sizeof *a) == 0 || (isnan(a[i]) && isnan(b[i]))))
        i++;
    return i;
}

double ulps(float got, double exact)
{
    int exponent;

    if ((isnan(got) && isnan(exact)) || (double)got == exact)
        return 0;
    if (isinf(got) && fabs(exact) > (double)FLT_MAX && signbit(got) == signbit(exact))
        return 0;
    if (fabs(exact) < (double)FLT_MIN * (1 + 0x1p-22) && fabsf(got) <= FLT_MIN)
        return 0;
    if (!isfinite(got) || !isfinite(exact))
        return INFINITY;
    frexp(exact, &exponent);
    return fabs((double)got - exact) / ldexp(1, exponent - FLT_MANT_DIG);
}
