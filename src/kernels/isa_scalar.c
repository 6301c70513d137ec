/* The kernels in the scalar vocabulary; see CMakeLists.txt for its flags.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "vec_scalar.h"

#include "table.inc.h"
