/* Which instruction sets this processor runs, and the table of kernels for a limit on them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CPU_H
#define BP_CPU_H

#include "blocks.h"
#include "kernels.h"

#include "backprop.h"

/* The widest table within the limit; BP_ISA_AUTO: the widest that runs here. BP_INVALID where the limit itself does not run
 * on this processor. */
bp_status bp_cpu_kernels(bp_isa limit, const bp_kernels **kernels, bp_error *error);

/* The same for mixed precision's. AMX's tiles are asked for; where the system refuses them, they are left out. */
bp_status bp_cpu_blocks(bp_isa limit, const bp_block_kernels **blocks, bp_error *error);

/* True where the instruction set runs here; never for BP_ISA_AUTO. Of AMX, the process asks for its tiles. */
bool bp_cpu_has(bp_isa isa);

#endif
