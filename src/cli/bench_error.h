/* How far a product of matrices is from the exact one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BENCH_ERROR_H
#define BP_BENCH_ERROR_H

#include "trainer.h"

#define BP_ERROR_LENGTH 2048 /* of the sums */

/* The largest |c - sum a b| over sum |a| |b|, of 32 x 32 sums of 2,048 products of normal random numbers; NaN where memory was
 * refused. */
double bp_product_error(const bp_arithmetic *arithmetic);

#endif
