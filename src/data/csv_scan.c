/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_scan.h"

#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"
#include "text.h"

#define FIELDS_MAX (UINT64_C(1) << 32)
#define LENGTH_MAX ((size_t)1 << BP_CSV_LENGTH_BITS)
#define SIZE_LIMIT ((size_t)1 << (64 - BP_CSV_LENGTH_BITS))

typedef struct scanner {
    bp_csv *csv;
    char separator;
    size_t at;            /* next byte to look at */
    uint64_t line;        /* it is on, counted from 1 */
    uint64_t field_count; /* of all rows so far */
    uint64_t row_begin;   /* first field of this row */
} scanner;

/* ---------------------------------------------------------------------------------------------------------- encoding */

static uint64_t count_lines(const char *text, size_t size)
{
    uint64_t lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

static bp_status check_encoding(const bp_csv *csv, bp_error *error)
{
    size_t good = bp_text_utf8_prefix(csv->text, csv->size);

    if (good == csv->size)
        return BP_OK;
    uint64_t line = count_lines(csv->text, good);
    if (csv->text[good] == 0)
        return bp_fail_line(error, csv->path, line, "a NUL byte (byte %zu of the text): this is no text file", good + 1);
    return bp_fail_line(error, csv->path, line, "not UTF-8: byte %zu of the text is 0x%02x", good + 1,
                        (unsigned char)csv->text[good]);
}

/* ------------------------------------------------------------------------------------------------------------ fields */

static bp_status add_field(scanner *s, size_t begin, size_t length, bp_error *error)
{
    bp_csv *csv = s->csv;
    void *list = csv->fields;

    if (length >= LENGTH_MAX)
        return bp_fail_line(error, csv->path, s->line, "a field of %zu bytes; %zu are the most (is a quote missing?)", length,
                            LENGTH_MAX - 1);
    if (s->field_count >= FIELDS_MAX)
        return bp_fail_line(error, csv->path, s->line, "more than 2^32 fields");
    bp_status status =
        bp_grow(&csv->allocator, &list, &csv->field_bytes, (size_t)(s->field_count + 1) * sizeof *csv->fields, error);
    csv->fields = list;
    BP_TRY(status);
    csv->fields[s->field_count++] = (uint64_t)begin << BP_CSV_LENGTH_BITS | length;
    return BP_OK;
}

/* A field ends at the text's end, at a separator, LF, or CR before LF. */
static bool at_field_end(const scanner *s, size_t at)
{
    const bp_csv *csv = s->csv;

    if (at == csv->size || csv->text[at] == s->separator || csv->text[at] == '\n')
        return true;
    return csv->text[at] == '\r' && at + 1 < csv->size && csv->text[at + 1] == '\n';
}

static bp_status scan_plain(scanner *s, bp_error *error)
{
    const char *text = s->csv->text;
    size_t begin = s->at, at = begin, size = s->csv->size;
    char separator = s->separator;

    while (at < size && text[at] != separator && text[at] != '\n' && text[at] != '"' && text[at] != '\r')
        at++;
    s->at = at;
    if (!at_field_end(s, at))
        return bp_fail_line(error, s->csv->path, s->line,
                            text[at] == '"' ? "a quote inside a field that does not begin with one (write it twice, in quotes)"
                                            : "a carriage return without a line feed");
    return add_field(s, begin, at - begin, error);
}

/* s->at is behind the opening quote. The content moves left over the quotes that go. */
static bp_status scan_quoted(scanner *s, bp_error *error)
{
    char *text = s->csv->text;
    size_t begin = s->at, at = begin, end = begin, size = s->csv->size;
    uint64_t first_line = s->line;

    while (at < size && (text[at] != '"' || (at + 1 < size && text[at + 1] == '"'))) {
        s->line += text[at] == '\n';
        at += text[at] == '"';
        text[end++] = text[at++];
    }
    if (at == size)
        return bp_fail_line(error, s->csv->path, first_line, "a quote is opened here and never closed");
    s->at = at + 1;
    if (!at_field_end(s, s->at))
        return bp_fail_line(error, s->csv->path, s->line, "text behind a closing quote");
    return add_field(s, begin, end - begin, error);
}

static bp_status scan_field(scanner *s, bp_error *error)
{
    if (s->at < s->csv->size && s->csv->text[s->at] == '"') {
        s->at++;
        return scan_quoted(s, error);
    }
    return scan_plain(s, error);
}

/* -------------------------------------------------------------------------------------------------------------- rows */

/* Passes LF or CRLF; false at the text's end. */
static bool pass_line_end(scanner *s)
{
    const bp_csv *csv = s->csv;
    size_t at = s->at;

    if (at < csv->size && csv->text[at] == '\r')
        at++;
    if (at == csv->size || csv->text[at] != '\n')
        return false;
    s->at = at + 1;
    s->line++;
    return true;
}

static bp_status end_row(scanner *s, uint64_t line, bp_error *error)
{
    bp_csv *csv = s->csv;
    size_t columns = (size_t)(s->field_count - s->row_begin);
    void *lines = csv->lines;

    if (csv->rows == 0)
        csv->columns = columns;
    else if (columns != csv->columns)
        return bp_fail_line(error, csv->path, line, "%zu fields, but the first row has %zu", columns, csv->columns);
    bp_status status = bp_grow(&csv->allocator, &lines, &csv->line_bytes, (size_t)(csv->rows + 1) * sizeof *csv->lines, error);
    csv->lines = lines;
    BP_TRY(status);
    csv->lines[csv->rows++] = line;
    return BP_OK;
}

static bp_status scan_row(scanner *s, bp_error *error)
{
    uint64_t line = s->line;

    s->row_begin = s->field_count;
    BP_TRY(scan_field(s, error));
    while (s->at < s->csv->size && s->csv->text[s->at] == s->separator) {
        s->at++;
        BP_TRY(scan_field(s, error));
    }
    return end_row(s, line, error);
}

bp_status bp_csv_scan(bp_csv *csv, char separator, bp_error *error)
{
    scanner s = {.csv = csv, .separator = separator, .line = 1};

    if (csv->size >= SIZE_LIMIT)
        return bp_fail(error, BP_BAD_FILE, "%s: %zu bytes of text, more than %zu", csv->path, csv->size, SIZE_LIMIT);
    BP_TRY(check_encoding(csv, error));
    if (csv->size >= 3 && memcmp(csv->text, "\xEF\xBB\xBF", 3) == 0)
        s.at = 3;
    for (;;) {
        while (pass_line_end(&s)) {
        }
        if (s.at == csv->size)
            return BP_OK;
        BP_TRY(scan_row(&s, error));
        pass_line_end(&s);
    }
}

void bp_csv_release(bp_csv *csv)
{
    bp_release(&csv->allocator, csv->fields, csv->field_bytes);
    bp_release(&csv->allocator, csv->lines, csv->line_bytes);
    csv->fields = NULL;
    csv->lines = NULL;
}
