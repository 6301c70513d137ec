/* C source compiled while a test runs, strictly, and called.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_COMPILED_H
#define BP_TEST_COMPILED_H

#include <stddef.h>

/* Way `number`, from 0, of compiling: each compiler there is, as C99 with -O0 and with -O2, and with what invites contraction. NULL
 * behind the last; static text. */
const char *compiler_way(size_t number);

/* Compiles `source` in that way, with warnings as errors, and loads it; fails the test with what the compiler says. */
void *compile(const char *way, const char *source);

/* The address of a function in it, to be stored where a pointer to the function is. */
void compiled_function(void *library, const char *name, void *function, size_t size);

void compiled_free(void *library);

#endif
