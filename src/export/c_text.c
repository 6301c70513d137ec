/* SPDX-License-Identifier: Apache-2.0 */
#include "c_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"

#define FORMAT_MAX 4096
#define LITERAL_MAX 4095 /* characters of a string that C99 promises */

void bp_c_text_free(bp_c_text *c)
{
    bp_release(&c->allocator, c->bytes, c->capacity);
    c->bytes = NULL;
    c->capacity = c->length = 0;
}

/* Room for `size` bytes more. */
static bool has_room(bp_c_text *c, size_t size)
{
    void *bytes = c->bytes;
    size_t need;

    if (c->status == BP_OK && !bp_size_add(c->length, size, &need))
        c->status = bp_fail(c->error, BP_NO_MEMORY, "the C file would be too large");
    if (c->status == BP_OK && need > c->capacity) {
        c->status = bp_grow(&c->allocator, &bytes, &c->capacity, need, c->error);
        c->bytes = bytes;
    }
    return c->status == BP_OK;
}

void bp_c_put(bp_c_text *c, const char *bytes, size_t size)
{
    if (!has_room(c, size))
        return;
    memcpy(c->bytes + c->length, bytes, size);
    c->length += size;
}

void bp_c_code(bp_c_text *c, const char *code)
{
    for (size_t length; *code; code += length) {
        length = strcspn(code, "@");
        bp_c_put(c, code, length);
        if (code[length] == '@') {
            bp_c_put(c, c->prefix, strlen(c->prefix));
            length++;
        }
    }
}

/* The format with the prefix put in; identifiers have no '%'. */
static void put_prefix(const char *format, const char *prefix, char whole[FORMAT_MAX])
{
    size_t used = 0;

    for (; *format; format++)
        used += (size_t)snprintf(whole + used, FORMAT_MAX - used, *format == '@' ? "%s" : "%.1s", *format == '@' ? prefix : format);
}

void bp_c_print(bp_c_text *c, const char *format, ...)
{
    char whole[FORMAT_MAX];
    va_list arguments, again;

    put_prefix(format, c->prefix, whole);
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, whole, arguments);
    if (length >= 0 && has_room(c, (size_t)length + 1)) {
        vsnprintf(c->bytes + c->length, (size_t)length + 1, whole, again);
        c->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

/* ---------------------------------------------------------------------------------------------------------- numbers */

/* The shape of printf's %a, whose point would be the locale's. */
static size_t print_hexadecimal(uint64_t bits, char text[40])
{
    uint64_t fraction = bits & 0xfffffffffffffu;
    int exponent = (int)(bits >> 52 & 0x7ff), digits = 13;
    bool normal = exponent > 0;

    if (!normal && !fraction)
        return (size_t)snprintf(text, 40, "%s", bits >> 63 ? "-0.0" : "0.0");
    for (; digits > 1 && !(fraction & 15); digits--)
        fraction >>= 4;
    exponent = normal ? exponent - 1023 : -1022;
    if (!fraction)
        return (size_t)snprintf(text, 40, "%s0x1p%+d", bits >> 63 ? "-" : "", exponent);
    return (size_t)snprintf(text, 40, "%s0x%d.%0*llxp%+d", bits >> 63 ? "-" : "", normal, digits, (unsigned long long)fraction,
                            exponent);
}

void bp_c_f64(bp_c_text *c, double value)
{
    char text[40];
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    bp_c_put(c, text, print_hexadecimal(bits, text));
}

void bp_c_f32(bp_c_text *c, float value)
{
    bp_c_f64(c, (double)(value > -0x1p-126f && value < 0x1p-126f ? 0.0f : value));
    bp_c_put(c, "f", 1);
}

/* ------------------------------------------------------------------------------------------------------------- text */

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' && byte != '?';
}

void bp_c_string(bp_c_text *c, const char *text)
{
    if (strlen(text) > LITERAL_MAX && c->status == BP_OK)
        c->status = bp_fail(c->error, BP_INVALID, "\"%.60s...\" has %zu bytes: C99 has no strings of more than %d", text,
                            strlen(text), LITERAL_MAX);
    bp_c_put(c, "\"", 1);
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++)
        bp_c_print(c, is_plain(*byte) ? "%c" : "\\%03o", *byte);
    bp_c_put(c, "\"", 1);
}

/* U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows, which compilers warn of. */
static bool turns_text(const unsigned char *byte)
{
    return byte[0] == 0xe2 &&
           ((byte[1] == 0x80 && byte[2] >= 0xaa && byte[2] <= 0xae) || (byte[1] == 0x81 && byte[2] >= 0xa6 && byte[2] <= 0xa9));
}

void bp_c_comment(bp_c_text *c, const char *text)
{
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        bool joined =
            (byte[0] == '*' && byte[1] == '/') || (byte[0] == '/' && byte[1] == '*') || (byte[0] == '?' && byte[1] == '?');
        bp_c_put(c, *byte < 0x20 || *byte == 0x7f || turns_text(byte) ? "?" : (const char *)byte, 1);
        if (joined)
            bp_c_put(c, " ", 1);
        if (turns_text(byte))
            byte += 2;
    }
    if (*text)
        bp_c_put(c, " ", text[strlen(text) - 1] == '*' || text[strlen(text) - 1] == '\\');
}
