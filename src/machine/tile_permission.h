/* The system's permission to use AMX's tiles: 8 KiB of state a thread, which it saves for those alone who ask.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TILE_PERMISSION_H
#define BP_TILE_PERMISSION_H

#include <stdbool.h>

/* Whether the processor has tiles with products of bf16. */
bool bp_tiles_exist(void);

/* Whether the process may use them: asked for when it is first called, once, for all threads and children to come. */
bool bp_tiles_permitted(void);

/* Why it may not, as a static text that ends a sentence; NULL where it may, where nobody has asked, and where there are no
 * tiles. */
const char *bp_tiles_refusal(void);

#endif
