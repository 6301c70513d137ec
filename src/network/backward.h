/* Backward: dL/da = dL/dz W^T, dL/dz = dL/da * g'(z), from the last layer to the first. The gradients of W and b are made
 * of what this leaves in the pass, by train/gradient.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BACKWARD_H
#define BP_BACKWARD_H

#include "block_product.h"
#include "team.h"

/* d[K - 1] ... d[1] of the rows from d[K]; with_input: d[0] = dL/dx too. Rows and strip as forward has them. */
void bp_backward(const bp_weights *weights, const bp_pass *pass, bp_span rows, bool with_input, bp_strip strip);

/* In parts. What the last layer reads, from d[K]; then panels of d[number] of the rows from all of their d[number + 1]. */
void bp_backward_begin(const bp_weights *weights, const bp_pass *pass, bp_span rows);
void bp_backward_layer(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels,
                       bp_strip strip);

#endif
