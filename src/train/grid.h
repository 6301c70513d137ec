/* The grid: which rows and panels of a layer's product each thread computes.
 *
 * Where a layer is small beside a thread's rows, each thread takes its rows through all panels, layer after layer, without a
 * barrier. Where it is large, most of a thread's time would go into bringing all of W out of the caches of the others, who
 * updated it: the rows are cut in fewer parts then, and the threads of a part divide the panels,
 *
 *      rows alone: 4 x 1          2 x 2               panels alone: 1 x 4
 *      | 0 0 0 0 |                | 0 0 1 1 |         | 0 1 2 3 |
 *      | 1 1 1 1 |                | 0 0 1 1 |         | 0 1 2 3 |
 *      | 2 2 2 2 |  rows          | 2 2 3 3 |         | 0 1 2 3 |
 *      | 3 3 3 3 |                | 2 2 3 3 |         | 0 1 2 3 |
 *        panels of c
 *
 * with a barrier before and behind the layer. The owner of panels in forward also owns the tiles of dW and W in them, and the same
 * panels of dL/dz: W stays in the caches of those who read it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_GRID_H
#define BP_GRID_H

#include "pass.h"
#include "plan.h"

typedef struct bp_block {
    bp_span rows;
    bp_range panels;
} bp_block;

/* Chooses the plan's grids for its team. Results do not depend on them. */
void bp_grid_choose(const bp_layout *layout, bp_plan *plan);

/* The member's block of a[layer + 1], and of d[layer], for a minibatch of m rows. */
bp_block bp_grid_forward(const bp_plan *plan, const bp_layout *layout, uint32_t layer, bp_member member, size_t m);
bp_block bp_grid_backward(const bp_plan *plan, const bp_layout *layout, uint32_t layer, bp_member member, size_t m);

/* Whether several threads divide the panels of a block: they read what others have made, and others read what they make. */
bool bp_grid_divides_forward(const bp_plan *plan, uint32_t layer, bp_member member);
bool bp_grid_divides_backward(const bp_plan *plan, uint32_t layer, bp_member member);

/* The member's range of the tiles of all layers that forward does not divide: equal cost for each. */
bp_range bp_grid_loose_tiles(const bp_plan *plan, const bp_layout *layout, bp_member member);

/* The tiles of a layer that a member owns: those of its panels where forward divides them, else those in its loose range. */
bp_range bp_grid_tiles(const bp_plan *plan, const bp_layout *layout, uint32_t layer, bp_member member, bp_range loose);

/* Barriers of a step. */
unsigned bp_grid_barriers(const bp_plan *plan, const bp_layout *layout);

#endif
