/* Blocks of bf16 without AMX: they are made floats again in L1, and TDPBF16PS is followed with multiply-adds of f32.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* A register tile of 2, 4 or 8 rows, so that 32 are whole tiles. */
#define BLOCK_ROWS (TILE_ROWS >= 14 ? 8 : TILE_ROWS >= 6 ? 4 : 2)
#define BLOCK_TILE (BLOCK_ROWS * 32)

/* ------------------------------------------------------------------------------------------------------------- packing */

/* bf16(x), as a float. Adding just less than half of the last place, or half where that place is odd, carries into the upper half
 * where rounding goes up, as far as infinity. */
INLINED vf round_bf16(vf x)
{
    vi bits = v_bits(x);
    vi odd = vi_and(vi_down(bits), vi_set(1));
    vi rounded = vi_and(vi_add(bits, vi_add(vi_set(0x7fff), odd)), vi_set(0xffff0000u));
    vf flushed = v_select(v_lt(v_abs(x), v_set(0x1p-126f)), v_copysign(v_set(0.0f), x), v_from_bits(rounded));
    return v_select(v_le(x, x), flushed, v_set(__builtin_nanf("")));
}

/* Rounds x [1024] to the term t, and leaves in x what the term lacks. */
static void take_term(float *x, float *t)
{
    for (size_t i = 0; i < BP_BLOCK_TERM; i += VL) {
        vf whole = v_load(x + i), term = round_bf16(whole);
        v_store(t + i, term);
        v_store(x + i, v_sub(whole, term));
    }
}

/* Two bf16, as floats, to each 32 bits. */
INLINED void store_pairs(vf first, vf second, uint16_t *to)
{
    vi_store(to, vi_or(vi_down(v_bits(first)), v_bits(second)));
}

static void order_left(const float *t, uint16_t *to)
{
    for (size_t i = 0; i < BP_BLOCK_TERM; i++) {
        uint32_t bits;
        memcpy(&bits, t + i, sizeof bits);
        to[i] = (uint16_t)(bits >> 16);
    }
}

static void order_right(const float *t, uint16_t *to)
{
    for (size_t column = 0; column < 32; column += 16)
        for (size_t row = 0; row < 32; row += 2, to += 32)
            for (size_t j = 0; j < 16; j += VL)
                store_pairs(v_load(t + 32 * row + column + j), v_load(t + 32 * (row + 1) + column + j), to + 2 * j);
}

static void pack_block(unsigned terms, size_t rows, size_t columns, const float *from, bool turn,
                       void (*order)(const float *, uint16_t *), uint16_t *to)
{
    float x[BP_BLOCK_TERM] = {0}, term[BP_BLOCK_TERM];

    if (turn)
        transpose(rows, columns, from, x);
    else
        for (size_t r = 0; r < rows; r++)
            memcpy(x + 32 * r, from + 32 * r, columns * sizeof *x);
    for (unsigned t = 0; t < terms; t++) {
        take_term(x, term);
        order(term, to + t * BP_BLOCK_TERM);
    }
}

#define PACK(NAME, TURNED, ORDER)                                                                                 \
    static void pack_##NAME(unsigned terms, size_t rows, size_t columns, const float *from, uint16_t *to)         \
    {                                                                                                             \
        pack_block(terms, rows, columns, from, TURNED, ORDER, to);                                                \
    }
PACK(left, false, order_left)
PACK(right, false, order_right)
PACK(right_turned, true, order_right)

static void turn_terms(unsigned terms, const uint16_t *left, uint16_t *to)
{
    for (unsigned t = 0; t < terms; t++, left += BP_BLOCK_TERM)
        for (size_t column = 0; column < 32; column++)
            for (size_t row = 0; row < 32; row++)
                *to++ = left[32 * row + column];
}

static void pair_terms(unsigned terms, const uint16_t *left, uint16_t *to)
{
    for (unsigned t = 0; t < terms; t++, left += BP_BLOCK_TERM)
        for (size_t column = 0; column < 32; column += 16)
            for (size_t row = 0; row < 32; row += 2)
                for (size_t j = column; j < column + 16; j++) {
                    *to++ = left[32 * row + j];
                    *to++ = left[32 * (row + 1) + j];
                }
}

/* ------------------------------------------------------------------------------------------------------------ products */

/* Terms as floats: the even of the reduction, then the odd; each half [32 rows][16] of a left and [16][32 columns] of a right. */
#define WIDE_HALF (BP_BLOCK_TERM / 2)

INLINED void widen_pairs(const uint16_t *pairs, float *to)
{
    for (size_t i = 0; i < 16; i += VL) {
        vi both = vi_load(pairs + 2 * i);
        v_store(to + i, v_from_bits(vi_up(both)));
        v_store(to + WIDE_HALF + i, v_from_bits(vi_and(both, vi_set(0xffff0000u))));
    }
}

static void widen_left(unsigned terms, const uint16_t *block, float *wide)
{
    for (unsigned t = 0; t < terms; t++, wide += BP_BLOCK_TERM)
        for (size_t row = 0; row < 32; row++, block += 32)
            widen_pairs(block, wide + 16 * row);
}

static void widen_right(unsigned terms, const uint16_t *block, float *wide)
{
    for (unsigned t = 0; t < terms; t++, wide += BP_BLOCK_TERM)
        for (size_t column = 0; column < 32; column += 16)
            for (size_t pair = 0; pair < 16; pair++, block += 32)
                widen_pairs(block, wide + 32 * pair + column);
}

/* The chains over 16 of one register tile, from +0. */
INLINED void block_chains(const float *a, const float *b, vf sums[TILE_ROWS][TILE_VECTORS])
{
    tile_begin(BLOCK_ROWS, TILE_VECTORS, BP_CHAIN_FIRST, NULL, sums);
    UNROLLED_BY(4)
    for (size_t p = 0; p < 16; p++)
        tile_step(BLOCK_ROWS, TILE_VECTORS, a + p, 16, b + 32 * p, sums);
}

/* c += even + odd. The even chains rest in L1 while the odd ones have the registers. */
static void block_tile(const float *a, const float *b, float *c)
{
    vf sums[TILE_ROWS][TILE_VECTORS];
    float even[BLOCK_ROWS * 32];

    block_chains(a, b, sums);
    tile_store(BLOCK_ROWS, TILE_VECTORS, sums, even);
    block_chains(a + WIDE_HALF, b + WIDE_HALF, sums);
    UNROLLED
    for (size_t i = 0; i < BLOCK_ROWS; i++)
        UNROLLED
        for (size_t v = 0; v < TILE_VECTORS; v++) {
            vf both = v_add(v_load(even + 32 * i + v * VL), sums[i][v]);
            v_store(c + 32 * i + v * VL, v_add(v_load(c + 32 * i + v * VL), both));
        }
}

/* One step of rows of c, as many as there are in whole tiles. */
static void block_step(size_t rows, const float *a, const float *b, float *c)
{
    for (size_t column = 0; column < 32; column += TILE_VECTORS * VL)
        for (size_t row = 0; row < rows; row += BLOCK_ROWS)
            block_tile(a + 16 * row, b + column, c + 32 * row + column);
}

static void block_product(size_t rows, unsigned terms, size_t count, const uint16_t *left, const uint16_t *right, bp_chain chain,
                          const bp_end *end, const bp_stream *ahead, float *c)
{
    float sums[BP_BLOCK_TERM] = {0}, a[BP_TERMS_MAX * BP_BLOCK_TERM], b[BP_TERMS_MAX * BP_BLOCK_TERM];
    request soon = request_start(ahead, count);

    if (!(chain & BP_CHAIN_FIRST))
        memcpy(sums, c, 32 * rows * sizeof *c);
    for (size_t i = 0; i < count; i++) {
        request_share(&soon);
        widen_left(terms, left + i * terms * BP_BLOCK_TERM, a);
        widen_right(terms, right + i * terms * BP_BLOCK_TERM, b);
        for (unsigned p = 0; p < bp_term_products(terms); p++) {
            const unsigned char *pair = term_pairs[terms - 1][p];
            block_step(rows, a + pair[0] * BP_BLOCK_TERM, b + pair[1] * BP_BLOCK_TERM, sums);
        }
    }
    memcpy(c, sums, 32 * rows * sizeof *c);
    if (chain & BP_CHAIN_LAST)
        block_end(rows, end ? end : &(bp_end){0}, relu_activate, relu_descend, c);
}

static void no_state(void)
{
}
