/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_cursor.h"

#include "error.h"

static bp_status check_length(const bp_csv_cursor *cursor, size_t length, bp_error *error)
{
    if (length > BP_CSV_FIELD_MAX)
        return bp_fail_line(error, cursor->path, cursor->row_line + cursor->more_lines,
                            "a field of %zu bytes; %zu are the most (is a quote missing?)", length, BP_CSV_FIELD_MAX);
    return BP_OK;
}

/* All bytes of a word that are `c`, as 0x80 each; exact, bytes beside one another do not disturb each other. */
static uint64_t bytes_equal(uint64_t word, char c)
{
    uint64_t other = word ^ UINT64_C(0x0101010101010101) * (unsigned char)c, low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    return ~(((other & low) + low) | other | low);
}

/* The first byte from `at` on that a plain field may not hold; the line end behind the text stops it. */
static char *skip_plain(char *at, char separator)
{
    for (;; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t found = bytes_equal(word, separator) | bytes_equal(word, '\n') | bytes_equal(word, '"') | bytes_equal(word, '\r');
        if (found)
            return at + __builtin_ctzll(found) / 8;
    }
}

static bp_status take_plain(bp_csv_cursor *cursor, bp_csv_field *field, bp_error *error)
{
    char *begin = cursor->at, *at = skip_plain(begin, cursor->separator);

    cursor->at = at;
    if (!bp_csv_ends_field(cursor, at))
        return bp_fail_line(error, cursor->path, cursor->row_line + cursor->more_lines,
                            *at == '"' ? "a quote inside a field that does not begin with one (write it twice, in quotes)"
                                       : "a carriage return without a line feed");
    *field = (bp_csv_field){begin, (size_t)(at - begin)};
    return check_length(cursor, field->length, error);
}

/* The content moves left over the quotes that go. */
static bp_status take_quoted(bp_csv_cursor *cursor, bp_csv_field *field, bp_error *error)
{
    char *begin = cursor->at + 1, *at = begin, *end = begin;
    uint64_t first_line = cursor->row_line + cursor->more_lines;

    while (at < cursor->end && (*at != '"' || at[1] == '"')) {
        cursor->more_lines += *at == '\n';
        at += *at == '"';
        *end++ = *at++;
    }
    if (at >= cursor->end)
        return bp_fail_line(error, cursor->path, first_line, "a quote is opened here and never closed");
    cursor->at = at + 1;
    if (!bp_csv_ends_field(cursor, cursor->at))
        return bp_fail_line(error, cursor->path, cursor->row_line + cursor->more_lines, "text behind a closing quote");
    *field = (bp_csv_field){begin, (size_t)(end - begin)};
    return check_length(cursor, field->length, error);
}

bp_status bp_csv_take_field(bp_csv_cursor *cursor, bp_csv_field *field, bp_error *error)
{
    return *cursor->at == '"' ? take_quoted(cursor, field, error) : take_plain(cursor, field, error);
}

bp_status bp_csv_fail_count(bp_csv_cursor *cursor, size_t columns, size_t taken, bp_error *error)
{
    size_t count = taken;
    bp_csv_field field;

    while (*cursor->at == cursor->separator) {
        cursor->at++;
        BP_TRY(bp_csv_take_field(cursor, &field, error));
        count++;
    }
    return bp_fail_line(error, cursor->path, cursor->row_line, "%zu fields, but the first row has %zu", count, columns);
}
