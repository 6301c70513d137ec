/* Memory with a fence on both sides: touching the byte before it or the byte behind it kills the test.
 *
 *      | no access | bytes ... | no access |
 *                  ^ fence_front          ^ fence_back ends here
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_FENCE_H
#define BP_TEST_FENCE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fence {
    unsigned char *first; /* of what may be touched */
    size_t size;          /* whole pages */
} fence;

/* Room for `size` bytes at least. */
fence fence_make(size_t size);
void fence_free(const fence *f);

/* The first `size` bytes, right behind the fence, or the last ones, right before it. */
void *fence_at(const fence *f, size_t size, bool front);

/* The same for floats. */
float *fence_floats(const fence *f, size_t count, bool front);

#endif
