/* C source that grows: text with the file's prefix put in, exact numbers, literals and comments of anybody's names.
 *
 * A failure stays: what is written after it is dropped, and `status` tells in the end.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_C_TEXT_H
#define BP_C_TEXT_H

#include "backprop.h"

typedef struct bp_c_text {
    bp_allocator allocator;
    const char *prefix; /* an identifier */
    char *bytes;        /* [capacity], the first `length` of them written; bp_c_text_free gives them back */
    size_t length;
    size_t capacity;
    bp_status status;
    bp_error *error;
} bp_c_text;

void bp_c_text_free(bp_c_text *c);

/* The bytes as they are. */
void bp_c_put(bp_c_text *c, const char *bytes, size_t size);

/* Code in which each '@' stands for the prefix. */
void bp_c_code(bp_c_text *c, const char *code);

/* The same, as printf's format, of up to 2,000 bytes; what is put in is left as it is. */
void bp_c_print(bp_c_text *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A constant in hexadecimal, which every compiler takes exactly: "0x1.8p+1f" and "0x1.8p+1". The value is finite; one below f32's
 * normal numbers is 0, as it is in a step. */
void bp_c_f32(bp_c_text *c, float value);
void bp_c_f64(bp_c_text *c, double value);

/* A string literal of ASCII alone, without trigraphs. A text longer than a literal of C99 can be fails. */
void bp_c_string(bp_c_text *c, const char *text);

/* Text inside a comment, which it cannot end. */
void bp_c_comment(bp_c_text *c, const char *text);

#endif
