/* Forward: z = a W + b, a = g(z), layer after layer.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FORWARD_H
#define BP_FORWARD_H

#include "pass.h"

/* a[1] ... a[K] of the rows from their a[0]; parameters as in the layout. */
void bp_forward(const bp_kernels *kernels, const bp_layout *layout, const float *parameters, const bp_pass *pass, bp_span rows);

/* c = a b + bias for rows of panels: a has k columns, c has n; b is [n panels][k][32], bias [n panels][32] or NULL. */
void bp_product_of_rows(const bp_kernels *kernels, size_t k, size_t n, const float *a, const float *b, const float *bias, float *c,
                        size_t panel, bp_span rows);

#endif
