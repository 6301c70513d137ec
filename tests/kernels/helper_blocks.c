/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_blocks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cpu.h"
#include "numbers.h"
#include "tile_permission.h"

size_t block_tables_here(block_table tables[BLOCK_TABLES_MOST])
{
    size_t count = 0;

    for (bp_isa isa = BP_ISA_SCALAR; isa <= BP_ISA_AMX; isa++)
        if (bp_cpu_has(isa)) {
            bp_cpu_blocks(isa, &tables[count].blocks, NULL);
            bp_cpu_kernels(isa, &tables[count++].kernels, NULL);
        }
    if (bp_tiles_refusal())
        fprintf(stderr, "blocks are not tested with AMX: %s\n", bp_tiles_refusal());
    return count;
}

static float wide_number(uint64_t seed, uint64_t i)
{
    return ldexpf((float)scattered(seed, i), (int)(70 * scattered(seed + 1, i)));
}

static float number_of_few_bits(uint64_t seed, uint64_t i)
{
    return ldexpf((float)(int)(4 * scattered(seed, i)), -63 + (int)(3 * scattered(seed + 1, i)));
}

void fill_difficult(float *to, size_t count, int kind, uint64_t seed)
{
    if (kind < FILL_KINDS)
        fill(to, count, (fill_kind)kind, seed);
    else
        for (size_t i = 0; i < count; i++)
            to[i] = kind == FILL_WIDE ? wide_number(seed, i) : number_of_few_bits(seed, i);
}

size_t block_place(bp_packing packing, size_t r, size_t j)
{
    bool turned = packing == BP_PACK_LEFT_TURNED || packing == BP_PACK_RIGHT_TURNED;
    size_t first = turned ? j : r, second = turned ? r : j;

    if (packing == BP_PACK_LEFT || packing == BP_PACK_LEFT_TURNED)
        return 32 * first + second;
    return second / 16 * 512 + first / 2 * 32 + second % 16 * 2 + first % 2;
}

float bf16_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;

    memcpy(&value, &wide, sizeof value);
    return value;
}
