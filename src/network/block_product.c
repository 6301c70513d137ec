/* SPDX-License-Identifier: Apache-2.0 */
#include "block_product.h"

#include <assert.h>
#include <string.h>

#include "size.h"

bp_packed_rows bp_packed_left(const bp_pass *pass, uint32_t number)
{
    return (bp_packed_rows){pass->packed_a[number], true, pass->row_blocks};
}

bp_packed_rows bp_packed_right(const bp_pass *pass, uint32_t number)
{
    return (bp_packed_rows){pass->packed_d[number], false, pass->row_blocks};
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

/* Rows of one panel, up to 32; `from` is their block. What goes down is ordered anew from what goes across, in L1. */
static void pack_block(const bp_arithmetic *a, const bp_packed_rows *packed, size_t n, size_t j, bp_span rows, const float *from)
{
    uint16_t *across;

    if (!packed->to.across)
        return;
    across = across_at(a, packed, n, j, rows);
    a->blocks->pack[BP_PACK_LEFT](a->terms, rows.count, bp_size_min(BP_PANEL, n - j * BP_PANEL), from, across);
    if (packed->to.down)
        (packed->turned ? a->blocks->turn : a->blocks->pair)(a->terms, across, down_at(a, packed, j, rows));
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

/* Bytes of a's rows that stay in a usual L2 while panels of W pass by, and how many rows at most: each panel is packed anew for
 * them, at the cost of one row more for each term. */
#define STAYING_BYTES ((size_t)1 << 20)
#define STAYING_ROWS 512

#define STRIP_BYTES ((size_t)128 << 10)

/* Some rows of c, and a part of their chains. */
typedef struct part {
    const bp_arithmetic *arithmetic;
    const bp_block_product *product;
    bp_span rows;
    bp_range panels;
    bp_span depth; /* blocks */
    uint16_t *room;
} part;

/* Tile `summed` of the summed index and panel j of c, as W has it, or W^T of a narrow layer. */
typedef struct weights_tile {
    size_t rows, columns;
    const float *from; /* [rows][32] */
} weights_tile;

static weights_tile tile_at(const bp_block_product *p, size_t summed, size_t j)
{
    const bp_layer *layer = p->layer;
    size_t row = BP_PANEL * (p->turned ? j : summed), panel = p->turned ? summed : j;
    size_t rows = bp_size_min(BP_PANEL, layer->k - row), columns = bp_size_min(BP_PANEL, layer->n - panel * BP_PANEL);

    return (weights_tile){
        .rows = layer->narrow ? columns : rows,
        .columns = layer->narrow ? rows : columns,
        .from = p->w + (layer->narrow ? row * layer->n : (panel * layer->k + row) * BP_PANEL),
    };
}

/* A part of panel j. */
static void pack_strip(const bp_arithmetic *a, const bp_block_product *product, bp_span depth, size_t j, uint16_t *to)
{
    bp_packing packing = product->turned != product->layer->narrow ? BP_PACK_RIGHT_TURNED : BP_PACK_RIGHT;

    for (size_t p = 0; p < depth.count; p++) {
        weights_tile tile = tile_at(product, depth.first + p, j);
        a->blocks->pack[packing](a->terms, tile.rows, tile.columns, tile.from, to + p * bp_block_elements(a));
    }
}

/* The same, ready to be read. */
static const uint16_t *strip_of(const part *t, size_t j)
{
    const bp_block_product *p = t->product;

    if (p->right)
        return p->right + (j * bp_block_product_count(p) + t->depth.first) * bp_block_elements(t->arithmetic);
    pack_strip(t->arithmetic, p, t->depth, j, t->room);
    return t->room;
}

/* Streams of one product: c, and tiles of W, so many at most. */
#define TILES_AHEAD 16

/* What is read soon comes to L2: the tiles of W that the next panel is packed from, this product's share of them, and where sums
 * go on from memory, the next ones. */
static void look_ahead(const part *t, bp_span block, size_t j, const float *c, bp_stream ahead[TILES_AHEAD + 2])
{
    size_t row = (block.first - t->rows.first) / BP_PANEL, rows = bp_row_blocks(t->rows.count);
    size_t first = t->depth.count * row / rows, end = t->depth.count * (row + 1) / rows;
    bp_stream *next = ahead;

    if (t->depth.first && row + 1 < rows)
        *next++ = bp_stream_of(c + BP_BLOCK_TERM, BP_BLOCK_TERM * sizeof *c);
    for (size_t p = first; !t->product->right && p < bp_size_min(end, first + TILES_AHEAD) && j + 1 < t->panels.end; p++) {
        weights_tile tile = tile_at(t->product, t->depth.first + p, j + 1);
        *next++ = bp_stream_of(tile.from, tile.rows * BP_PANEL * sizeof(float));
    }
    *next = (bp_stream){NULL, 0};
}

static size_t columns_of(const bp_block_product *p)
{
    return p->turned ? p->layer->k : p->layer->n;
}

/* What follows the chains of a block. */
static bp_end end_of(const bp_arithmetic *a, const bp_block_product *p, bp_span block, size_t j)
{
    bp_end end = p->end;

    if (end.bias)
        end.bias += j * BP_PANEL;
    if (end.a)
        end.a += j * p->panel + block.first * BP_PANEL;
    if (end.slopes)
        end.slopes += j * p->panel + block.first * BP_PANEL;
    if (p->signs)
        end.signs = p->signs + (block.first / BP_PANEL * bp_panels((uint32_t)columns_of(p)) + j) * bp_block_elements(a);
    return end;
}

/* One block of c. */
static void compute_block(const part *t, bp_span block, size_t j, const uint16_t *right)
{
    const bp_arithmetic *a = t->arithmetic;
    const bp_block_product *p = t->product;
    size_t count = bp_block_product_count(p);
    bp_chain chain = bp_chain_at(t->depth.first, t->depth.count, count);
    bp_stream ahead[TILES_AHEAD + 2];
    bp_end end = end_of(a, p, block, j);
    _Alignas(BP_ALIGNMENT) float dropped[BP_PANEL * BP_PANEL];
    float *sums = p->c + j * p->panel + block.first * BP_PANEL, *c = p->drops && chain & BP_CHAIN_LAST ? dropped : sums;

    if (c != sums && !(chain & BP_CHAIN_FIRST))
        memcpy(c, sums, block.count * BP_PANEL * sizeof *c);
    look_ahead(t, block, j, sums, ahead);
    a->blocks->product(block.count, a->terms, t->depth.count,
                       p->left + (block.first / BP_PANEL * count + t->depth.first) * bp_block_elements(a), right, chain, &end,
                       ahead, c);
    if (chain & BP_CHAIN_LAST && p->mask.kept)
        bp_mask_apply(a->kernels, &p->mask, p->panel, j, block, c);
    if (chain & BP_CHAIN_LAST)
        pack_block(a, &p->packed, columns_of(p), j, block, c);
}

static void compute_part(const part *t)
{
    for (size_t j = t->panels.first; j < t->panels.end; j++) {
        const uint16_t *right = strip_of(t, j);
        for (size_t row = 0; row < t->rows.count; row += BP_PANEL)
            compute_block(t, block_rows(t->rows, row), j, right);
    }
}

/* All chains of some rows: as much of a row at a time as fits both a strip and, of all rows, L2. */
static void compute_rows(const bp_arithmetic *a, const bp_block_product *p, bp_span rows, bp_range panels, uint16_t *room)
{
    size_t block = bp_block_elements(a) * sizeof(uint16_t), count = bp_block_product_count(p);
    size_t depth = bp_size_part(count, bp_size_min(STAYING_BYTES / bp_row_blocks(rows.count), STRIP_BYTES) / block, 1);

    for (size_t done = 0; done < count; done += depth)
        compute_part(&(part){a, p, rows, panels, {done, bp_size_min(depth, count - done)}, room});
}

void bp_block_product_compute(const bp_arithmetic *arithmetic, const bp_block_product *product, bp_span rows, bp_range panels,
                              uint16_t *room)
{
    size_t height = bp_size_part(rows.count, STAYING_ROWS, BP_PANEL);

    assert(!rows.count || rows.first % BP_PANEL == 0);
    for (size_t row = 0; row < rows.count; row += height)
        compute_rows(arithmetic, product, (bp_span){rows.first + row, bp_size_min(height, rows.count - row)}, panels, room);
}

/* -------------------------------------------------------------------------------------------------------------- strips */

static size_t tiles_before(const bp_layout *layout, uint32_t layer)
{
    size_t tiles = 0;

    for (uint32_t i = 0; i < layer; i++)
        tiles += (size_t)layout->layer[i].k_panels * layout->layer[i].n_panels;
    return tiles;
}

size_t bp_strip_bytes(const bp_layout *layout, const bp_arithmetic *arithmetic, bool whole)
{
    return whole ? 2 * tiles_before(layout, layout->layers) * bp_block_elements(arithmetic) * sizeof(uint16_t) : STRIP_BYTES;
}

static uint16_t *place_of(const bp_weights *weights, bp_strip strip, uint32_t layer, bool turned)
{
    size_t tiles = tiles_before(weights->layout, layer) + (turned ? tiles_before(weights->layout, weights->layout->layers) : 0);
    return strip.room + tiles * bp_block_elements(&weights->arithmetic);
}

const uint16_t *bp_strip_right(const bp_weights *weights, bp_strip strip, uint32_t layer, bool turned)
{
    return strip.whole ? place_of(weights, strip, layer, turned) : NULL;
}

static void fill_layer(const bp_weights *weights, bp_strip strip, uint32_t number, bool turned)
{
    const bp_layer *layer = &weights->layout->layer[number];
    bp_block_product product = {.layer = layer, .turned = turned, .w = weights->parameters + layer->w};
    size_t count = bp_block_product_count(&product), panels = turned ? layer->k_panels : layer->n_panels;
    uint16_t *to = place_of(weights, strip, number, turned);

    for (size_t j = 0; j < panels; j++)
        pack_strip(&weights->arithmetic, &product, (bp_span){0, count}, j,
                   to + j * count * bp_block_elements(&weights->arithmetic));
}

void bp_strip_fill(const bp_weights *weights, bp_strip strip)
{
    for (uint32_t i = 0; i < weights->layout->layers; i++) {
        fill_layer(weights, strip, i, false);
        fill_layer(weights, strip, i, true);
    }
}
