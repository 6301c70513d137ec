/* SPDX-License-Identifier: Apache-2.0 */
#include "loss.h"

#include <math.h>

#include "elementary.h"
#include "sum.h"

/* One row of z or y: element j, through the panels. */
typedef struct row {
    const float *first;
    size_t panel;
} row;

static double at(row r, size_t j)
{
    return (double)r.first[j / BP_PANEL * r.panel + j % BP_PANEL];
}

static double squared_error(row z, row y, uint32_t n)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t j = 0; j < n; j++) {
        double difference = at(z, j) - at(y, j);
        bp_sum_add(&sum, 0.5 * (difference * difference));
    }
    return bp_sum_total(&sum);
}

/* max(z, 0) - z y + log(1 + e^-|z|): nothing overflows. */
static double binary_cross_entropy(row z, row y, uint32_t n)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t j = 0; j < n; j++) {
        double v = at(z, j);
        bp_sum_add(&sum, (v > 0.0 ? v : 0.0) - v * at(y, j) + bp_log1p(bp_exp(-fabs(v))));
    }
    return bp_sum_total(&sum);
}

/* Sum of y and of y z, which is all that cross entropy needs of y: L = log(sum e^z) sum y - sum y z. Zeros of a one-hot y
 * are passed over, so that 0 x infinity is no NaN. */
static void weigh(row z, row y, uint32_t n, double *mass, double *inner)
{
    bp_sum masses, products;

    bp_sum_start(&masses);
    bp_sum_start(&products);
    for (size_t j = 0; j < n; j++) {
        double v = at(y, j);
        bp_sum_add(&masses, v);
        bp_sum_add(&products, v == 0.0 ? 0.0 : v * at(z, j));
    }
    *mass = bp_sum_total(&masses);
    *inner = bp_sum_total(&products);
}

static double cross_entropy_row(const bp_kernels *kernels, row z, float *d, uint32_t n, float weight)
{
    double mass, inner;
    float max, sum;

    weigh(z, (row){d, z.panel}, n, &mass, &inner);
    kernels->softmax_cross_entropy(n, z.panel, z.first, weight, d, &max, &sum);
    return ((double)max + bp_log((double)sum)) * mass - inner;
}

static double loss_row(const bp_kernels *kernels, bp_loss loss, row z, float *d, uint32_t n, float weight)
{
    row y = {d, z.panel};
    double value;

    if (loss == BP_CROSS_ENTROPY)
        return cross_entropy_row(kernels, z, d, n, weight);
    if (loss == BP_BINARY_CROSS_ENTROPY) {
        value = binary_cross_entropy(z, y, n);
        kernels->binary_cross_entropy(n, z.panel, z.first, weight, d);
    } else {
        value = squared_error(z, y, n);
        kernels->squared_error(n, z.panel, z.first, weight, d);
    }
    return value;
}

void bp_loss_rows(const bp_kernels *kernels, bp_loss loss, uint32_t n, const bp_pass *pass, uint32_t last, bp_span rows,
                  const float *weight, double *losses)
{
    for (size_t r = rows.first; r < rows.first + rows.count; r++) {
        row z = {pass->a[last] + r * BP_PANEL, bp_pass_panel(pass)};
        float w = weight ? weight[r] : 1.0f;
        losses[r] = (double)w * loss_row(kernels, loss, z, pass->d[last] + r * BP_PANEL, n, w);
    }
}

void bp_prediction_rows(const bp_kernels *kernels, bp_loss loss, uint32_t n, const bp_pass *pass, uint32_t last, bp_span rows)
{
    size_t panel = bp_pass_panel(pass);

    if (loss == BP_CROSS_ENTROPY)
        for (size_t r = rows.first; r < rows.first + rows.count; r++)
            kernels->softmax(n, panel, pass->a[last] + r * BP_PANEL);
    if (loss == BP_BINARY_CROSS_ENTROPY)
        for (size_t j = 0; j < bp_panels(n); j++)
            kernels->activate[BP_SIGMOID](rows.count * BP_PANEL, pass->a[last] + j * panel + rows.first * BP_PANEL);
}
