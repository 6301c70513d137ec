/* The vector vocabulary with vectors of one element. vec_avx2.h, vec_avx512.h and vec_neon.h say the same words.
 *
 * vf: VL floats. vi: VL 32-bit integers. vm: VL truth values. v_fma is one rounding; comparisons with NaN are false.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VL 1
#define TILE_ROWS 3    /* a register tile: 3 x 4 sums, 4 of b, 1 of a in 16 registers */
#define TILE_VECTORS 4
#define ISA(name) name##_scalar

typedef float vf;
typedef double vd __attribute__((vector_size(8))); /* doubles: as many as there are, or half as many as floats */
typedef uint32_t vi;
typedef bool vm;

static inline vf v_load(const float *p) { return *p; }
static inline vd v_load_wide(const float *p) { return (vd){(double)*p}; }
static inline vd v_fma_wide(vd a, vd b, vd c) { return (vd){__builtin_fma(a[0], b[0], c[0])}; }
static inline vf v_narrow(const vd *a) { return (float)(*a)[0]; } /* of the halves that make one vf */
static inline void v_store(float *p, vf a) { *p = a; }
static inline vf v_load_some(const float *p, size_t count) { (void)count; return *p; } /* the first ones, then 0 */
static inline vf v_set(float a) { return a; }
static inline vf v_add(vf a, vf b) { return a + b; }
static inline vf v_sub(vf a, vf b) { return a - b; }
static inline vf v_mul(vf a, vf b) { return a * b; }
static inline vf v_div(vf a, vf b) { return a / b; }
static inline vf v_sqrt(vf a) { return __builtin_sqrtf(a); }
static inline vf v_fma(vf a, vf b, vf c) { return __builtin_fmaf(a, b, c); }
static inline vf v_abs(vf a) { return __builtin_fabsf(a); }
static inline vm v_lt(vf a, vf b) { return a < b; }
static inline vm v_le(vf a, vf b) { return a <= b; }
static inline vm v_not_le(vf a, vf b) { return !(a <= b); }
static inline vf v_relu(vf a) { return a <= 0.0f ? 0.0f : a; }
static inline vf v_mul_where(vm m, vf a, vf b) { return m ? a * b : 0.0f; } /* else 0 */
static inline bool vm_any(vm m) { return m; }
static inline vi vi_exponent(vi a) { return a << 23; }
static inline vi vi_load(const void *p) { vi i; memcpy(&i, p, sizeof i); return i; }
static inline void vi_store(void *p, vi a) { memcpy(p, &a, sizeof a); }
static inline vi vi_set(uint32_t a) { return a; }
static inline vi vi_add(vi a, vi b) { return a + b; }
static inline vi vi_and(vi a, vi b) { return a & b; }
static inline vi vi_or(vi a, vi b) { return a | b; }
static inline vi vi_load_high(const uint16_t *p) { return (vi)*p << 16; } /* the high halves, and 0 */
static inline vi vi_up(vi a) { return a << 16; }   /* the low halves become the high ones, and 0 */
static inline vi vi_down(vi a) { return a >> 16; } /* the high halves become the low ones, and 0 */
static inline vi v_bits(vf a) { vi i; memcpy(&i, &a, sizeof i); return i; }
static inline vf v_from_bits(vi i) { vf a; memcpy(&a, &i, sizeof a); return a; }
/* Without a branch, as in the others: lanes of a panel that no unit has hold anything, and memcheck tells of a jump by them. */
static inline vf v_select(vm m, vf yes, vf no) { return v_from_bits(v_bits(no) ^ ((v_bits(yes) ^ v_bits(no)) & -(vi)m)); }
static inline vf v_copysign(vf a, vf sign) { return __builtin_copysignf(a, sign); }
static inline vf v_load_u8(const uint8_t *p) { return (float)*p; }
static inline void v_transpose(vf rows[VL]) { (void)rows; }
static inline void v_load_four(const float *p, size_t stride, vf columns[4]) /* four columns of VL rows */
{
    (void)stride;
    for (int j = 0; j < 4; j++)
        columns[j] = p[j];
}
typedef uint64_t vu __attribute__((vector_size(8))); /* as many whole numbers as a vd has doubles */
static inline vu v_mul_low(vu a, vu b) { return (a & 0xffffffffu) * (b & 0xffffffffu); } /* of their low 32 bits */
