/* Which known name a mistyped word was meant to be.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NEAREST_H
#define BP_NEAREST_H

#include <stddef.h>

/* The one of `names` [count] that a slip or two would turn into `word`; NULL where none is near. */
const char *bp_nearest_name(const char *word, const char *const *names, size_t count);

/* The same for names that come one by one: the nearer one of `nearest`, NULL at first, and `name`; NULL where neither is near. */
const char *bp_nearer_name(const char *word, const char *nearest, const char *name);

#endif
