/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"

#include "error.h"

#if defined(__x86_64__)
/* The compiler's own look at cpuid also asks the system whether it saves the wide registers. */
static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

static const struct {
    bp_isa isa;
    const bp_kernels *kernels;
} tables[] = {
    /* narrow to wide */
    {BP_ISA_SCALAR, &bp_kernels_scalar},
#if defined(__x86_64__)
    {BP_ISA_AVX2, &bp_kernels_avx2},
    {BP_ISA_AVX512, &bp_kernels_avx512},
#elif defined(__aarch64__)
    {BP_ISA_NEON, &bp_kernels_neon},
#endif
};

bool bp_cpu_has(bp_isa isa)
{
    switch (isa) {
#if defined(__x86_64__)
    case BP_ISA_SCALAR: /* its multiply-adds are FMA instructions */
    case BP_ISA_AVX2:
        return has_avx2();
    case BP_ISA_AVX512:
        return has_avx512();
#elif defined(__aarch64__)
    case BP_ISA_SCALAR:
    case BP_ISA_NEON: /* part of every aarch64 that runs Linux */
        return true;
#endif
    default:
        return false;
    }
}

bp_status bp_cpu_kernels(bp_isa limit, const bp_kernels **kernels, bp_error *error)
{
    const bp_kernels *widest = NULL;

    if (limit != BP_ISA_AUTO && !bp_cpu_has(limit))
        return bp_fail(error, BP_INVALID, "this processor does not run the instruction set that was asked for");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (bp_cpu_has(tables[i].isa) && (limit == BP_ISA_AUTO || tables[i].isa <= limit))
            widest = tables[i].kernels;
    if (!widest)
        return bp_fail(error, BP_INVALID, "this processor lacks AVX2 and FMA, which backprop needs on x86-64");
    *kernels = widest;
    return BP_OK;
}
