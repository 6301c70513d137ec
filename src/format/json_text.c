/* SPDX-License-Identifier: Apache-2.0 */
#include "json_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "float_state.h"
#include "memory.h"
#include "text.h"

typedef struct reader {
    const char *text; /* [size], UTF-8 */
    size_t size;
    size_t at;
    char *
        plain; /* [size]: texts without their escapes, NUL behind each: that of a name stays until its value is read. None is longer
                    than it was between its quotes, so all that wait at once fit. */
    size_t used; /* of plain */
    unsigned depth;
    bp_status status;
    bp_json_problem *problem;
} reader;

static json_t *read_value(reader *r);

/* NULL, for any to return. */
__attribute__((format(printf, 2, 3))) static void *fault(reader *r, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(r->problem->text, sizeof r->problem->text, format, arguments);
    va_end(arguments);
    r->problem->at = r->at;
    r->status = BP_BAD_FILE;
    return NULL;
}

/* What one of jansson's functions has made, or been refused. */
static json_t *made(reader *r, json_t *value)
{
    if (!value)
        r->status = BP_NO_MEMORY;
    return value;
}

/* The character that comes next; -1 at the end. */
static int next(const reader *r)
{
    return r->at < r->size ? (unsigned char)r->text[r->at] : -1;
}

static int next_word(reader *r)
{
    while (r->at < r->size && strchr(" \t\n\r", r->text[r->at]))
        r->at++;
    return next(r);
}

static bool take(reader *r, char wanted)
{
    bool there = next_word(r) == wanted;

    r->at += there;
    return there;
}

/* --------------------------------------------------------------------------------------------------------------- texts */

static bool read_hex(reader *r, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = next(r), letter = c | 0x20;
        bool digit = c >= '0' && c <= '9';
        if (!digit && (letter < 'a' || letter > 'f'))
            return fault(r, "four hexadecimal digits expected behind \\u");
        *unit = *unit << 4 | (uint32_t)(digit ? c - '0' : letter - 'a' + 10);
    }
    return true;
}

/* Behind "\u": a character, or the halves of one beyond U+FFFF. */
static bool read_character(reader *r, uint32_t *character)
{
    uint32_t low;

    if (!read_hex(r, character))
        return false;
    if (*character == 0)
        return fault(r, "\\u0000 in a text");
    if (*character < 0xd800 || *character > 0xdfff)
        return true;
    if (*character > 0xdbff || next(r) != '\\' || r->at + 1 == r->size || r->text[r->at + 1] != 'u')
        return fault(r, "half of a character, \\u%04X", *character);
    r->at += 2;
    if (!read_hex(r, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return fault(r, "half of a character, \\u%04X", *character);
    *character = 0x10000 + ((*character & 0x3ff) << 10 | (low & 0x3ff));
    return true;
}

static void put(reader *r, uint32_t byte)
{
    r->plain[r->used++] = (char)byte;
}

static void put_utf8(reader *r, uint32_t c)
{
    if (c < 0x80) {
        put(r, c);
        return;
    }
    if (c < 0x800) {
        put(r, 0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            put(r, 0xe0 | c >> 12);
        } else {
            put(r, 0xf0 | c >> 18);
            put(r, 0x80 | (c >> 12 & 0x3f));
        }
        put(r, 0x80 | (c >> 6 & 0x3f));
    }
    put(r, 0x80 | (c & 0x3f));
}

/* Behind a '\'. */
static bool read_escape(reader *r)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int c = next(r);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    uint32_t character;

    if (!letter && c != 'u')
        return fault(r, "an escape that JSON does not have");
    r->at++;
    if (letter) {
        put(r, (uint32_t)meanings[letter - letters]);
        return true;
    }
    if (!read_character(r, &character))
        return false;
    put_utf8(r, character);
    return true;
}

/* Its text without escapes, in r->plain. */
static const char *read_text(reader *r)
{
    const char *text = r->plain + r->used;
    int c;

    if (!take(r, '"'))
        return fault(r, "'\"' expected");
    for (; (c = next(r)) != '"';) {
        if (c < ' ')
            return fault(r, c < 0 ? "the end within a text" : "a control character in a text");
        r->at++;
        if (c != '\\')
            put(r, (uint32_t)c);
        else if (!read_escape(r))
            return NULL;
    }
    r->at++;
    put(r, 0);
    return text;
}

static json_t *read_string(reader *r)
{
    size_t used = r->used;
    const char *text = read_text(r);

    r->used = used;
    return text ? made(r, json_string_nocheck(text)) : NULL;
}

/* ------------------------------------------------------------------------------------------------------------- numbers */

/* How many there are. */
static size_t skip_digits(reader *r)
{
    size_t begin = r->at;

    while (next(r) >= '0' && next(r) <= '9')
        r->at++;
    return r->at - begin;
}

static json_t *whole_number(reader *r, const char *digits, size_t count, bool negative)
{
    uint64_t number;

    if (!bp_text_parse_u64(digits, count, &number) || number > INT64_MAX)
        return fault(r, "a whole number beyond 63 bits");
    return made(r, json_integer(negative ? -(json_int_t)number : (json_int_t)number));
}

static json_t *read_number(reader *r)
{
    const char *begin = r->text + r->at;
    bool negative = next(r) == '-', whole = true, well;
    double value;

    r->at += negative;
    bool zero = next(r) == '0';
    size_t count = skip_digits(r);
    well = count == 1 || (count && !zero);
    if (well && next(r) == '.') {
        r->at++;
        whole = false;
        well = skip_digits(r);
    }
    if (well && (next(r) == 'e' || next(r) == 'E')) {
        r->at++;
        r->at += next(r) == '+' || next(r) == '-';
        whole = false;
        well = skip_digits(r);
    }
    if (!well)
        return fault(r, "a number that JSON does not have");
    if (whole)
        return whole_number(r, begin + negative, count, negative);
    if (!bp_text_parse_f64(begin, (size_t)(r->text + r->at - begin), &value))
        return fault(r, "a number beyond f64, or too long");
    return made(r, json_real(value));
}

static json_t *read_literal(reader *r)
{
    static const struct {
        const char *name;
        json_t *(*make)(void);
    } literals[] = {{"true", json_true}, {"false", json_false}, {"null", json_null}};

    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        size_t length = strlen(literals[i].name);
        if (r->size - r->at >= length && memcmp(r->text + r->at, literals[i].name, length) == 0) {
            r->at += length;
            return literals[i].make();
        }
    }
    return fault(r, "a value expected");
}

/* --------------------------------------------------------------------------------------------------------------- lists */

static bool read_item(reader *r, json_t *list)
{
    json_t *value = read_value(r);

    if (value && json_array_append_new(list, value))
        r->status = BP_NO_MEMORY;
    return r->status == BP_OK;
}

static bool read_member(reader *r, json_t *object)
{
    size_t used = r->used;
    const char *name = read_text(r);
    json_t *value = NULL;

    if (name && json_object_get(object, name))
        fault(r, "duplicate name \"%.100s\"", name);
    else if (name && !take(r, ':'))
        fault(r, "':' expected");
    else if (name)
        value = read_value(r);
    if (value && json_object_set_new_nocheck(object, name, value))
        r->status = BP_NO_MEMORY;
    r->used = used;
    return r->status == BP_OK;
}

static bool read_items(reader *r, json_t *list, bool object)
{
    char end = object ? '}' : ']';

    if (take(r, end))
        return true;
    do
        if (!(object ? read_member : read_item)(r, list))
            return false;
    while (take(r, ','));
    return take(r, end) || fault(r, "',' or '%c' expected", end);
}

/* Behind the opening bracket. */
static json_t *read_list(reader *r, bool object)
{
    if (r->depth == BP_JSON_DEPTH)
        return fault(r, "more than %d lists in one another", BP_JSON_DEPTH);
    json_t *list = made(r, object ? json_object() : json_array());
    r->depth++;
    bool well = list && read_items(r, list, object);
    r->depth--;
    if (well)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *read_value(reader *r)
{
    int c = next_word(r);

    if (c == '"')
        return read_string(r);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r);
    if (take(r, '{'))
        return read_list(r, true);
    if (take(r, '['))
        return read_list(r, false);
    return read_literal(r);
}

static json_t *read_root(reader *r)
{
    int c = next_word(r);
    json_t *root = c == '{' || c == '[' ? read_value(r) : fault(r, "'{' or '[' expected");

    if (root && next_word(r) >= 0) {
        json_decref(root);
        return fault(r, "text behind the end");
    }
    return root;
}

static BP_OUT_OF_LINE json_t *read_all(reader *r)
{
    r->at = bp_text_utf8_prefix(r->text, r->size);
    if (r->at < r->size)
        return fault(r, "byte 0x%02x, which is not UTF-8", (unsigned)next(r));
    r->at = 0;
    return read_root(r);
}

bp_status bp_json_parse(const char *text, size_t size, const bp_allocator *allocator, json_t **root, bp_json_problem *problem)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    reader r = {.text = text, .size = size, .plain = bp_allocate(&memory, size), .problem = problem};

    if (!r.plain)
        return BP_NO_MEMORY;
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    json_t *all = read_all(&r);
    bp_float_end(host);
    bp_release(&memory, r.plain, size);
    if (all)
        *root = all;
    return r.status;
}
