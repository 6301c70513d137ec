/* SPDX-License-Identifier: Apache-2.0 */
#include "pass.h"

#include <string.h>

#include "size.h"

/* An odd number of rows: lines of one row, and of one place in all panels, then fall on all sets of a cache, where with a multiple
 * of 64 they would fall on a few (1,024 rows: 187 -> 196 GF/s; 1,845 outputs: 583 us a step, so 520). */
static size_t spread_rows(size_t rows)
{
    return rows | 1;
}

static size_t panels_of(const bp_layout *layout, uint32_t i)
{
    return i ? layout->layer[i - 1].n_panels : layout->layer[0].k_panels;
}

static bool is_hidden(const bp_layout *layout, uint32_t i)
{
    return i && i < layout->layers;
}

bool bp_pass_keeps_slopes(const bp_layout *layout, uint32_t i)
{
    return is_hidden(layout, i) && (layout->layer[i - 1].activation == BP_GELU || layout->layer[i - 1].activation == BP_SILU);
}

bool bp_pass_drops(const bp_layout *layout, uint32_t i)
{
    if (!is_hidden(layout, i))
        return false;
    bp_activation activation = layout->layer[i - 1].activation;
    return activation == BP_RELU || activation == BP_IDENTITY || bp_pass_keeps_slopes(layout, i);
}

size_t bp_pass_row_bytes(const bp_layout *layout, unsigned terms)
{
    size_t floats = 0, packed = 0;

    for (uint32_t i = 0; i <= layout->layers; i++) {
        size_t panels = panels_of(layout, i), both = i ? 2 * panels : panels;
        packed += both;
        floats += terms && bp_pass_drops(layout, i) ? panels : both;
        floats += bp_pass_keeps_slopes(layout, i) ? panels : 0;
    }
    return BP_PANEL * (floats * sizeof(float) + packed * 2 * terms * sizeof(uint16_t));
}

/* What only backward reads, `down`, is left out where there is none. */
static bp_packed take_packed(const bp_pass *pass, size_t panels, unsigned terms, bool backward, bp_arena *arena)
{
    size_t count = panels * pass->row_blocks, size = terms * BP_BLOCK_TERM * sizeof(uint16_t);

    return (bp_packed){
        .across = bp_arena_take(arena, count, size),
        .down = backward ? bp_arena_take(arena, count, size) : NULL,
    };
}

void bp_pass_carve(bp_pass *pass, const bp_layout *layout, unsigned terms, size_t rows, bool backward, bp_arena *arena)
{
    pass->sparse = NULL;
    pass->row_blocks = bp_row_blocks(rows);
    pass->ld = spread_rows(terms ? pass->row_blocks * BP_PANEL : rows);
    for (uint32_t i = 0; i <= layout->layers; i++) {
        size_t panels = panels_of(layout, i);
        bool d = backward && i;
        pass->kept[i] = NULL;
        pass->d[i] = d ? bp_arena_take(arena, panels * pass->ld, BP_PANEL * sizeof(float)) : NULL;
        pass->a[i] =
            d && terms && bp_pass_drops(layout, i) ? pass->d[i] : bp_arena_take(arena, panels * pass->ld, BP_PANEL * sizeof(float));
        pass->slopes[i] =
            d && bp_pass_keeps_slopes(layout, i) ? bp_arena_take(arena, panels * pass->ld, BP_PANEL * sizeof(float)) : NULL;
        pass->packed_a[i] = terms && i < layout->layers ? take_packed(pass, panels, terms, backward, arena) : (bp_packed){0};
        pass->packed_d[i] = terms && d ? take_packed(pass, panels, terms, true, arena) : (bp_packed){0};
    }
}

void bp_pass_carve_kept(bp_pass *pass, const bp_layout *layout, double share, bp_arena *arena)
{
    pass->scale = (float)(1.0 / (1.0 - share));
    pass->undo = (float)(1.0 - share);
    for (uint32_t i = 1; i < layout->layers && share > 0.0; i++)
        pass->kept[i] = bp_arena_take(arena, panels_of(layout, i) * pass->ld, sizeof(uint32_t));
}

void bp_pass_unpack(const bp_pass *pass, const float *block, bp_span rows, size_t n, float *matrix)
{
    const float *first = block + rows.first * BP_PANEL;

    for (size_t r = 0; r < rows.count; r++)
        for (size_t j = 0; j < n; j += BP_PANEL)
            memcpy(matrix + r * n + j, first + j / BP_PANEL * bp_pass_panel(pass) + r * BP_PANEL,
                   bp_size_min(BP_PANEL, n - j) * sizeof(float));
}
