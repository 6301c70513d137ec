/* The thread's floating-point state: direction of rounding, subnormals, traps, and flags of what has happened.
 *
 * A host program may have set any of it, and no result may depend on that. So every public function that computes, reads or
 * prints numbers begins a state of our own and gives the host's back, flags too:
 *
 *     bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
 *     bp_status status = compute(...);
 *     bp_float_end(host);
 *
 * A function that does so has no arithmetic of its own, and `compute` is BP_OUT_OF_LINE: gcc 12 was seen to move a division
 * past the instruction that restores the state. Pairs nest. Callbacks stay outside, but for the allocator, which counts bytes;
 * so do teams of threads, since new ones inherit the state of the thread that makes them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FLOAT_STATE_H
#define BP_FLOAT_STATE_H

#include <stdint.h>

#define BP_OUT_OF_LINE __attribute__((noinline))

typedef struct bp_float_state {
#if defined(__x86_64__)
    uint32_t mxcsr;
    uint16_t x87; /* its control word: the C library's strtod and printf round by it. Its flags nothing of ours raises */
#elif defined(__aarch64__)
    uint64_t fpcr, fpsr;
#else
#error "backprop is for x86-64 and aarch64"
#endif
} bp_float_state;

/* Data and models hold what was written, to the last subnormal; steps would be slow with them. */
typedef enum bp_subnormals {
    BP_SUBNORMALS_KEPT,   /* reading, printing, encoding, first weights, the reference in double */
    BP_SUBNORMALS_FLUSHED /* the work of a team: zero as operands and as results */
} bp_subnormals;

/* Rounds to nearest, traps nothing, has no flags. Returns the state before it. */
bp_float_state bp_float_begin(bp_subnormals subnormals);

bp_float_state bp_float_get(void);
void bp_float_end(bp_float_state host);

#endif
