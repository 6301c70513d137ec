/* What all bodies share: how loops are unrolled and functions inlined.
 *
 * SPDX-License-Identifier: Apache-2.0 */

#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif
#define INLINED static inline __attribute__((always_inline))
#define OUT_OF_LINE static __attribute__((noinline))
