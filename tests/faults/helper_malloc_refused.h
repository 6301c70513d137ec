/* malloc and its kin, refused on one thread: what a library's own allocations, which no bp_allocator sees, are made of.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_MALLOC_REFUSED_H
#define BP_TEST_MALLOC_REFUSED_H

#include <stdbool.h>
#include <stddef.h>

/* False under sanitizers, which stand in front of malloc themselves. */
bool malloc_can_be_refused(void);

/* From now on the allocation numbered `refuse`, from 0, of the calling thread is refused, and with `onwards` all behind it. */
void malloc_refuse_at(size_t refuse, bool onwards);

/* Nothing is refused any more; how many allocations there were since. */
size_t malloc_refuse_end(void);

/* Blocks that the calling thread has taken and not given back, since it began. */
long malloc_alive(void);

#endif
