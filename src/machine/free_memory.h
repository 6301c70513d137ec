/* How much memory this process may still take: what the system has to give, and what its control groups allow.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FREE_MEMORY_H
#define BP_FREE_MEMORY_H

#include <stdint.h>

/* Bytes; UINT64_MAX where nothing tells. root is "" on a real machine. A group's pages of files do not count: they give way. */
uint64_t bp_free_memory(const char *root);

#endif
