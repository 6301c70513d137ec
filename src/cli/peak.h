/* The machine's peak: multiply-adds in registers alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PEAK_H
#define BP_PEAK_H

#include "kernels.h"

/* Floating-point operations a second, in 1e9, of that many threads at once with the unit that these kernels use. */
double bp_peak_gflops(const bp_kernels *kernels, unsigned threads);

#endif
