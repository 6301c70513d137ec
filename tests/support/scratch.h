/* A directory of a test's own, and files in it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_SCRATCH_H
#define BP_TEST_SCRATCH_H

#include <stddef.h>

/* Makes an empty directory and moves into it, so that names without a path are the test's own. */
void scratch_begin(void);

/* Removes it with all files in it; subdirectories have to be empty. */
void scratch_end(void);

/* How many entries it has. */
size_t scratch_count(void);

void scratch_write(const char *name, const void *bytes, size_t size);

/* The file's bytes, from malloc. */
unsigned char *scratch_read(const char *name, size_t *size);

#endif
