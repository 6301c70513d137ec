/* Fields of a CSV file that is written.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "csv_text.h"

#include <string.h>

#include "text.h"

void bp_csv_text(FILE *file, int first, const char *text)
{
    if (!first)
        putc(',', file);
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

void bp_csv_number(FILE *file, int first, double value)
{
    char text[32];
    bp_text_f64(value, text);
    bp_csv_text(file, first, text);
}

void bp_csv_float(FILE *file, int first, float value)
{
    char text[32];
    bp_text_f32(value, text);
    bp_csv_text(file, first, text);
}
