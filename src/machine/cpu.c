/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"

#include "error.h"
#include "tile_permission.h"

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

/* Blocks are packed by AVX-512's conversion to bf16, which a virtual machine may hide. */
static bool has_amx(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16") && bp_tiles_permitted();
}
#endif

static const struct {
    bp_isa isa;
    const bp_kernels *kernels;
    const bp_block_kernels *blocks;
} tables[] = {
    /* narrow to wide */
    {BP_ISA_SCALAR, &bp_kernels_scalar, &bp_blocks_scalar},
#if defined(__x86_64__)
    {BP_ISA_AVX2, &bp_kernels_avx2, &bp_blocks_avx2},
    {BP_ISA_AVX512, &bp_kernels_avx512, &bp_blocks_avx512},
    {BP_ISA_AMX, &bp_kernels_avx512, &bp_blocks_amx},
#elif defined(__aarch64__)
    {BP_ISA_NEON, &bp_kernels_neon, &bp_blocks_neon},
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
    case BP_ISA_AMX:
        return has_amx();
#elif defined(__aarch64__)
    case BP_ISA_SCALAR:
    case BP_ISA_NEON: /* part of every aarch64 that runs Linux */
        return true;
#endif
    default:
        return false;
    }
}

static bp_status refuse_limit(bp_isa limit, bp_error *error)
{
    const char *refusal = limit == BP_ISA_AMX ? bp_tiles_refusal() : NULL;

    if (refusal)
        return bp_fail(error, BP_INVALID, "this processor has AMX, but the system does not permit its tiles: %s", refusal);
    return bp_fail(error, BP_INVALID, "this processor does not run the instruction set that was asked for");
}

/* Tiles are asked for only by those who will use them. */
static bool is_wanted(bp_isa isa, bp_isa limit, bool tiles)
{
    return (limit == BP_ISA_AUTO || isa <= limit) && (isa != BP_ISA_AMX || tiles) && bp_cpu_has(isa);
}

static bp_status choose(bp_isa limit, bool tiles, size_t *table, bp_error *error)
{
    bool found = false;

    if (limit != BP_ISA_AUTO && !bp_cpu_has(limit))
        return refuse_limit(limit, error);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (is_wanted(tables[i].isa, limit, tiles)) {
            *table = i;
            found = true;
        }
    return found ? BP_OK : bp_fail(error, BP_INVALID, "this processor lacks AVX2 and FMA, which backprop needs on x86-64");
}

bp_status bp_cpu_kernels(bp_isa limit, const bp_kernels **kernels, bp_error *error)
{
    size_t table;

    BP_TRY(choose(limit, false, &table, error));
    *kernels = tables[table].kernels;
    return BP_OK;
}

bp_status bp_cpu_blocks(bp_isa limit, const bp_block_kernels **blocks, bp_error *error)
{
    size_t table;

    BP_TRY(choose(limit, true, &table, error));
    *blocks = tables[table].blocks;
    return BP_OK;
}
