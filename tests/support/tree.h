/* A directory tree that stands for a machine's file system.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_TREE_H
#define BP_TEST_TREE_H

#include <stddef.h>

/* A new empty tree; path [capacity] gets its root. */
void tree_make(char *path, size_t capacity);

/* Writes a file below the root, with the directories that lead to it. */
void tree_write(const char *root, const char *file, const char *content);

/* Removes the tree. */
void tree_remove(const char *root);

#endif
