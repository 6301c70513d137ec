/* Moving numbers into the shapes that products read, and the peak of the unit that computes them.
 *
 * SPDX-License-Identifier: Apache-2.0 */

static void transpose(size_t rows, size_t columns, const float *from, float *to)
{
    if (rows == 32 && columns == 32) {
        for (size_t r = 0; r < 32; r += VL)
            for (size_t c = 0; c < 32; c += VL) {
                vf block[VL];
                for (size_t i = 0; i < VL; i++)
                    block[i] = v_load(from + 32 * (r + i) + c);
                v_transpose(block);
                for (size_t i = 0; i < VL; i++)
                    v_store(to + 32 * (c + i) + r, block[i]);
            }
        return;
    }
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            to[32 * c + r] = from[32 * r + c];
}

/* Lines of 64 bytes that a row is asked for ahead of: rows are shuffled, so in no cache, and the processor sees through several
 * that are read in turns only behind their first lines. */
#define LINES_AHEAD 8

/* Up to 31 columns of a row into one panel's, and 0 behind them. */
INLINED void spread_tail_f32(size_t columns, const float *x, float *to)
{
    UNROLLED
    for (size_t i = 0; i < 32; i += VL)
        v_store(to + i, i + VL <= columns ? v_load(x + i) : i < columns ? v_load_some(x + i, columns - i) : v_set(0.0f));
}

/* Panel by panel, all rows: one page of the panel and one of each row are at hand, where row by row every 128 bytes would go
 * to another page. */
static void spread_f32(size_t count, const float *const *rows, size_t n, size_t panel, float *to)
{
    size_t column = 0;

    for (; column + 32 <= n; column += 32)
        for (size_t r = 0; r < count; r++) {
            const float *x = rows[r] + column, *ahead = column + 16 * LINES_AHEAD < n ? x + 16 * LINES_AHEAD : x;
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + 16);
            UNROLLED
            for (size_t i = 0; i < 32; i += VL)
                v_store(PLACE(to, panel, column) + 32 * r + i, v_load(x + i));
        }
    for (size_t r = 0; r < count && column < n; r++)
        spread_tail_f32(n - column, rows[r] + column, PLACE(to, panel, column) + 32 * r);
}

static void one_hot(size_t n, size_t hot, size_t panel, float *to)
{
    for (size_t column = 0; column < (n + 31) / 32 * 32; column += VL)
        v_store(PLACE(to, panel, column), v_set(0.0f));
    *PLACE(to, panel, hot) = 1.0f;
}

/* A quotient without a division: q = x y with y = 1 / divisor, corrected by its own remainder, is the correctly rounded x /
 * divisor (P. Markstein, IBM J. Res. Dev. 34, 1990); the remainder is exact. */
INLINED vf quotient(vf x, vf divisor, vf reciprocal)
{
    vf q = v_mul(x, reciprocal);
    vf remainder = v_fma(v_sub(v_set(0.0f), q), divisor, x);
    return v_fma(remainder, reciprocal, q);
}

static float quotient_of_one(float x, float divisor, float reciprocal)
{
    float q = x * reciprocal;
    return __builtin_fmaf(__builtin_fmaf(-q, divisor, x), reciprocal, q);
}

/* By the same operations: where the reciprocal is 0 or infinite, too. */
INLINED void spread_tail_u8(size_t columns, const uint8_t *x, float divisor, float *to)
{
    size_t column = 0;

    for (; column < columns; column++)
        to[column] = quotient_of_one((float)x[column], divisor, 1.0f / divisor);
    for (; column < 32; column++)
        to[column] = 0.0f;
}

static void spread_u8(size_t count, const uint8_t *const *rows, size_t n, float divisor, size_t panel, float *to)
{
    vf by = v_set(divisor), reciprocal = v_set(1.0f / divisor);
    size_t column = 0;

    for (; column + 32 <= n; column += 32)
        for (size_t r = 0; r < count; r++) {
            const uint8_t *x = rows[r] + column;
            __builtin_prefetch(column + 64 * LINES_AHEAD < n ? x + 64 * LINES_AHEAD : x);
            UNROLLED
            for (size_t i = 0; i < 32; i += VL)
                v_store(PLACE(to, panel, column) + 32 * r + i, quotient(v_load_u8(x + i), by, reciprocal));
        }
    for (size_t r = 0; r < count && column < n; r++)
        spread_tail_u8(n - column, rows[r] + column, divisor, PLACE(to, panel, column) + 32 * r);
}

/* A register tile's sums: enough chains to hide the latency of all multiply-add units, with the sum as the addend, since NEON
 * overwrites no other operand. One factor is near 1, one near -1: sums alternate and stay small. Their random bits make the clock
 * that of real data. */
static double peak(size_t rounds, float *sink)
{
    enum { CHAINS = TILE_ROWS * TILE_VECTORS };
    vf sums[CHAINS], factor[2];
    float seeds[VL];
    uint32_t bits = 12345;

    for (size_t f = 0; f < 2; f++) {
        for (size_t j = 0; j < VL; j++) {
            bits = bits * 1664525u + 1013904223u;
            seeds[j] = (f ? -1.0f : 1.0f) + (float)(bits >> 9) * 0x1p-33f;
        }
        factor[f] = v_load(seeds);
    }
    UNROLLED
    for (size_t c = 0; c < CHAINS; c++)
        sums[c] = v_mul(factor[0], v_set(1.0f + (float)c));
    for (size_t round = 0; round < rounds; round++) {
        UNROLLED
        for (size_t c = 0; c < CHAINS; c++)
            sums[c] = v_fma(factor[round & 1], factor[c & 1], sums[c]);
    }
    vf total = v_set(0.0f);
    UNROLLED
    for (size_t c = 0; c < CHAINS; c++)
        total = v_add(total, sums[c]);
    v_store(seeds, total);
    *sink = seeds[0];
    return 2.0 * (double)(CHAINS * VL) * (double)rounds;
}
