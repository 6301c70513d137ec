/* The program, run from outside in the test's scratch directory.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_PROGRAM_H
#define BP_TEST_PROGRAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What the last run_program did. */
typedef struct outcome {
    int code; /* exit code; -signal where one ended it */
    char out[1 << 16];
    char err[1 << 16];
} outcome;

/* Runs `backprop ARGUMENTS` by the shell, and fails the test unless it exits with `code`. The outcome is static. */
const outcome *run_program(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with something in front: variables, ulimit; "%s" is not replaced. */
const outcome *run_program_after(const char *before, int code, const char *arguments);

/* The same whatever the exit code: it is in the outcome. */
const outcome *try_program_after(const char *before, const char *arguments);

/* Starts it; finish_program waits, gives the exit code, and fills the outcome's texts. */
pid_t start_program(const char *arguments);
int finish_program(pid_t pid);
const outcome *last_outcome(void);

/* The standard output of the last run as one JSON object; fails the test unless it is one. */
json_t *parsed_output(void);

void write_text(const char *name, const char *text);
bool exists(const char *name);
bool same_bytes(const char *name, const char *other);
bool holds_text(const char *name, const char *text); /* that, and nothing else */

/* CSV files that a small network can learn: columns x1, x2, colour, and a class of three, or a value. */
void write_classes(const char *name, int rows, unsigned seed);
void write_values(const char *name, int rows, unsigned seed);

#endif
