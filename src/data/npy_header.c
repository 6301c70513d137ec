/* SPDX-License-Identifier: Apache-2.0 */
#include "npy_header.h"

#include <string.h>

#include "error.h"
#include "size.h"
#include "text.h"

#define TEXT_MAX ((size_t)16384) /* of a header's text; numpy's own limit is 10,000 */

/* The text as it is read: what stands before `at` has been understood. */
typedef struct cursor {
    const char *path;
    size_t begin; /* of the text, in the file */
    const char *text;
    size_t length;
    size_t at;
    bp_npy_header *header;
    bool has_descr, has_order, has_shape;
    bp_error *error;
} cursor;

size_t bp_npy_size(bp_npy_kind kind)
{
    return kind == BP_NPY_U1 ? 1 : kind == BP_NPY_I4 || kind == BP_NPY_F4 ? 4 : 8;
}

/* -------------------------------------------------------------------------------------------------------------- tokens */

static bp_status fail_at(const cursor *c, const char *expected)
{
    return bp_fail_offset(c->error, c->path, c->begin + c->at, "the NPY header is damaged: %s expected here", expected);
}

static void skip_spaces(cursor *c)
{
    while (c->at < c->length && strchr(" \t\r\n", c->text[c->at]) && c->text[c->at])
        c->at++;
}

static bool take(cursor *c, char wanted)
{
    skip_spaces(c);
    if (c->at == c->length || c->text[c->at] != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);

    skip_spaces(c);
    if (c->length - c->at < length || memcmp(c->text + c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

/* 'text' or "text", without backslashes. */
static bp_status take_string(cursor *c, const char **text, size_t *length)
{
    char quote = take(c, '\'') ? '\'' : take(c, '"') ? '"' : 0;
    size_t first = c->at;

    if (!quote)
        return fail_at(c, "a name in quotes");
    while (c->at < c->length && c->text[c->at] != quote && c->text[c->at] != '\\')
        c->at++;
    *text = c->text + first;
    *length = c->at - first;
    return take(c, quote) ? BP_OK : fail_at(c, "a closing quote");
}

static bool equals(const char *text, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(text, wanted, length) == 0;
}

/* -------------------------------------------------------------------------------------------------------------- values */

static bp_status take_type(cursor *c)
{
    static const char *const names[] = {
        [BP_NPY_U1] = "u1", [BP_NPY_I4] = "i4", [BP_NPY_I8] = "i8", [BP_NPY_F4] = "f4", [BP_NPY_F8] = "f8"};
    const char *text = "a record";
    size_t at, length = strlen(text);

    skip_spaces(c);
    at = c->at;
    if (c->at < c->length && c->text[c->at] != '[')
        BP_TRY(take_string(c, &text, &length));
    for (size_t kind = 0; kind < sizeof names / sizeof *names; kind++)
        if (length == 3 && strchr(kind == BP_NPY_U1 ? "|<>=" : "<>=", text[0]) && equals(text + 1, 2, names[kind])) {
            c->header->kind = (bp_npy_kind)kind;
            c->header->swapped = text[0] == '>';
            return BP_OK;
        }
    return bp_fail_offset(c->error, c->path, c->begin + at,
                          "elements of type \"%.*s\" are not read: f4, f8, u1, i4 and i8 are; numpy's astype converts",
                          (int)bp_size_min(length, 40), text);
}

static bp_status take_order(cursor *c)
{
    c->header->fortran = take_word(c, "True");
    return c->header->fortran || take_word(c, "False") ? BP_OK : fail_at(c, "True or False");
}

static bp_status take_dimension(cursor *c, uint64_t *size)
{
    size_t first;

    skip_spaces(c);
    for (first = c->at; c->at < c->length && c->text[c->at] >= '0' && c->text[c->at] <= '9';)
        c->at++;
    if (c->at == first || !bp_text_parse_u64(c->text + first, c->at - first, size)) {
        c->at = first;
        return fail_at(c, "the size of a dimension");
    }
    return BP_OK;
}

static bp_status take_shape(cursor *c)
{
    uint64_t size[2] = {0, 1};
    size_t count = 0;

    if (!take(c, '('))
        return fail_at(c, "(");
    while (!take(c, ')')) {
        if (count == 2)
            return bp_fail_offset(c->error, c->path, c->begin + c->at,
                                  "more than two dimensions: rows and columns are read; numpy's reshape makes them");
        BP_TRY(take_dimension(c, &size[count++]));
        if (!take(c, ',') && (count < 2 || c->at == c->length || c->text[c->at] != ')'))
            return fail_at(c, ", or )");
    }
    c->header->elements.rows = size[0];
    c->header->elements.columns = size[1];
    return count ? BP_OK : bp_fail_offset(c->error, c->path, c->begin + c->at, "no dimensions: a table has rows");
}

static bp_status take_entry(cursor *c)
{
    const char *key;
    size_t length, at = c->at;
    bool *seen;

    BP_TRY(take_string(c, &key, &length));
    seen = equals(key, length, "descr")           ? &c->has_descr
           : equals(key, length, "fortran_order") ? &c->has_order
           : equals(key, length, "shape")         ? &c->has_shape
                                                  : NULL;
    if (!seen || *seen) {
        c->at = at;
        return fail_at(c, "one each of 'descr', 'fortran_order' and 'shape'");
    }
    *seen = true;
    if (!take(c, ':'))
        return fail_at(c, ":");
    return seen == &c->has_descr ? take_type(c) : seen == &c->has_order ? take_order(c) : take_shape(c);
}

static bp_status parse(cursor *c)
{
    if (!take(c, '{'))
        return fail_at(c, "{");
    while (!take(c, '}')) {
        BP_TRY(take_entry(c));
        if (!take(c, ',') && (c->at == c->length || c->text[c->at] != '}'))
            return fail_at(c, ", or }");
    }
    skip_spaces(c);
    if (c->at < c->length)
        return fail_at(c, "nothing more");
    return c->has_descr && c->has_order && c->has_shape ? BP_OK : fail_at(c, "'descr', 'fortran_order' and 'shape'");
}

/* -------------------------------------------------------------------------------------------------------------- header */

static bp_status check_size(const cursor *c)
{
    bp_elements *e = &c->header->elements;
    size_t count;

    if (!e->rows || !e->columns)
        return bp_fail_offset(c->error, c->path, c->begin, "%llu rows of %llu columns: the file holds no data",
                              (unsigned long long)e->rows, (unsigned long long)e->columns);
    if (e->columns > BP_COLUMNS_MAX)
        return bp_fail_offset(c->error, c->path, c->begin, "the header tells of %llu columns, more than %llu",
                              (unsigned long long)e->columns, (unsigned long long)BP_COLUMNS_MAX);
    if (!bp_size_mul((size_t)e->rows, (size_t)e->columns, &count) || !bp_size_mul(count, bp_npy_size(c->header->kind), &e->bytes) ||
        e->bytes > SIZE_MAX / 4)
        return bp_fail_offset(c->error, c->path, c->begin, "the header tells of more data than there can be");
    return BP_OK;
}

static bp_status read_exactly(bp_stream *stream, const char *path, size_t at, void *bytes, size_t size, bp_error *error)
{
    size_t got;

    BP_TRY(bp_stream_read(stream, bytes, size, &got, error));
    return got == size
               ? BP_OK
               : bp_fail_offset(error, path, at + got, "truncated: the NPY header ends here, %zu bytes too early", size - got);
}

static size_t little_endian(const unsigned char *bytes, size_t count)
{
    size_t value = 0;

    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

bp_status bp_npy_read_header(bp_stream *stream, const char *path, bp_npy_header *header, bp_error *error)
{
    unsigned char start[12];
    char text[TEXT_MAX];

    BP_TRY(read_exactly(stream, path, 0, start, 8, error));
    if (memcmp(start, "\x93NUMPY", 6) != 0)
        return bp_fail_offset(error, path, 0, "not an NPY file: it does not begin with \\x93NUMPY");
    if (start[6] < 1 || start[6] > 3)
        return bp_fail_offset(error, path, 6, "NPY version %u.%u is not known: 1, 2 and 3 are", start[6], start[7]);
    size_t field = start[6] == 1 ? 2 : 4;
    BP_TRY(read_exactly(stream, path, 8, start + 8, field, error));
    size_t length = little_endian(start + 8, field);
    if (length > TEXT_MAX)
        return bp_fail_offset(error, path, 8, "an NPY header of %zu bytes, more than %zu", length, TEXT_MAX);
    BP_TRY(read_exactly(stream, path, 8 + field, text, length, error));
    *header = (bp_npy_header){.elements = {.begin = 8 + field + length}};
    cursor c = {.path = path, .begin = 8 + field, .text = text, .length = length, .header = header, .error = error};
    BP_TRY(parse(&c));
    return check_size(&c);
}
