/* The matrix products: a register tile of up to TILE_ROWS x TILE_VECTORS sums runs along the whole reduction index.
 *
 * b's panel is read once for each tile of rows, from L2 when k is long; a tile's rows of a stay in L1. Rows are cut in
 * nearly equal tiles, so that no tile is much smaller than the others.
 *
 * SPDX-License-Identifier: Apache-2.0 */

#define LINE 16 /* floats of a cache line */
#define AT_ONCE 4 /* steps of an unrolled loop: 128 x 784 x 512 172 -> 182 GF/s; eight are no faster */

/* What all tiles of one call share. */
typedef struct product {
    size_t k;       /* length of the chains */
    size_t a_panel; /* by rows: floats from one panel of a to the next */
    bp_chain chain;
    bp_end end;
    const float *ahead; /* by rows: for each 32 of k, this tile's share of the next panel's 64 lines */
    size_t lines;
    size_t resting; /* by rows: for each 32 of k, lines of the next tile's sums, where they rest in c */
    const bp_stream *stream; /* down columns: what to ask for next, from line `asked` on; NULL: nothing */
    size_t asked;
    size_t share; /* lines that each tile asks for, a multiple of AT_ONCE */
    size_t each;  /* lines that AT_ONCE steps ask for: 1, 2 or 4 */
    float *total; /* down columns: [32] the sums of b's rows, or NULL */
} product;

/* One step of all chains: sums += a column of `rows` elements, `stride` apart, times `vectors` vectors of b. */
INLINED void tile_step(size_t rows, size_t vectors, const float *a, size_t stride, const float *b, vf sums[TILE_ROWS][TILE_VECTORS])
{
    vf row[TILE_VECTORS];

    UNROLLED
    for (size_t v = 0; v < vectors; v++)
        row[v] = v_load(b + v * VL);
    UNROLLED
    for (size_t i = 0; i < rows; i++) {
        vf element = v_set(a[i * stride]);
        UNROLLED
        for (size_t v = 0; v < vectors; v++)
            sums[i][v] = v_fma(element, row[v], sums[i][v]);
    }
}

INLINED void tile_begin(size_t rows, size_t vectors, bp_chain chain, const float *c, vf sums[TILE_ROWS][TILE_VECTORS])
{
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        UNROLLED
        for (size_t v = 0; v < vectors; v++)
            sums[i][v] = chain & BP_CHAIN_FIRST ? v_set(0.0f) : v_load(c + 32 * i + v * VL);
}

INLINED void tile_store(size_t rows, size_t vectors, vf sums[TILE_ROWS][TILE_VECTORS], float *c)
{
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        UNROLLED
        for (size_t v = 0; v < vectors; v++)
            v_store(c + 32 * i + v * VL, sums[i][v]);
}

/* Chains end with + (+0): a product of zeros that came out as -0 is then +0, as if it had been skipped. Then the bias is added;
 * (sum + 0) + bias has the bits of sum + (bias + 0), whichever of them are zeros of either sign. */
INLINED void tile_finish(size_t rows, size_t vectors, const float *bias, vf sums[TILE_ROWS][TILE_VECTORS])
{
    vf addend[TILE_VECTORS];

    UNROLLED
    for (size_t v = 0; v < vectors; v++)
        addend[v] = bias ? v_add(v_load(bias + v * VL), v_set(0.0f)) : v_set(0.0f);
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        UNROLLED
        for (size_t v = 0; v < vectors; v++)
            sums[i][v] = v_add(sums[i][v], addend[v]);
}

/* ReLU and its slope are a comparison and a selection: they are done in the registers. */
INLINED void tile_relu(size_t rows, size_t vectors, const bp_end *end, const float *a, vf sums[TILE_ROWS][TILE_VECTORS])
{
    if (end->activate == relu_activate)
        UNROLLED
        for (size_t i = 0; i < rows; i++)
            UNROLLED
            for (size_t v = 0; v < vectors; v++)
                sums[i][v] = v_relu(sums[i][v]);
    if (end->slope == relu_descend)
        UNROLLED
        for (size_t i = 0; i < rows; i++)
            UNROLLED
            for (size_t v = 0; v < vectors; v++)
                sums[i][v] = relu_slope(v_load(a + 32 * i + v * VL), sums[i][v]);
}

/* All other functions go over the rows of the panel, which are in L1 still. */
static void rows_end(size_t rows, const bp_end *end, float *c)
{
    if (end->activate && end->activate != relu_activate)
        end->activate(32 * rows, c, end->slopes);
    if (end->slope && end->slope != relu_descend)
        end->slope(32 * rows, end->a, c);
}

/* a is walked along its rows, through panels. */
INLINED void tile_by_rows(size_t rows, size_t vectors, const product *p, size_t first, const float *a, const float *b, size_t column,
                          float *c)
{
    vf sums[TILE_ROWS][TILE_VECTORS];
    const float *next = c + 32 * rows;

    tile_begin(rows, vectors, p->chain, c, sums);
    for (size_t done = 0; done < p->k; done += 32, a += p->a_panel, b += 32 * 32) {
        size_t steps = p->k - done < 32 ? p->k - done : 32, s = 0;
        for (size_t l = 0; l < p->lines; l++)
            __builtin_prefetch(p->ahead + 32 * done + LINE * l, 0, 2);
        for (size_t l = 0; l < p->resting; l++, next += LINE)
            __builtin_prefetch(next, 0, 2);
        for (; s + AT_ONCE <= steps; s += AT_ONCE)
            UNROLLED
            for (size_t u = s; u < s + AT_ONCE; u++) {
                __builtin_prefetch(a + p->a_panel + LINE * u); /* this tile's rows in a's next panel: 136 -> 159 GF/s at 1,024 */
                tile_step(rows, vectors, a + u, 32, b + 32 * u, sums);
            }
        for (; s < steps; s++)
            tile_step(rows, vectors, a + s, 32, b + 32 * s, sums);
    }
    if (p->chain & BP_CHAIN_LAST) {
        tile_finish(rows, vectors, p->end.bias ? p->end.bias + column : NULL, sums);
        tile_relu(rows, vectors, &p->end, p->end.a ? p->end.a + 32 * first + column : NULL, sums);
    }
    tile_store(rows, vectors, sums, c);
}

/* Lines that the stream, the tile's share, and the chain have left to ask for. One line in four steps is what L3 gives beside the
 * products; asked for at every step, they filled the line buffers (1,024 rows, 2048 x 2048: dW 27.2 ms, so 25.6). */
INLINED size_t lines_to_ask(const product *p, size_t share, size_t steps)
{
    size_t lines = p->stream->lines - p->asked, most = steps / AT_ONCE * p->each;

    if (lines > share)
        lines = share;
    return lines < most ? lines : most;
}

/* One step down the columns. The sum of b's rows is a row more whose element is always 1: as a pass of its own it would wait four
 * cycles for each row (32-64-64-1, 256 rows: 2.5 us of a step). */
INLINED void column_step(size_t rows, size_t vectors, bool totals, const float *a, const float *b,
                         vf sums[TILE_ROWS][TILE_VECTORS])
{
    tile_step(rows, vectors, a, 1, b, sums);
    if (totals)
        UNROLLED
        for (size_t v = 0; v < vectors; v++)
            sums[rows][v] = v_add(sums[rows][v], v_load(b + v * VL));
}

/* a is walked down its columns, in one panel: both operands pass by as streams, which the processor prefetches itself. */
INLINED void tile_by_columns(size_t rows, size_t vectors, bool totals, product *p, const float *a, const float *b, size_t column,
                             float *c)
{
    vf sums[TILE_ROWS][TILE_VECTORS];
    size_t s = 0, share = p->share, each = p->each;

    tile_begin(rows, vectors, p->chain, c, sums);
    if (totals)
        tile_begin(1, vectors, p->chain, p->total + column, sums + rows);
    while (share && p->stream->lines) {
        const float *line = p->stream->first + LINE * p->asked;
        size_t asking = lines_to_ask(p, share, p->k - s);
        if (!asking)
            break;
        for (const float *end = line + LINE * asking; line < end; s += AT_ONCE) {
            for (size_t l = 0; l < each; l++, line += LINE)
                __builtin_prefetch(line, 0, 2);
            UNROLLED
            for (size_t u = s; u < s + AT_ONCE; u++)
                column_step(rows, vectors, totals, a + 32 * u, b + 32 * u, sums);
        }
        share -= asking;
        p->asked += asking;
        if (p->asked == p->stream->lines) {
            p->stream++;
            p->asked = 0;
        }
    }
    for (; s + AT_ONCE <= p->k; s += AT_ONCE)
        UNROLLED
        for (size_t u = s; u < s + AT_ONCE; u++)
            column_step(rows, vectors, totals, a + 32 * u, b + 32 * u, sums);
    for (; s < p->k; s++)
        column_step(rows, vectors, totals, a + 32 * s, b + 32 * s, sums);
    if (p->chain & BP_CHAIN_LAST)
        tile_finish(rows + totals, vectors, NULL, sums);
    tile_store(rows, vectors, sums, c);
    if (totals)
        tile_store(1, vectors, sums + rows, p->total + column);
}

/* The tile's first row and first column are those of c. */
typedef void tile_function(product *p, size_t first, const float *a, const float *b, size_t column, float *c);

/* One function for each size of tile: the sums must be registers, so both sizes are constants in it. */
#define TILE(R, V)                                                                                                       \
    OUT_OF_LINE void rows_##R##x##V(product *p, size_t first, const float *a, const float *b, size_t column, float *c)    \
    {                                                                                                                    \
        tile_by_rows(R, V, p, first, a + 32 * first, b + column, column, c + 32 * first + column);                       \
    }                                                                                                                    \
    OUT_OF_LINE void columns_##R##x##V(product *p, size_t first, const float *a, const float *b, size_t column, float *c) \
    {                                                                                                                    \
        tile_by_columns(R, V, false, p, a + first, b + column, column, c + 32 * first + column);                         \
    }                                                                                                                    \
    OUT_OF_LINE void totals_##R##x##V(product *p, size_t first, const float *a, const float *b, size_t column, float *c)  \
    {                                                                                                                    \
        tile_by_columns(R - 1, V, true, p, a + first, b + column, column, c + 32 * first + column);                      \
    }
#if TILE_VECTORS == 4
#define TILE_ROW(R) TILE(R, 1) TILE(R, 2) TILE(R, 3) TILE(R, 4)
#define ENTRY(R, KIND) {KIND##_##R##x1, KIND##_##R##x2, KIND##_##R##x3, KIND##_##R##x4}
#else
#define TILE_ROW(R) TILE(R, 1) TILE(R, 2)
#define ENTRY(R, KIND) {KIND##_##R##x1, KIND##_##R##x2}
#endif

TILE_ROW(1)
TILE_ROW(2)
TILE_ROW(3)
#if TILE_ROWS >= 6
TILE_ROW(4)
TILE_ROW(5)
TILE_ROW(6)
#endif
#if TILE_ROWS >= 14
TILE_ROW(7)
TILE_ROW(8)
TILE_ROW(9)
TILE_ROW(10)
TILE_ROW(11)
TILE_ROW(12)
TILE_ROW(13)
TILE_ROW(14)
#endif

#if TILE_ROWS == 3
#define ENTRIES(KIND) ENTRY(1, KIND), ENTRY(2, KIND), ENTRY(3, KIND)
#elif TILE_ROWS == 6
#define ENTRIES(KIND) ENTRY(1, KIND), ENTRY(2, KIND), ENTRY(3, KIND), ENTRY(4, KIND), ENTRY(5, KIND), ENTRY(6, KIND)
#else
#define ENTRIES(KIND)                                                                                              \
    ENTRY(1, KIND), ENTRY(2, KIND), ENTRY(3, KIND), ENTRY(4, KIND), ENTRY(5, KIND), ENTRY(6, KIND), ENTRY(7, KIND), \
        ENTRY(8, KIND), ENTRY(9, KIND), ENTRY(10, KIND), ENTRY(11, KIND), ENTRY(12, KIND), ENTRY(13, KIND), ENTRY(14, KIND)
#endif

static tile_function *const row_tiles[TILE_ROWS][TILE_VECTORS] = {ENTRIES(rows)};
static tile_function *const column_tiles[TILE_ROWS][TILE_VECTORS] = {ENTRIES(columns)};
static tile_function *const total_tiles[TILE_ROWS][TILE_VECTORS] = {ENTRIES(totals)}; /* their last row is that of the sums */

static size_t tiles_of(size_t m)
{
    return (m + TILE_ROWS - 1) / TILE_ROWS;
}

/* Cuts [m, columns] in tiles; groups of TILE_VECTORS vectors of b outside, rows inside. The last rows may take other tiles. */
INLINED void cut(size_t m, size_t columns, tile_function *const tiles[TILE_ROWS][TILE_VECTORS],
                 tile_function *const last[TILE_ROWS][TILE_VECTORS], product *p, const float *a, const float *b, float *c)
{
    size_t count = tiles_of(m);

    for (size_t column = 0; column < columns; column += TILE_VECTORS * VL) {
        size_t vectors = (columns - column + VL - 1) / VL;
        if (vectors > TILE_VECTORS)
            vectors = TILE_VECTORS;
        for (size_t t = 0, first = 0; t < count; t++) {
            size_t rows = m / count + (t < m % count);
            tile_function *const(*kind)[TILE_VECTORS] = t + 1 < count ? tiles : last;
            kind[rows - 1][vectors - 1](p, first, a, b, column, c);
            p->ahead += p->lines * LINE; /* the next tile's share */
            first += rows;
        }
        p->lines = 0;
    }
}

static void product_rows(size_t m, size_t k, const float *a, size_t a_panel, const float *b, size_t columns, bp_chain chain,
                         const bp_end *end, const float *ahead, float *c)
{
    size_t tiles = tiles_of(m); /* none for a thread without rows */
    product p = {.k = k, .a_panel = a_panel, .chain = chain, .ahead = ahead ? ahead : b};

    if (end)
        p.end = *end;
    if (ahead && tiles)
        p.lines = (64 + tiles - 1) / tiles;
    if (!(chain & BP_CHAIN_FIRST)) /* out of L3 where there are many rows: 2048 x 4, 1,024 rows, a step is 1 % faster */
        p.resting = (TILE_ROWS * 64 + k - 1) / k;
    cut(m, columns, row_tiles, row_tiles, &p, a, b, c);
    if (chain & BP_CHAIN_LAST)
        rows_end(m, &p.end, c);
}

static void product_columns(size_t h, size_t m, const float *a, const float *b, size_t columns, bp_chain chain,
                            const bp_stream *ahead, float *c, float *total)
{
    product p = {.k = m, .chain = chain, .ahead = b, .stream = ahead, .total = total};
    size_t lines = 0, height = h + (total != NULL);
    size_t tiles = tiles_of(height) * ((columns + TILE_VECTORS * VL - 1) / (TILE_VECTORS * VL));

    for (const bp_stream *stream = ahead; stream && stream->lines; stream++)
        lines += stream->lines;
    p.share = (lines / AT_ONCE + tiles - 1) / tiles * AT_ONCE;
    p.each = p.share * 4 <= m ? 1 : p.share * 2 <= m ? 2 : 4;
    cut(height, columns, column_tiles, total ? total_tiles : column_tiles, &p, a, b, c);
    for (size_t column = columns; total && column < 32; column++) /* also those that the last vector took along */
        total[column] = 0.0f;
}
