/* An allocator that counts, and aborts as soon as more is asked for than a file of that size may cost: before it is given.
 * What jansson takes is counted as well.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FUZZ_BUDGET_H
#define BP_FUZZ_BUDGET_H

#include "backprop.h"

/* From here on `limit` bytes may be alive at once. */
void budget_begin(size_t limit);

/* The reading is over: what is done with its result costs what it costs. */
void budget_lift(void);

/* Aborts unless all has been given back. The most that was alive at once before it was lifted. */
size_t budget_end(void);

/* The one allocator of all targets; static. */
const bp_allocator *budget_allocator(void);

#endif
