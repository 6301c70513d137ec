/* Numbers to test with: scattered, but the same in every run.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_NUMBERS_H
#define BP_TEST_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "backprop.h"

/* Uniform in [-1, 1), exact in f32; a function of its arguments. */
double scattered(uint64_t seed, uint64_t index);

/* count numbers, scale * scattered(seed, 0 ...). */
void scatter_f64(double *numbers, size_t count, uint64_t seed, double scale);
void scatter_f32(float *numbers, size_t count, uint64_t seed, double scale);

/* Targets [m, n] as the loss takes them: any numbers, one-hot rows, or zeros and ones. */
void scatter_targets(float *y, size_t m, size_t n, bp_loss loss, uint64_t seed);

#endif
