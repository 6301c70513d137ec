/* Losses: from z and y of a row to L and dL/dz.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_LOSS_H
#define BP_LOSS_H

#include "pass.h"

/* For each row: losses[row] = w L in double, and d[last], which holds y, becomes w dL/dz. n outputs; weight and losses are
 * indexed by the pass's rows; weight may be NULL. shape: bp_network_loss_shape. */
void bp_loss_rows(const bp_kernels *kernels, bp_loss loss, double shape, uint32_t n, const bp_pass *pass, uint32_t last,
                  bp_span rows, const float *weight, double *losses);

/* a[last] becomes the prediction, in place: softmax, logistic, exponential, or as it is. */
void bp_prediction_rows(const bp_kernels *kernels, bp_loss loss, uint32_t n, const bp_pass *pass, uint32_t last, bp_span rows);

#endif
