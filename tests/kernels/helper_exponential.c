/* The kernels' exponential, alone: the same body over the scalar vocabulary.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "helper_kernels.h"

#include "vec_scalar.h"

#include "common.inc.h"
#pragma GCC diagnostic ignored "-Wunused-function" /* all but one of the bodies */
#include "activation.inc.h"

float kernel_exp(float x)
{
    v_exp(1, &x);
    return x;
}
