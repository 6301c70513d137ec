/* Fields of a CSV file that is written.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_TEXT_H
#define BP_CSV_TEXT_H

#include <stdio.h>

/* One field, in quotes where it needs them (RFC 4180); `first` is false where a comma goes before it. */
void bp_csv_text(FILE *file, int first, const char *text);
void bp_csv_number(FILE *file, int first, double value);
void bp_csv_float(FILE *file, int first, float value);

#endif
