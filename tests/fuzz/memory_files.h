/* Files that lie in memory, behind the library's table of system calls: a fuzzer reads a hundred thousand a second of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FUZZ_MEMORY_FILES_H
#define BP_FUZZ_MEMORY_FILES_H

#include <stddef.h>

/* No files; from here on the library sees no others. */
void memory_files_begin(void);

/* A file of that name, static text; its bytes are borrowed. */
void memory_files_put(const char *name, const unsigned char *bytes, size_t size);

/* The bytes of a file that the library has written, or was given; NULL where there is none. */
const unsigned char *memory_files_get(const char *name, size_t *size);

#endif
