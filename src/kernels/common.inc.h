/* What all bodies share: how loops are unrolled and functions inlined.
 *
 * SPDX-License-Identifier: Apache-2.0 */

#define PRAGMA(TEXT) _Pragma(#TEXT)
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#define UNROLLED_BY(COUNT) PRAGMA(clang loop unroll_count(COUNT))
#else
#define UNROLLED _Pragma("GCC unroll 32")
#define UNROLLED_BY(COUNT) PRAGMA(GCC unroll COUNT)
#endif
#define INLINED static inline __attribute__((always_inline))
#define OUT_OF_LINE static __attribute__((noinline))
