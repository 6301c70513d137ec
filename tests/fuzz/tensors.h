/* What the targets of safetensors files share.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FUZZ_TENSORS_H
#define BP_FUZZ_TENSORS_H

#include <stddef.h>

/* The header's length, which is where its JSON ends, and the checksum. */
size_t tensors_repair(unsigned char *bytes, size_t size, size_t room);

/* A file that has been written in memory. */
size_t tensors_take(const char *name, unsigned char *bytes, size_t room);

/* Aborts unless two files in memory are the same. */
void tensors_must_be_same(const char *left, const char *right);

#endif
