/* Packing of blocks of bf16 by AVX-512: a conversion makes 32 bf16 of any two vectors of 16 floats, so it puts two rows that are
 * far apart one behind the other, and a turned block needs one level of shuffles less.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* bf16 of 32 floats; the instruction flushes subnormals and keeps NaN. */
INLINED __m512i to_bf16(vf low, vf high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* Where the floats go that the next term is made of. */
INLINED void keep_rest(vf low, vf high, __m512i term, float *low_rest, float *high_rest)
{
    /* a float's bits are 0 and then the bf16: words 2 i + 1 come from word i, words 2 i are masked */
    const __m512i first = _mm512_set_epi16(15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3,
                                           2, 2, 1, 1, 0, 0);
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));

    v_store(low_rest, v_sub(low, (vf)_mm512_maskz_permutexvar_epi16(0xaaaaaaaau, first, term)));
    v_store(high_rest, v_sub(high, (vf)_mm512_maskz_permutexvar_epi16(0xaaaaaaaau, second, term)));
}

/* 32 bf16 of 16 floats at `low` and 16 at `high`, of x; what they lack goes to the same places of rest, unless that is NULL. */
INLINED __m512i take(const float *x, float *rest, size_t low, size_t high)
{
    vf l = v_load(x + low), h = v_load(x + high);
    __m512i term = to_bf16(l, h);

    if (rest)
        keep_rest(l, h, term, rest + low, rest + high);
    return term;
}

INLINED void term_left(const float *x, float *rest, uint16_t *to)
{
    for (size_t row = 0; row < 32; row++)
        vi_store(to + 32 * row, take(x, rest, 32 * row, 32 * row + 16));
}

/* Of two rows of 16, one behind the other. */
INLINED __m512i interleave(__m512i rows)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
                                           19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, rows);
}

INLINED void term_right(const float *x, float *rest, uint16_t *to)
{
    for (size_t column = 0; column < 32; column += 16)
        for (size_t row = 0; row < 32; row += 2, to += 32)
            vi_store(to, interleave(take(x, rest, 32 * row + column, 32 * row + 32 + column)));
}

/* Lanes 0 and 2 of a, then of b; lanes 1 and 3. */
INLINED __m512i even_lanes(__m512i a, __m512i b) { return _mm512_shuffle_i64x2(a, b, 0x88); }
INLINED __m512i odd_lanes(__m512i a, __m512i b) { return _mm512_shuffle_i64x2(a, b, 0xdd); }

/* Pairs of columns, 16 rows of 16 columns: y[q], q < 4, gets pairs q and 4 + q by lanes of four rows. */
INLINED void turn_pairs(const float *x, float *rest, size_t at, __m512i y[4])
{
    __m512i r[4], s[4];

    UNROLLED
    for (size_t i = 0; i < 4; i++)
        r[i] = take(x, rest, at + 32 * i, at + 32 * (i + 4));
    UNROLLED
    for (size_t i = 0; i < 2; i++) { /* rows 2 i and 2 i + 1; s[i]: pairs 0 and 1, s[2 + i]: 2 and 3 of a lane */
        s[i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        s[2 + i] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    UNROLLED
    for (size_t i = 0; i < 2; i++) {
        y[2 * i] = _mm512_unpacklo_epi64(s[2 * i], s[2 * i + 1]);
        y[2 * i + 1] = _mm512_unpackhi_epi64(s[2 * i], s[2 * i + 1]);
    }
}

INLINED void term_right_turned(const float *x, float *rest, uint16_t *to)
{
    for (size_t row = 0; row < 32; row += 16, to += 512)
        for (size_t column = 0; column < 32; column += 16) {
            uint16_t *pairs = to + 32 * (column / 2);
            __m512i upper[4], lower[4];

            turn_pairs(x, rest, 32 * row + column, upper);
            turn_pairs(x, rest, 32 * (row + 8) + column, lower);
            for (size_t q = 0; q < 4; q++) {
                vi_store(pairs + 32 * q, even_lanes(upper[q], lower[q]));
                vi_store(pairs + 32 * (4 + q), odd_lanes(upper[q], lower[q]));
            }
        }
}

static void pad(size_t rows, size_t columns, const float *from, float *to)
{
    memset(to, 0, BP_BLOCK_TERM * sizeof *to);
    for (size_t r = 0; r < rows; r++)
        memcpy(to + 32 * r, from + 32 * r, columns * sizeof *to);
}

#define PACK(NAME)                                                                                        \
    static void pack_##NAME(unsigned terms, size_t rows, size_t columns, const float *from, uint16_t *to) \
    {                                                                                                     \
        float x[BP_BLOCK_TERM] __attribute__((aligned(64)));                                              \
                                                                                                          \
        if (rows < 32 || columns < 32) {                                                                  \
            pad(rows, columns, from, x);                                                                  \
            from = x;                                                                                     \
        }                                                                                                 \
        for (; terms > 1; terms--, to += BP_BLOCK_TERM, from = x)                                         \
            term_##NAME(from, x, to);                                                                     \
        term_##NAME(from, NULL, to);                                                                      \
    }
PACK(left)
PACK(right)
PACK(right_turned)

/* ------------------------------------------------------------------------------------------- terms, packed left already */

INLINED __m512i two_rows(const uint16_t *low, const uint16_t *high)
{
    __m512i first = _mm512_castsi256_si512(_mm256_load_si256((const __m256i *)(const void *)low));
    return _mm512_inserti64x4(first, _mm256_load_si256((const __m256i *)(const void *)high), 1);
}

/* Eight rows of 16 columns, and the eight that follow in the high halves: y[c], c < 8, gets columns c and 8 + c by lanes:
 * rows 0 ... 7 of column c, of column 8 + c, rows 8 ... 15 of column c, of column 8 + c. */
INLINED void turn_words(const uint16_t *x, __m512i y[8])
{
    __m512i r[8], s[8];

    UNROLLED
    for (size_t i = 0; i < 8; i++)
        r[i] = two_rows(x + 32 * i, x + 32 * (i + 8));
    UNROLLED
    for (size_t i = 0; i < 4; i++) { /* rows 2 i and 2 i + 1; s[i]: columns 0 ... 3, s[4 + i]: columns 4 ... 7 of a lane */
        s[i] = _mm512_unpacklo_epi16(r[2 * i], r[2 * i + 1]);
        s[4 + i] = _mm512_unpackhi_epi16(r[2 * i], r[2 * i + 1]);
    }
    UNROLLED
    for (size_t i = 0; i < 8; i += 2) { /* r[4 half + pair of columns + 2 (pair of rows)] */
        r[i / 4 * 4 + i % 4 / 2] = _mm512_unpacklo_epi32(s[i], s[i + 1]);
        r[i / 4 * 4 + i % 4 / 2 + 2] = _mm512_unpackhi_epi32(s[i], s[i + 1]);
    }
    UNROLLED
    for (size_t i = 0; i < 4; i++) {
        y[2 * i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
        y[2 * i + 1] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
    }
}

static void turn_terms(unsigned terms, const uint16_t *left, uint16_t *to)
{
    for (; terms; terms--, left += BP_BLOCK_TERM)
        for (size_t column = 0; column < 32; column += 16, to += 512) {
            __m512i upper[8], lower[8];

            turn_words(left + column, upper);
            turn_words(left + 32 * 16 + column, lower);
            for (size_t c = 0; c < 8; c++) {
                vi_store(to + 32 * c, even_lanes(upper[c], lower[c]));
                vi_store(to + 32 * (8 + c), odd_lanes(upper[c], lower[c]));
            }
        }
}

static void pair_terms(unsigned terms, const uint16_t *left, uint16_t *to)
{
    for (; terms; terms--, left += BP_BLOCK_TERM)
        for (size_t column = 0; column < 32; column += 16)
            for (size_t row = 0; row < 32; row += 2, to += 32)
                vi_store(to, interleave(two_rows(left + 32 * row + column, left + 32 * (row + 1) + column)));
}
