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

/* Where the block of these rows and panel j goes, of a matrix with n columns. */
static uint16_t *across_at(const bp_arithmetic *a, const bp_packed_rows *packed, size_t n, size_t j, bp_span rows)
{
    return packed->to.across + (rows.first / BP_PANEL * bp_panels((uint32_t)n) + j) * bp_block_elements(a);
}

static uint16_t *down_at(const bp_arithmetic *a, const bp_packed_rows *packed, size_t j, bp_span rows)
{
    return packed->to.down + (j * packed->row_blocks + rows.first / BP_PANEL) * bp_block_elements(a);
}

/* Rows of one panel, up to 32; `from` is their block. */
static void pack_block(const bp_arithmetic *a, const bp_packed_rows *packed, size_t n, size_t j, bp_span rows, const float *from)
{
    size_t columns = bp_size_min(BP_PANEL, n - j * BP_PANEL);

    if (packed->to.across)
        a->blocks->pack[BP_PACK_LEFT](a->terms, rows.count, columns, from, across_at(a, packed, n, j, rows));
    if (packed->to.down)
        a->blocks->pack[packed->down](a->terms, rows.count, columns, from, down_at(a, packed, j, rows));
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

/* A part of the chains of some rows and panels. */
typedef struct part {
    const bp_arithmetic *arithmetic;
    const bp_block_product *product;
    bp_span rows;
    bp_range panels;
    bp_span depth; /* blocks */
    bool rows_inside;
} part;

static size_t block_bytes(const bp_arithmetic *arithmetic)
{
    return bp_block_elements(arithmetic) * sizeof(uint16_t);
}

static bp_stream stream_of(const void *first, size_t bytes)
{
    return (bp_stream){first, bytes / BP_ALIGNMENT / 4 * 4};
}

static const uint16_t *left_at(const part *t, size_t row)
{
    return t->product->left + (row / BP_PANEL * t->product->count + t->depth.first) * bp_block_elements(t->arithmetic);
}

static const uint16_t *right_at(const part *t, size_t j)
{
    return t->product->right + (j * t->product->count + t->depth.first) * bp_block_elements(t->arithmetic);
}

/* One part of `parts` of a strip. */
static bp_stream share_of(const part *t, const uint16_t *strip, size_t number, size_t parts)
{
    size_t share = t->depth.count * block_bytes(t->arithmetic) / parts / BP_ALIGNMENT * BP_ALIGNMENT;
    return stream_of((const unsigned char *)strip + number * share, share);
}

/* The block's share of the strip that comes next: 32 rows of a while b's panels pass by these, or a panel of b while a's rows do. */
static bp_stream share_of_next(const part *t, bp_span block, size_t j)
{
    size_t row = (block.first - t->rows.first) / BP_PANEL, rows = (t->rows.count + BP_PANEL - 1) / BP_PANEL;
    size_t panels = t->panels.end - t->panels.first;

    if (!t->rows_inside && row + 1 < rows)
        return share_of(t, left_at(t, block.first + BP_PANEL), j - t->panels.first, panels);
    if (t->rows_inside && j + 1 < t->panels.end)
        return share_of(t, right_at(t, j + 1), row, rows);
    return (bp_stream){NULL, 0};
}

/* What the product will read soon; where sums go on from memory, those of the block behind it. */
static void look_ahead(const part *t, bp_span block, size_t j, const float *c, bp_stream ahead[3])
{
    bp_stream *next = ahead;

    *next = share_of_next(t, block, j);
    next += next->lines > 0;
    if (t->depth.first && j + 1 < t->panels.end)
        *next++ = stream_of(c + t->product->panel, BP_BLOCK_TERM * sizeof(float));
    *next = (bp_stream){NULL, 0};
}

/* One block of c. */
static void compute_block(const part *t, bp_span block, size_t j)
{
    const bp_arithmetic *a = t->arithmetic;
    const bp_block_product *p = t->product;
    size_t at = j * p->panel + block.first * BP_PANEL;
    bp_chain chain = bp_chain_at(t->depth.first, t->depth.count, p->count);
    bp_stream ahead[3];
    bp_end end = p->end;

    if (end.bias)
        end.bias += j * BP_PANEL;
    if (end.a)
        end.a += at;
    look_ahead(t, block, j, p->c + at, ahead);
    a->blocks->product(block.count, a->terms, t->depth.count, left_at(t, block.first), right_at(t, j), chain, &end, ahead,
                       p->c + at);
    if (chain & BP_CHAIN_LAST)
        pack_block(a, &p->packed, p->n, j, block, p->c + at);
}

/* Bytes that stay in a usual L2 while the other operand passes by: a's rows where they fit, else so many panels of b; and the bytes
 * of a strip, 32 rows of one of them, which chains are cut into where they are longer. */
#define STAYING_BYTES ((size_t)1 << 20)
#define STRIP_BYTES ((size_t)128 << 10)

/* Nearly equal parts of count, none above `most`. */
static size_t equal_part(size_t count, size_t most)
{
    size_t parts = (count + most - 1) / most;
    return (count + parts - 1) / parts;
}

static void compute_part(const part *t)
{
    for (size_t row = 0; !t->rows_inside && row < t->rows.count; row += BP_PANEL)
        for (size_t j = t->panels.first; j < t->panels.end; j++)
            compute_block(t, block_rows(t->rows, row), j);
    for (size_t j = t->panels.first; t->rows_inside && j < t->panels.end; j++)
        for (size_t row = 0; row < t->rows.count; row += BP_PANEL)
            compute_block(t, block_rows(t->rows, row), j);
}

void bp_block_product_compute(const bp_arithmetic *arithmetic, const bp_block_product *product, bp_span rows, bp_range panels)
{
    size_t depth = equal_part(product->count, STRIP_BYTES / block_bytes(arithmetic)), strip = depth * block_bytes(arithmetic);
    bool rows_inside = (rows.count + BP_PANEL - 1) / BP_PANEL * strip <= STAYING_BYTES;
    size_t together = rows_inside ? panels.end - panels.first : STAYING_BYTES / strip;

    assert(!rows.count || rows.first % BP_PANEL == 0);
    for (size_t j = panels.first; j < panels.end; j += together)
        for (size_t done = 0; done < product->count; done += depth)
            compute_part(&(part){arithmetic,
                                 product,
                                 rows,
                                 {j, bp_size_min(j + together, panels.end)},
                                 {done, bp_size_min(depth, product->count - done)},
                                 rows_inside});
}
