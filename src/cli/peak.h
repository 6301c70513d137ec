/* The machine's peak: multiply-adds, or products of tiles, in registers alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PEAK_H
#define BP_PEAK_H

#include "trainer.h"

/* Floating-point operations a second, in 1e9, of that many threads at once with the unit that products use. */
double bp_peak_gflops(const bp_arithmetic *arithmetic, unsigned threads);

#endif
