/* The matrix products: a register tile of up to TILE_ROWS x TILE_VECTORS sums runs along the whole reduction index.
 *
 * b's panel is read once for each tile of rows, from L2 when k is long; a tile's rows of a stay in L1. Rows are cut in
 * nearly equal tiles, so that no tile is much smaller than the others.
 *
 * SPDX-License-Identifier: Apache-2.0 */

#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif
#define INLINED static inline __attribute__((always_inline))
#define OUT_OF_LINE static __attribute__((noinline))

/* What all tiles of one call share. */
typedef struct product {
    size_t k;        /* length of the chains */
    size_t a_panel;  /* by rows: floats from one panel of a to the next */
    bp_chain chain;
    const float *ahead; /* what to prefetch: by rows, for each 32 of k, this tile's share of lines; down columns, a line a step */
    size_t lines;       /* a tile's share of the 64 lines that 32 rows of a panel have */
} product;

#define LINE 16 /* floats of a cache line */

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

/* Chains end with + (+0): a product of zeros that came out as -0 is then +0, as if it had been skipped. */
INLINED void tile_end(size_t rows, size_t vectors, bp_chain chain, const float *bias, vf sums[TILE_ROWS][TILE_VECTORS], float *c)
{
    vf zero = v_set(0.0f);

    UNROLLED
    for (size_t i = 0; i < rows; i++)
        UNROLLED
        for (size_t v = 0; v < vectors; v++) {
            vf sum = sums[i][v];
            if (chain & BP_CHAIN_LAST) {
                sum = v_add(sum, zero);
                if (bias)
                    sum = v_add(sum, v_load(bias + v * VL));
            }
            v_store(c + 32 * i + v * VL, sum);
        }
}

/* Down columns, whole rows of both panels pass by, 256 bytes for 11 cycles of arithmetic: asked for so many rows before, they are
 * in L1 in time (dW of 1,024 x 1,024 from 512 rows: 5 % faster). */
#define ROWS_AHEAD 16

INLINED void prefetch_row(const float *row)
{
    __builtin_prefetch(row);
    __builtin_prefetch(row + LINE);
}

/* by_rows: a is walked along its rows, through panels; else down its columns, in one panel. */
INLINED void tile(size_t rows, size_t vectors, bool by_rows, const product *p, const float *a, const float *b, const float *bias,
                  float *c)
{
    vf sums[TILE_ROWS][TILE_VECTORS];

    UNROLLED
    for (size_t i = 0; i < rows; i++)
        UNROLLED
        for (size_t v = 0; v < vectors; v++)
            sums[i][v] = p->chain & BP_CHAIN_FIRST ? v_set(0.0f) : v_load(c + 32 * i + v * VL);
    if (by_rows) {
        for (size_t done = 0; done < p->k; done += 32, a += p->a_panel, b += 32 * 32) {
            size_t steps = p->k - done < 32 ? p->k - done : 32;
            for (size_t l = 0; l < p->lines; l++)
                __builtin_prefetch(p->ahead + 32 * done + LINE * l, 0, 2);
            for (size_t s = 0; s < steps; s++) {
                __builtin_prefetch(a + p->a_panel + 16 * s); /* this tile's rows in a's next panel: 136 -> 159 GF/s at 1,024 */
                tile_step(rows, vectors, a + s, 32, b + 32 * s, sums);
            }
        }
    } else {
        for (size_t s = 0; s < p->k; s++) {
            __builtin_prefetch(p->ahead + LINE * (s % 64), 1);
            prefetch_row(a + 32 * (s + ROWS_AHEAD));
            prefetch_row(b + 32 * (s + ROWS_AHEAD));
            tile_step(rows, vectors, a + 32 * s, 1, b + 32 * s, sums);
        }
    }
    tile_end(rows, vectors, p->chain, bias, sums, c);
}

typedef void tile_function(const product *p, const float *a, const float *b, const float *bias, float *c);

/* One function for each size of tile: the sums must be registers, so both sizes are constants in it. */
#define TILE(R, V)                                                                                          \
    OUT_OF_LINE void rows_##R##x##V(const product *p, const float *a, const float *b, const float *bias, float *c)    \
    {                                                                                                       \
        tile(R, V, true, p, a, b, bias, c);                                                                 \
    }                                                                                                       \
    OUT_OF_LINE void columns_##R##x##V(const product *p, const float *a, const float *b, const float *bias, float *c) \
    {                                                                                                       \
        tile(R, V, false, p, a, b, bias, c);                                                                \
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

/* Cuts [m, columns] in tiles; groups of TILE_VECTORS vectors of b outside, rows inside. */
INLINED void cut(size_t m, size_t columns, size_t a_row, tile_function *const tiles[TILE_ROWS][TILE_VECTORS], product *p,
                 const float *a, const float *b, const float *bias, float *c)
{
    size_t count = (m + TILE_ROWS - 1) / TILE_ROWS;

    for (size_t column = 0; column < columns; column += TILE_VECTORS * VL) {
        size_t vectors = (columns - column + VL - 1) / VL;
        if (vectors > TILE_VECTORS)
            vectors = TILE_VECTORS;
        for (size_t t = 0, first = 0; t < count; t++) {
            size_t rows = m / count + (t < m % count);
            tiles[rows - 1][vectors - 1](p, a + first * a_row, b + column, bias ? bias + column : NULL, c + 32 * first + column);
            p->ahead += p->lines * LINE; /* the next tile's share */
            first += rows;
        }
        p->lines = 0;
    }
}

static void product_rows(size_t m, size_t k, const float *a, size_t a_panel, const float *b, size_t columns, bp_chain chain,
                         const float *bias, const float *ahead, float *c)
{
    size_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS; /* none for a thread without rows */
    product p = {.k = k, .a_panel = a_panel, .chain = chain, .ahead = ahead ? ahead : b};

    if (ahead && tiles)
        p.lines = (64 + tiles - 1) / tiles;
    cut(m, columns, 32, row_tiles, &p, a, b, bias, c);
}

static void product_columns(size_t h, size_t m, const float *a, const float *b, size_t columns, bp_chain chain, const float *ahead,
                            float *c)
{
    product p = {.k = m, .chain = chain, .ahead = ahead ? ahead : b};
    cut(h, columns, 1, column_tiles, &p, a, b, NULL, c);
}

static void sum_rows(size_t m, const float *b, size_t columns, bp_chain chain, float *c)
{
    for (size_t column = 0; column < columns; column += VL) {
        vf sum = chain & BP_CHAIN_FIRST ? v_set(0.0f) : v_load(c + column);
        for (size_t p = 0; p < m; p++)
            sum = v_add(sum, v_load(b + 32 * p + column));
        v_store(c + column, chain & BP_CHAIN_LAST ? v_add(sum, v_set(0.0f)) : sum);
    }
    for (size_t column = columns; column < 32; column++) /* also those that the last vector took along */
        c[column] = 0.0f;
}
