/* A place in a text from which fields are taken one after the other. RFC 4180, with LF as well as CRLF.
 *
 *      name,"a ""b""\nc"\r\n   ->   |name|a "b"\nc|      quotes are taken off in place, so every field is one span of the text
 *
 * The text is followed by a line end and BP_CSV_ROOM bytes more.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_CURSOR_H
#define BP_CSV_CURSOR_H

#include <string.h>

#include "csv_dialect.h"

#define BP_CSV_ROOM 32                           /* behind a text: for reading eight bytes at a time */
#define BP_CSV_FIELD_MAX (((size_t)1 << 24) - 1) /* bytes: above, a quote is missing most likely */

typedef struct bp_csv_cursor {
    const char *path;
    char separator;
    char *at;
    char *end;           /* of the text: a line end stands there */
    uint64_t row_line;   /* where the row begins, counted from 1 */
    uint64_t more_lines; /* line ends in the row's quoted fields so far */
} bp_csv_cursor;

/* Whether a field ends at `at`: at a separator, LF, or CR before LF. A CR that is the text's last byte stands before the line end
 * behind it: a line end cut short, as pandas takes it. Elsewhere a CR alone ends nothing, as in RFC 4180. */
static inline bool bp_csv_ends_field(const bp_csv_cursor *cursor, const char *at)
{
    return *at == cursor->separator || *at == '\n' || (*at == '\r' && at[1] == '\n');
}

/* Moves over blank lines and counts them; false at the text's end. */
static inline bool bp_csv_find_row(bp_csv_cursor *cursor)
{
    for (; cursor->at < cursor->end; cursor->row_line++) {
        if (*cursor->at == '\n')
            cursor->at++;
        else if (*cursor->at == '\r' && cursor->at[1] == '\n')
            cursor->at += 2;
        else
            return true;
    }
    return false;
}

/* Moves from the last field's end to the next line. */
static inline void bp_csv_end_row(bp_csv_cursor *cursor)
{
    cursor->at += *cursor->at == '\r';
    cursor->at++;
    cursor->row_line += 1 + cursor->more_lines;
    cursor->more_lines = 0;
}

/* The field at the cursor, which is left where it ends: at a separator or line end. */
bp_status bp_csv_take_field(bp_csv_cursor *cursor, bp_csv_field *field, bp_error *error);

/* BP_BAD_FILE for a row of too many or too few fields, of which `taken` lie before the cursor. */
bp_status bp_csv_fail_count(bp_csv_cursor *cursor, size_t columns, size_t taken, bp_error *error);

#endif
