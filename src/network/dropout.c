/* SPDX-License-Identifier: Apache-2.0 */
#include "dropout.h"

#include "random.h"
#include "size.h"

#define LAYER_BIT 56 /* rows below 2^32 of at most 2^24 columns, four to a number, stay below it */

void bp_dropout_draw(const bp_kernels *kernels, const bp_layout *layout, const bp_pass *pass, const bp_draw *draw, bp_span rows,
                     size_t row)
{
    uint32_t use = bp_random_use(BP_STREAM_DROPOUT, draw->epoch), threshold = (uint32_t)(draw->share * 0x1p32);

    for (uint32_t i = 1; i < layout->layers && draw->share > 0.0; i++) {
        uint64_t panels = layout->layer[i - 1].n_panels, each = BP_PANEL / 4;
        for (size_t j = 0; j < panels; j++)
            kernels->draw_kept(draw->seed, use, (uint32_t)draw->step, ((uint64_t)i << LAYER_BIT) + (row * panels + j) * each,
                               panels * each, rows.count, threshold, pass->kept[i] + j * pass->ld + rows.first);
    }
}

static bool tells_by_sign(bp_activation activation)
{
    return activation == BP_IDENTITY || activation == BP_RELU || activation == BP_LEAKY_RELU;
}

bp_mask bp_mask_forward(const bp_pass *pass, uint32_t number)
{
    return (bp_mask){.kept = pass->kept[number], .scale = pass->scale};
}

bp_mask bp_mask_backward(const bp_kernels *kernels, const bp_layout *layout, const bp_pass *pass, uint32_t number)
{
    bp_mask mask = bp_mask_forward(pass, number);
    bp_activation activation = number ? layout->layer[number - 1].activation : BP_IDENTITY;

    if (mask.kept && !pass->slopes[number] && !tells_by_sign(activation)) {
        mask.slope = kernels->slope[activation];
        mask.a = pass->a[number];
        mask.undo = pass->undo;
    }
    return mask;
}

/* `rows` rows, up to 32. */
static void descend(const bp_mask *mask, size_t rows, const float *a, float *d)
{
    _Alignas(BP_ALIGNMENT) float undone[BP_PANEL * BP_PANEL];

    for (size_t i = 0; i < rows * BP_PANEL; i++)
        undone[i] = a[i] * mask->undo;
    mask->slope(rows * BP_PANEL, undone, d);
}

void bp_mask_apply(const bp_kernels *kernels, const bp_mask *mask, size_t panel, size_t j, bp_span rows, float *c)
{
    kernels->drop(rows.count, mask->scale, mask->kept + j * (panel / BP_PANEL) + rows.first, c);
    for (size_t r = 0; mask->slope && r < rows.count; r += BP_PANEL)
        descend(mask, bp_size_min(BP_PANEL, rows.count - r), mask->a + j * panel + (rows.first + r) * BP_PANEL, c + r * BP_PANEL);
}
