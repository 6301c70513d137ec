/* How a text spells its table: what separates fields, what stands in front of a fraction, what says that a value is missing.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_DIALECT_H
#define BP_CSV_DIALECT_H

#include <stdbool.h>

#include "csv_source.h"

typedef struct bp_csv_field {
    const char *text;
    size_t length;
} bp_csv_field;

typedef struct bp_csv_dialect {
    char separator;
    char point;
    const char *missing;      /* TEXT[,TEXT...], the settings' */
    bool missing_numbers;     /* some of them are numbers */
    bool begins_missing[256]; /* first bytes of them, in any case */
} bp_csv_dialect;

typedef enum bp_csv_kind { BP_CSV_MISSING, BP_CSV_NUMBER, BP_CSV_INFINITE, BP_CSV_TEXT } bp_csv_kind;

/* Settings used: delimiter, decimal, missing; they must outlive the dialect. `usual` is the separator where the text shows
 * none: 0 asks for it to be found (see the source file for the rule). */
bp_status bp_csv_dialect_make(bp_csv_dialect *dialect, const bp_csv_source *source, char usual, const bp_settings *settings,
                              bp_error *error);

/* What a field is; *value is set for a number. BP_CSV_INFINITE: a number beyond f64, or "inf". */
bp_csv_kind bp_csv_classify(const bp_csv_dialect *dialect, bp_csv_field field, double *value);

/* A field without blanks at its ends that stands for a missing value. */
bool bp_csv_is_missing(const bp_csv_dialect *dialect, bp_csv_field field);

/* The same for a number: 0 is -0, 999 is 999.0. */
bool bp_csv_is_missing_number(const bp_csv_dialect *dialect, double value);

bp_csv_field bp_csv_trim(bp_csv_field field);

#endif
