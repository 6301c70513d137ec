/* Backward: dL/da = dL/dz W^T, dL/dz = dL/da * g'(z), from the last layer to the first. The gradients of W and b are made
 * of what this leaves in the pass, by train/gradient.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BACKWARD_H
#define BP_BACKWARD_H

#include "pass.h"
#include "team.h"

/* Floats of a layer's copy W^T in panels [k panels][n][32], where it has one. */
static inline size_t bp_transposed_floats(const bp_layer *layer)
{
    return bp_layer_is_copied(layer) ? (size_t)layer->k_panels * layer->n * BP_PANEL : 0;
}

/* d[K - 1] ... d[1] of the rows from d[K]; with_input: d[0] = dL/dx too. `transposed`: the copies W^T of layers that have one. */
void bp_backward(const bp_kernels *kernels, const bp_layout *layout, const float *parameters,
                 const float *const transposed[BP_LAYERS_MAX], const bp_pass *pass, bp_span rows, bool with_input);

/* Panels of d[number] of the rows from all of their d[number + 1]; `transposed`: that layer's. */
void bp_backward_layer(const bp_kernels *kernels, const bp_layout *layout, uint32_t number, const float *parameters,
                       const float *transposed, const bp_pass *pass, bp_span rows, bp_range panels);

#endif
