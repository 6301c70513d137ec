/* The kernels in the neon vocabulary; see CMakeLists.txt for its flags.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__aarch64__)
#include "vec_neon.h"

#include "table.inc.h"
#endif
