/* Forward: z = a W + b, a = g(z), layer after layer.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FORWARD_H
#define BP_FORWARD_H

#include "pass.h"
#include "team.h"

/* a[1] ... a[K] of the rows from their a[0]; parameters as in the layout. */
void bp_forward(const bp_kernels *kernels, const bp_layout *layout, const float *parameters, const bp_pass *pass, bp_span rows);

/* Panels of a[number + 1] of the rows from all of their a[number]. */
void bp_forward_layer(const bp_kernels *kernels, const bp_layout *layout, uint32_t number, const float *parameters,
                      const bp_pass *pass, bp_span rows, bp_range panels);

#endif
