/* SPDX-License-Identifier: Apache-2.0 */
#include "float_state.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

#define MASKED 0x1f80u   /* all exceptions masked, round to nearest */
#define FLUSHING 0x8040u /* FTZ and DAZ */
#define X87_INITIAL 0x37f

bp_float_state bp_float_get(void)
{
    bp_float_state state = {.mxcsr = _mm_getcsr()};
    __asm__ volatile("fnstcw %0" : "=m"(state.x87));
    return state;
}

void bp_float_end(bp_float_state host)
{
    __asm__ volatile("fldcw %0" : : "m"(host.x87) : "memory");
    _mm_setcsr(host.mxcsr);
}

static bp_float_state ours(bp_subnormals subnormals)
{
    return (bp_float_state){.mxcsr = subnormals == BP_SUBNORMALS_FLUSHED ? MASKED | FLUSHING : MASKED, .x87 = X87_INITIAL};
}
#else
#define FLUSHING ((uint64_t)1 << 24) /* FZ */

bp_float_state bp_float_get(void)
{
    bp_float_state state;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(state.fpcr), "=r"(state.fpsr));
    return state;
}

void bp_float_end(bp_float_state host)
{
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(host.fpcr), "r"(host.fpsr) : "memory");
}

static bp_float_state ours(bp_subnormals subnormals)
{
    return (bp_float_state){.fpcr = subnormals == BP_SUBNORMALS_FLUSHED ? FLUSHING : 0};
}
#endif

bp_float_state bp_float_begin(bp_subnormals subnormals)
{
    bp_float_state host = bp_float_get();
    bp_float_end(ours(subnormals));
    return host;
}
