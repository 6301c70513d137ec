/* Files that earlier versions have written, kept in tests/golden/KIND/vN; scripts/make-golden has made them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_GOLDEN_H
#define BP_TEST_GOLDEN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Calls `check` with the path, less `suffix`, of each file of that kind and version whose name ends so. Fails the test where there
 * is none: a new version of a format needs files of its own. */
void golden_each(const char *kind, uint64_t version, const char *suffix, void (*check)(const char *stem));

/* stem + suffix; static, for four calls. */
const char *golden_path(const char *stem, const char *suffix);

/* Opened to read; asserts that it is there. */
FILE *golden_open(const char *stem, const char *suffix);

/* Makes another version of a model's or checkpoint's bytes, with the checksum that goes with it; versions have one digit. */
void golden_set_version(unsigned char *bytes, size_t size, uint64_t version);

#endif
