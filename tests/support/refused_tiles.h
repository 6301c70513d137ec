/* A process whose system refuses AMX's tiles, as old kernels and sandboxes do.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_REFUSED_TILES_H
#define BP_TEST_REFUSED_TILES_H

#include <stdbool.h>

/* From now on asking for them fails with this errno, in this process and all that it starts; by a filter of system calls, which
 * nothing takes away. False where there is no such thing. */
bool refuse_tiles(int number);

#endif
