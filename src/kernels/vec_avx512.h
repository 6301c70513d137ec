/* The vector vocabulary of vec_scalar.h with vectors of sixteen elements.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile with -mavx512f -mavx512dq"
#endif
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define VL 16
#define TILE_ROWS 14   /* 14 x 2 sums, 2 of b, 1 of a in 32 registers */
#define TILE_VECTORS 2
#define ISA(name) name##_avx512

typedef __m512 vf;
typedef __m512d vd;
typedef __m512i vi;
typedef __mmask16 vm;

static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline vd v_load_wide(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
static inline vd v_fma_wide(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
static inline vf v_narrow(const vd a[2])
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(a[0])), _mm512_cvtpd_ps(a[1]), 1);
}
static inline void v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
static inline vf v_load_some(const float *p, size_t count) { return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p); }
static inline vf v_set(float a) { return _mm512_set1_ps(a); }
static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_abs(vf a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
static inline vm v_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vm v_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vm v_not_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ); }
/* a <= 0 ? 0 : a in one operation, told class by class: a number above 0, an infinity above it and NaN stay, all else becomes +0. */
static inline vf v_relu(vf a) { return _mm512_fixupimm_ps(a, a, _mm512_set1_epi32(0x18181811), 0); }
static inline vf v_mul_where(vm m, vf a, vf b) { return _mm512_maskz_mul_ps(m, a, b); }
static inline vf v_select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }
static inline bool vm_any(vm m) { return m != 0; }
static inline vi vi_exponent(vi a) { return _mm512_slli_epi32(a, 23); }
static inline vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
static inline void vi_store(void *p, vi a) { _mm512_storeu_si512(p, a); }
static inline vi vi_set(uint32_t a) { return _mm512_set1_epi32((int)a); }
static inline vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static inline vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
static inline vi vi_load_high(const uint16_t *p)
{
    return _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p)), 16);
}
static inline vi vi_up(vi a) { return _mm512_slli_epi32(a, 16); }
static inline vi vi_down(vi a) { return _mm512_srli_epi32(a, 16); }
static inline vi v_bits(vf a) { return _mm512_castps_si512(a); }
static inline vf v_from_bits(vi i) { return _mm512_castsi512_ps(i); }
static inline vf v_copysign(vf a, vf sign) { return _mm512_or_ps(v_abs(a), _mm512_and_ps(_mm512_set1_ps(-0.0f), sign)); }
static inline vf v_load_u8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

/* Pairs of floats, pairs of pairs, quarters, halves. */
static inline void v_transpose(vf r[VL])
{
    vf t[VL], u[VL];

    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            u[i + 2 * j] = _mm512_shuffle_ps(t[i + j], t[i + 2 + j], 0x44);
            u[i + 2 * j + 1] = _mm512_shuffle_ps(t[i + j], t[i + 2 + j], 0xee);
        }
    /* u[4 q + c] holds, in quarter h, column 4 h + c of rows 4 q ... 4 q + 3 */
    for (int c = 0; c < 4; c++) {
        t[c] = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88);
        t[4 + c] = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xdd);
        t[8 + c] = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88);
        t[12 + c] = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xdd);
    }
    for (int c = 0; c < 4; c++) {
        r[c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0x88);
        r[8 + c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0xdd);
        r[4 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0x88);
        r[12 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0xdd);
    }
}

/* Four rows' quarters come together as they are loaded: half the shuffles of v_transpose, which only one unit does. */
static inline __m512 four_quarters(const float *p, size_t stride)
{
    __m512 q = _mm512_castps128_ps512(_mm_loadu_ps(p));
    q = _mm512_mask_broadcast_f32x4(q, 0x00f0, _mm_loadu_ps(p + 4 * stride));
    q = _mm512_mask_broadcast_f32x4(q, 0x0f00, _mm_loadu_ps(p + 8 * stride));
    return _mm512_mask_broadcast_f32x4(q, 0xf000, _mm_loadu_ps(p + 12 * stride));
}

static inline void v_load_four(const float *p, size_t stride, vf columns[4])
{
    __m512 a = four_quarters(p, stride), b = four_quarters(p + stride, stride);
    __m512 c = four_quarters(p + 2 * stride, stride), d = four_quarters(p + 3 * stride, stride);
    __m512 low_ab = _mm512_unpacklo_ps(a, b), low_cd = _mm512_unpacklo_ps(c, d);
    __m512 high_ab = _mm512_unpackhi_ps(a, b), high_cd = _mm512_unpackhi_ps(c, d);

    columns[0] = _mm512_shuffle_ps(low_ab, low_cd, 0x44);
    columns[1] = _mm512_shuffle_ps(low_ab, low_cd, 0xee);
    columns[2] = _mm512_shuffle_ps(high_ab, high_cd, 0x44);
    columns[3] = _mm512_shuffle_ps(high_ab, high_cd, 0xee);
}

typedef uint64_t vu __attribute__((vector_size(64)));
static inline vu v_mul_low(vu a, vu b) { return (vu)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
