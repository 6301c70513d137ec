/* What a step costs: the model by which plans are chosen.
 *
 * A phase lasts as long as its slowest thread:
 *
 *      max(arithmetic, bytes that kernels ask for ahead / bandwidth) + bytes that they wait for / bandwidth
 *
 * with a bandwidth for each level of memory, and a step is the sum of its phases, plus barriers. What is read again later
 * comes from the level that holds all that a thread touches in between. docs/scaling.md has the formulas, how well they
 * foretell, and what they say of large machines.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_COST_H
#define BP_COST_H

#include "layout.h"
#include "topology.h"
#include "weights.h"

struct bp_plan;

/* Microseconds of the slowest thread, by phase as `bench` times them. */
typedef struct bp_cost {
    double gather;
    double forward;
    double loss;
    double backward;
    double gradient; /* reduction, update and the copies of W included */
    double barriers;
    double step; /* the sum */
    double fork; /* once for each block of steps, apart from them: a caller who makes single steps pays it for each */
} bp_cost;

/* What a product's operands cost, for choosing grids: operations in a nanosecond; bytes that are read of an element of W, and the
 * nanoseconds to prepare it; bytes of an element of the rows. */
typedef struct bp_operand_cost {
    double operations;
    double weight_bytes, weight_ns;
    double row_bytes;
} bp_operand_cost;

bp_operand_cost bp_cost_of_operands(const bp_arithmetic *arithmetic);

/* Of a step as the plan has it, on some machine. Needs all of the plan but its texts. */
bp_cost bp_cost_of(const bp_layout *layout, const struct bp_plan *plan, const bp_topology *machine);

#endif
