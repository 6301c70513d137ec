/* The kernels in the avx2 vocabulary; see CMakeLists.txt for its flags.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include "vec_avx2.h"

#include "table.inc.h"
#endif
