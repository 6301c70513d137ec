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

/* 0 from column n up to the end of its panel. */
INLINED void clear_rest(size_t n, size_t panel, float *to)
{
    size_t column = n, end = (n + 31) / 32 * 32;

    for (; column % VL; column++)
        *PLACE(to, panel, column) = 0.0f;
    for (; column < end; column += VL)
        v_store(PLACE(to, panel, column), v_set(0.0f));
}

static void spread_f32(size_t n, const float *x, size_t panel, float *to)
{
    size_t column = 0;

    for (; column + VL <= n; column += VL)
        v_store(PLACE(to, panel, column), v_load(x + column));
    for (; column < n; column++)
        *PLACE(to, panel, column) = x[column];
    clear_rest(n, panel, to);
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

static void spread_u8(size_t n, const uint8_t *x, float divisor, size_t panel, float *to)
{
    vf by = v_set(divisor), reciprocal = v_set(1.0f / divisor);
    size_t column = 0;

    for (; column + VL <= n; column += VL)
        v_store(PLACE(to, panel, column), quotient(v_load_u8(x + column), by, reciprocal));
    for (; column < n; column++) /* by the same operations: where the reciprocal is 0 or infinite, too */
        *PLACE(to, panel, column) = quotient_of_one((float)x[column], divisor, 1.0f / divisor);
    clear_rest(n, panel, to);
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
    return 2.0 * CHAINS * VL * (double)rounds;
}
