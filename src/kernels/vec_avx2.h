/* The vector vocabulary of vec_scalar.h with vectors of eight elements.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma"
#endif
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define VL 8
#define TILE_ROWS 6    /* 6 x 2 sums, 2 of b, 1 of a in 16 registers */
#define TILE_VECTORS 2
#define ISA(name) name##_avx2

typedef __m256 vf;
typedef __m256d vd;
typedef __m256i vi;
typedef __m256 vm;

static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline vd v_load_wide(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
static inline vd v_fma_wide(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
static inline vf v_narrow(const vd a[2]) { return _mm256_set_m128(_mm256_cvtpd_ps(a[1]), _mm256_cvtpd_ps(a[0])); }
static inline void v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
static inline vf v_load_some(const float *p, size_t count)
{
    __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes));
}
static inline vf v_set(float a) { return _mm256_set1_ps(a); }
static inline vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vm v_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vm v_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vm v_not_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_NLE_UQ); }
static inline vf v_relu(vf a) { return _mm256_andnot_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_LE_OQ), a); }
static inline vf v_mul_where(vm m, vf a, vf b) { return _mm256_and_ps(m, _mm256_mul_ps(a, b)); }
static inline vf v_select(vm m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }
static inline bool vm_any(vm m) { return _mm256_movemask_ps(m) != 0; }
static inline vi vi_exponent(vi a) { return _mm256_slli_epi32(a, 23); }
static inline vi vi_load(const void *p) { return _mm256_loadu_si256(p); }
static inline void vi_store(void *p, vi a) { _mm256_storeu_si256(p, a); }
static inline vi vi_set(uint32_t a) { return _mm256_set1_epi32((int)a); }
static inline vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
static inline vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
static inline vi vi_load_high(const uint16_t *p)
{
    return _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)), 16);
}
static inline vi vi_up(vi a) { return _mm256_slli_epi32(a, 16); }
static inline vi vi_down(vi a) { return _mm256_srli_epi32(a, 16); }
static inline vi v_bits(vf a) { return _mm256_castps_si256(a); }
static inline vf v_from_bits(vi i) { return _mm256_castsi256_ps(i); }
static inline vf v_copysign(vf a, vf sign) { return _mm256_or_ps(v_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign)); }
static inline vf v_load_u8(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

/* Pairs of floats, pairs of pairs, then halves. */
static inline void v_transpose(vf r[VL])
{
    vf t[VL], u[VL];

    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            u[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + 2 + j], 0x44);
            u[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + 2 + j], 0xee);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

static inline __m256 two_halves(const float *p, size_t stride)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + 4 * stride), 1);
}

static inline void v_load_four(const float *p, size_t stride, vf columns[4])
{
    __m256 a = two_halves(p, stride), b = two_halves(p + stride, stride);
    __m256 c = two_halves(p + 2 * stride, stride), d = two_halves(p + 3 * stride, stride);
    __m256 low_ab = _mm256_unpacklo_ps(a, b), low_cd = _mm256_unpacklo_ps(c, d);
    __m256 high_ab = _mm256_unpackhi_ps(a, b), high_cd = _mm256_unpackhi_ps(c, d);

    columns[0] = _mm256_shuffle_ps(low_ab, low_cd, 0x44);
    columns[1] = _mm256_shuffle_ps(low_ab, low_cd, 0xee);
    columns[2] = _mm256_shuffle_ps(high_ab, high_cd, 0x44);
    columns[3] = _mm256_shuffle_ps(high_ab, high_cd, 0xee);
}

typedef uint64_t vu __attribute__((vector_size(32)));
static inline vu v_mul_low(vu a, vu b) { return (vu)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
