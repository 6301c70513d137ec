/* The kernels in the avx512 vocabulary; see CMakeLists.txt for its flags.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include "vec_avx512.h"

#include "table.inc.h"
#endif
