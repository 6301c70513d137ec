/* SPDX-License-Identifier: Apache-2.0 */
#include "loss.h"

void bp_loss_rows(const bp_kernels *kernels, bp_loss loss, double shape, uint32_t n, const bp_pass *pass, uint32_t last,
                  bp_span rows, const float *weight, double *losses)
{
    size_t at = rows.first * BP_PANEL;
    kernels->loss[loss - BP_SQUARED_ERROR](rows.count, n, bp_pass_panel(pass), pass->a[last] + at,
                                           weight ? weight + rows.first : NULL, pass->d[last] + at, losses + rows.first,
                                           (float)shape);
}

void bp_prediction_rows(const bp_kernels *kernels, bp_loss loss, uint32_t n, const bp_pass *pass, uint32_t last, bp_span rows)
{
    size_t panel = bp_pass_panel(pass);

    if (loss == BP_CROSS_ENTROPY)
        for (size_t r = rows.first; r < rows.first + rows.count; r++)
            kernels->softmax(n, panel, pass->a[last] + r * BP_PANEL);
    if (loss == BP_POISSON)
        for (size_t j = 0; j < bp_panels(n); j++)
            kernels->exponential(rows.count * BP_PANEL, pass->a[last] + j * panel + rows.first * BP_PANEL);
    if (loss == BP_BINARY_CROSS_ENTROPY)
        for (size_t j = 0; j < bp_panels(n); j++)
            kernels->activate[BP_SIGMOID](rows.count * BP_PANEL, pass->a[last] + j * panel + rows.first * BP_PANEL, NULL);
}

/* A NaN is never larger. */
uint32_t bp_predicted_class(const float *y, uint32_t outputs)
{
    uint32_t best = 0;

    if (outputs == 1)
        return y[0] > 0.5f;
    for (uint32_t j = 1; j < outputs; j++)
        if (y[j] > y[best])
            best = j;
    return best;
}
