/* The vector vocabulary of vec_scalar.h with vectors of four elements.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#if !defined(__aarch64__)
#error "compile for aarch64"
#endif
#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VL 4
#define TILE_ROWS 6    /* 6 x 4 sums, 4 of b, 1 of a in 32 registers: 10 loads for 24 multiply-adds, where 12 x 2 needs 14 */
#define TILE_VECTORS 4
#define ISA(name) name##_neon

typedef float32x4_t vf;
typedef float64x2_t vd;
typedef uint32x4_t vi;
typedef uint32x4_t vm;

static inline vf v_load(const float *p) { return vld1q_f32(p); }
static inline vd v_load_wide(const float *p) { return vcvt_f64_f32(vld1_f32(p)); }
static inline vd v_fma_wide(vd a, vd b, vd c) { return vfmaq_f64(c, a, b); }
static inline vf v_narrow(const vd a[2]) { return vcvt_high_f32_f64(vcvt_f32_f64(a[0]), a[1]); }
static inline void v_store(float *p, vf a) { vst1q_f32(p, a); }
static inline vf v_load_some(const float *p, size_t count)
{
    float all[VL] = {0};

    memcpy(all, p, count * sizeof *p);
    return v_load(all);
}
static inline vf v_set(float a) { return vdupq_n_f32(a); }
static inline vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf v_sqrt(vf a) { return vsqrtq_f32(a); }
static inline vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf v_abs(vf a) { return vabsq_f32(a); }
static inline vm v_lt(vf a, vf b) { return vcltq_f32(a, b); }
static inline vm v_le(vf a, vf b) { return vcleq_f32(a, b); }
static inline vm v_not_le(vf a, vf b) { return vmvnq_u32(vcleq_f32(a, b)); }
static inline vf v_relu(vf a) { return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a), vcleq_f32(a, vdupq_n_f32(0)))); }
static inline vf v_mul_where(vm m, vf a, vf b) { return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(vmulq_f32(a, b)))); }
static inline vf v_select(vm m, vf yes, vf no) { return vbslq_f32(m, yes, no); }
static inline bool vm_any(vm m) { return vmaxvq_u32(m) != 0; }
static inline vi vi_exponent(vi a) { return vshlq_n_u32(a, 23); }
static inline vi vi_load(const void *p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
static inline void vi_store(void *p, vi a) { vst1q_u8(p, vreinterpretq_u8_u32(a)); }
static inline vi vi_set(uint32_t a) { return vdupq_n_u32(a); }
static inline vi vi_add(vi a, vi b) { return vaddq_u32(a, b); }
static inline vi vi_and(vi a, vi b) { return vandq_u32(a, b); }
static inline vi vi_or(vi a, vi b) { return vorrq_u32(a, b); }
static inline vi vi_load_high(const uint16_t *p) { return vshlq_n_u32(vmovl_u16(vld1_u16(p)), 16); }
static inline vi vi_up(vi a) { return vshlq_n_u32(a, 16); }
static inline vi vi_down(vi a) { return vshrq_n_u32(a, 16); }
static inline vi v_bits(vf a) { return vreinterpretq_u32_f32(a); }
static inline vf v_from_bits(vi i) { return vreinterpretq_f32_u32(i); }
static inline vf v_copysign(vf a, vf sign) { return vbslq_f32(vdupq_n_u32(0x80000000u), sign, a); }
static inline vf v_load_u8(const uint8_t *p)
{
    uint32_t four;

    memcpy(&four, p, sizeof four);
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}

/* Pairs of floats, then halves. */
static inline void v_transpose(vf r[VL])
{
    float64x2_t even0 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1])), odd0 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    float64x2_t even2 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3])), odd2 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));

    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(even0, even2));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(odd0, odd2));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(even0, even2));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(odd0, odd2));
}

static inline void v_load_four(const float *p, size_t stride, vf columns[4])
{
    for (size_t i = 0; i < 4; i++)
        columns[i] = v_load(p + i * stride);
    v_transpose(columns);
}

typedef uint64x2_t vu;
static inline vu v_mul_low(vu a, vu b) { return vmull_u32(vmovn_u64(a), vmovn_u64(b)); }
