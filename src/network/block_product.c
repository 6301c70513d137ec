/* SPDX-License-Identifier: Apache-2.0 */
#include "block_product.h"

#include <assert.h>

#include "size.h"

bp_packed_rows bp_packed_left(const bp_pass *pass, uint32_t number)
{
    return (bp_packed_rows){pass->packed_a[number], BP_PACK_LEFT_TURNED, pass->row_blocks};
}

bp_packed_rows bp_packed_right(const bp_pass *pass, uint32_t number)
{
    return (bp_packed_rows){pass->packed_d[number], BP_PACK_RIGHT, pass->row_blocks};
}

/* Rows of one panel, up to 32, of a matrix with n columns; `from` is their block. */
static void pack_block(const bp_arithmetic *a, const bp_packed_rows *packed, size_t n, size_t j, bp_span rows, const float *from)
{
    size_t elements = bp_block_elements(a), columns = bp_size_min(BP_PANEL, n - j * BP_PANEL), i = rows.first / BP_PANEL;

    if (packed->to.across)
        a->blocks->pack[BP_PACK_LEFT](a->terms, rows.count, columns, from,
                                      packed->to.across + (i * bp_panels((uint32_t)n) + j) * elements);
    if (packed->to.down)
        a->blocks->pack[packed->down](a->terms, rows.count, columns, from,
                                      packed->to.down + (j * packed->row_blocks + i) * elements);
}

/* The 32 rows from `row` on, or as many as there are. */
static bp_span block_rows(bp_span rows, size_t row)
{
    return (bp_span){rows.first + row, bp_size_min(BP_PANEL, rows.count - row)};
}

void bp_pack_rows(const bp_arithmetic *arithmetic, size_t panel, bp_packed_rows packed, const float *from, size_t n, bp_span rows)
{
    assert(!rows.count || rows.first % BP_PANEL == 0);
    for (size_t row = 0; row < rows.count; row += BP_PANEL)
        for (size_t j = 0; j < bp_panels((uint32_t)n); j++) {
            bp_span block = block_rows(rows, row);
            pack_block(arithmetic, &packed, n, j, block, from + j * panel + block.first * BP_PANEL);
        }
}

/* One block of c. */
static void compute_block(const bp_arithmetic *a, const bp_block_product *p, size_t j, bp_span rows, const bp_stream *ahead)
{
    size_t strip = p->count * bp_block_elements(a), at = j * p->panel + rows.first * BP_PANEL;
    bp_end end = p->end;

    if (end.bias)
        end.bias += j * BP_PANEL;
    if (end.a)
        end.a += at;
    a->blocks->product(rows.count, a->terms, p->count, p->left + rows.first / BP_PANEL * strip, p->right + j * strip,
                       BP_CHAIN_WHOLE, &end, ahead, p->c + at);
    pack_block(a, &p->packed, p->n, j, rows, p->c + at);
}

/* Bytes of b's panels that pass by at a time: half of a usual L2, so that they stay in it beside a's rows. */
#define TOGETHER_BYTES ((size_t)1 << 20)

/* The panel's share of a's next 32 rows: they come to L2 while the panels pass by these. */
static bp_stream share_of_next(const bp_arithmetic *a, const bp_block_product *p, bp_span rows, size_t row, bp_range panels,
                               size_t j)
{
    size_t strip = p->count * bp_block_elements(a), lines = strip * sizeof(uint16_t) / BP_ALIGNMENT;
    size_t share = lines / (panels.end - panels.first) / 4 * 4;

    if (row + BP_PANEL >= rows.count)
        return (bp_stream){NULL, 0};
    const uint16_t *next = p->left + ((rows.first + row) / BP_PANEL + 1) * strip;
    return (bp_stream){(const void *)(next + (j - panels.first) * share * BP_ALIGNMENT / sizeof(uint16_t)), share};
}

static void compute_panels(const bp_arithmetic *a, const bp_block_product *p, bp_span rows, bp_range panels)
{
    for (size_t row = 0; row < rows.count; row += BP_PANEL)
        for (size_t j = panels.first; j < panels.end; j++) {
            bp_stream ahead[] = {share_of_next(a, p, rows, row, panels, j), {NULL, 0}};
            compute_block(a, p, j, block_rows(rows, row), ahead);
        }
}

void bp_block_product_compute(const bp_arithmetic *arithmetic, const bp_block_product *product, bp_span rows, bp_range panels)
{
    size_t strip = product->count * bp_block_elements(arithmetic) * sizeof(uint16_t);
    size_t together = bp_size_max(TOGETHER_BYTES / strip, 1);

    assert(!rows.count || rows.first % BP_PANEL == 0);
    for (size_t j = panels.first; j < panels.end; j += together)
        compute_panels(arithmetic, product, rows, (bp_range){j, bp_size_min(j + together, panels.end)});
}
