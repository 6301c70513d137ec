/* SPDX-License-Identifier: Apache-2.0 */
#include "product.h"

#include "size.h"

/* Rows of a that pass by one panel of b at a time: 256 rows of 1,152 columns are 1.1 MiB, half of an L2. */
#define ROWS_AT_ONCE 256

/* Chains longer than 1,152 are cut in equal parts at multiples of 32: unsplit, 2,048 ran at 170-175 GF/s instead of 194. */
#define DEPTH_AT_ONCE 1152

static bp_end end_of_panel(const bp_product *p, size_t j, size_t row)
{
    bp_end end = p->end;

    if (end.bias)
        end.bias += j * BP_PANEL;
    if (end.a)
        end.a += j * p->panel + row * BP_PANEL;
    if (end.slopes)
        end.slopes += j * p->panel + row * BP_PANEL;
    return end;
}

static void narrow_block(const bp_kernels *kernels, const bp_product *p, bp_span rows, const float *a, size_t depth, size_t steps,
                         bp_chain chain)
{
    bp_end end = end_of_panel(p, 0, rows.first);

    kernels->product_narrow(rows.count, steps, a, p->panel, p->b + depth * p->n, p->n, chain, &end, p->c + rows.first * BP_PANEL);
}

/* One block of rows, one part of the chains, all panels. */
static void block(const bp_kernels *kernels, const bp_product *p, bp_span rows, bp_span depth, bp_range panels)
{
    const float *a = p->a + depth.first / BP_PANEL * p->panel + rows.first * BP_PANEL;
    bp_chain chain = bp_chain_at(depth.first, depth.count, p->k);

    if (p->narrow && panels.first < panels.end)
        narrow_block(kernels, p, rows, a, depth.first, depth.count, chain);
    for (size_t j = panels.first; j < panels.end && !p->narrow; j++) {
        const float *b = p->b + (j * p->k + depth.first) * BP_PANEL;
        bp_end end = end_of_panel(p, j, rows.first);
        kernels->product_rows(rows.count, depth.count, a, p->panel, b, bp_size_min(BP_PANEL, p->n - j * BP_PANEL), chain, &end,
                              j + 1 < panels.end ? b + p->k * BP_PANEL : NULL, p->c + j * p->panel + rows.first * BP_PANEL);
    }
}

static void mask(const bp_kernels *kernels, const bp_product *p, bp_span rows, bp_range panels)
{
    for (size_t j = panels.first; j < panels.end; j++)
        bp_mask_apply(kernels, &p->mask, p->panel, j, rows, p->c + j * p->panel + rows.first * BP_PANEL);
}

void bp_product_compute(const bp_kernels *kernels, const bp_product *p, bp_span rows, bp_range panels)
{
    size_t height = bp_size_part(rows.count, ROWS_AT_ONCE, 1), depth = bp_size_part(p->k, DEPTH_AT_ONCE, BP_PANEL);

    for (size_t row = 0; row < rows.count; row += height) {
        bp_span some = {rows.first + row, bp_size_min(height, rows.count - row)};
        for (size_t done = 0; done < p->k; done += depth)
            block(kernels, p, some, (bp_span){done, bp_size_min(depth, p->k - done)}, panels);
        if (p->mask.kept)
            mask(kernels, p, some, panels);
    }
}
