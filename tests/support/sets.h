/* The instruction sets that this processor runs, narrow to wide.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_SETS_H
#define BP_TEST_SETS_H

#include "cpu.h"

/* The next one after `isa`, BP_ISA_AUTO after the last: for (isa = BP_ISA_SCALAR; isa; isa = set_after(isa)). */
static inline bp_isa set_after(bp_isa isa)
{
    do
        isa++;
    while (isa <= BP_ISA_NEON && !bp_cpu_has(isa));
    return isa <= BP_ISA_NEON ? isa : BP_ISA_AUTO;
}

/* The same for mixed precision: AMX, whose tiles are for its products alone, comes last. */
static inline bp_isa mixed_set_after(bp_isa isa)
{
    bp_isa next = isa == BP_ISA_AMX ? BP_ISA_AUTO : set_after(isa);
    return next || isa == BP_ISA_AMX || !bp_cpu_has(BP_ISA_AMX) ? next : BP_ISA_AMX;
}

/* Number n, from 0, counted round and round. */
static inline bp_isa set_at(size_t n)
{
    bp_isa isa = BP_ISA_SCALAR;

    while (n--)
        isa = set_after(isa) ? set_after(isa) : BP_ISA_SCALAR;
    return isa;
}

#endif
