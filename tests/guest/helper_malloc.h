/* Counts what this program takes from the C library's heap, by standing in front of its functions.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_MALLOC_H
#define BP_TEST_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* False under a sanitizer, which stands there itself. */
bool malloc_is_counted(void);

/* Calls of malloc, calloc, realloc, aligned_alloc and posix_memalign so far, by all threads. */
size_t malloc_count(void);

#endif
