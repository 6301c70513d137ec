/* Forward: z = a W + b, a = g(z), layer after layer.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FORWARD_H
#define BP_FORWARD_H

#include "block_product.h"
#include "team.h"

/* a[1] ... a[K] of the rows from their a[0]. In mixed precision rows begin at a multiple of 32, and strip is the thread's own, see
 * block_product.h; in f32 it is not looked at. */
void bp_forward(const bp_weights *weights, const bp_pass *pass, bp_span rows, bp_strip strip);

/* In parts. What the first layer reads, from a[0]; then panels of a[number + 1] of the rows from all of their a[number]. */
void bp_forward_begin(const bp_weights *weights, const bp_pass *pass, bp_span rows);
void bp_forward_layer(const bp_weights *weights, uint32_t number, const bp_pass *pass, bp_span rows, bp_range panels,
                      bp_strip strip);

#endif
