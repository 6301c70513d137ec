/* Text of comma- or tab-separated values -> where each field lies. RFC 4180, with LF as well as CRLF.
 *
 *      name,"a ""b""\nc"\r\n   ->   fields  |name|a "b"\nc|      quotes are taken off in place, so every field is one
 *      x,1\n                               |x|1|                 span of the text
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_SCAN_H
#define BP_CSV_SCAN_H

#include "backprop.h"

#define BP_CSV_LENGTH_BITS 24 /* of a field: at most 16 MiB, so that 40 bits are left for where it begins */

typedef struct bp_csv {
    bp_allocator allocator;
    const char *path;
    char *text; /* [size], the caller's; quoted fields are changed in place */
    size_t size;
    size_t columns;   /* fields of each row */
    uint64_t rows;    /* a header is one of them */
    uint64_t *fields; /* [rows, columns]: begin << BP_CSV_LENGTH_BITS | length */
    size_t field_bytes;
    uint64_t *lines; /* [rows], where each row begins, counted from 1 */
    size_t line_bytes;
} bp_csv;

typedef struct bp_csv_field {
    const char *text;
    size_t length;
} bp_csv_field;

/* Finds the rows and fields of csv->text. Blank lines are no rows. BP_BAD_FILE with the line for text that is not UTF-8, NUL,
 * quotes that are not closed or in the wrong place, and rows of another length than the first. */
bp_status bp_csv_scan(bp_csv *csv, char separator, bp_error *error);

/* Gives back what scanning took; not the text. */
void bp_csv_release(bp_csv *csv);

static inline bp_csv_field bp_csv_at(const bp_csv *csv, uint64_t row, size_t column)
{
    uint64_t span = csv->fields[row * csv->columns + column];
    return (bp_csv_field){csv->text + (span >> BP_CSV_LENGTH_BITS), (size_t)(span & ((UINT64_C(1) << BP_CSV_LENGTH_BITS) - 1))};
}

#endif
