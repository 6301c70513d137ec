/* Numbers as text, in the C locale whatever the host's is, and text as UTF-8.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEXT_H
#define BP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shortest decimal that reads back as the same number ("0.1", "1e-08", "nan", "inf"), NUL-terminated, at most 32
 * bytes. Returns its length. */
size_t bp_text_f64(double value, char text[32]);
size_t bp_text_f32(float value, char text[32]);

/* Reads all `length` bytes as one decimal number, sign and exponent allowed, correctly rounded; no spaces, no hexadecimal, no
 * infinity, no NaN. False where they are anything else; *value is then +-infinity where they are a number beyond f64. The
 * caller has begun a state of float_state.h, once for many numbers. */
bool bp_text_parse_f64(const char *text, size_t length, double *value);

/* The same for a whole number without sign. */
bool bp_text_parse_u64(const char *text, size_t length, uint64_t *value);

/* Whether the first `length` bytes end with the suffix. */
bool bp_text_ends_with(const char *text, size_t length, const char *suffix);

/* The length of the leading part that is well-formed UTF-8 (no surrogates, no overlong forms, no NUL); `length` if all is. */
size_t bp_text_utf8_prefix(const char *text, size_t length);

#endif
