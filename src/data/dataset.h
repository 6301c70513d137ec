/* A data set: columns of equal length, each in the type that its file has.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATASET_H
#define BP_DATASET_H

#include <stdbool.h>

#include "backprop.h"
#include "dataset_pool.h"

#define BP_COLUMNS_MAX ((uint64_t)1 << 24) /* of a data set: as many as a network can have inputs */

#define BP_TARGET_MISSING "column \"%.200s\": the target is missing; --missing-targets skip leaves such rows out"

typedef enum bp_role { BP_ROLE_INPUT, BP_ROLE_TARGET, BP_ROLE_WEIGHT, BP_ROLE_UNUSED } bp_role;

/* Element r is at data + r * stride. Numbers: a missing one is NaN (so the type is then f32 or f64). Categories: data holds
 * i32 codes, indices of `categories`, which are sorted by bytes; -1 is missing. */
typedef struct bp_column {
    char *name;
    bp_role role;
    bp_type type;
    bool categorical;
    bool has_missing;
    const void *data;
    size_t stride;     /* bytes */
    char **categories; /* [category_count], NUL-terminated UTF-8; NULL for numbers */
    size_t category_count;
    const struct bp_entries *entries; /* of a column of numbers that is mostly 0, in place of data (entries.h), */
    uint32_t place;                   /* and its place there; else NULL */
} bp_column;

typedef struct bp_bpd bp_bpd;
typedef struct bp_entries bp_entries;

struct bp_dataset {
    bp_pool pool; /* all that the readers allocated */
    uint64_t rows;
    uint64_t first_row; /* for messages: what row 0 is in the file, where this is a part of it */
    size_t column_count;
    bp_column *columns;        /* [column_count] */
    bool integer_classes;      /* the format's integer targets are classes (IDX) */
    bool numbered;             /* inputs are named x1, x2, ... by their places: all of them or none fit an encoder */
    char *path;                /* for messages */
    const uint64_t *lines;     /* [rows], where each row begins in its text file; NULL where rows are lines, or there are none */
    uint64_t first_line;       /* of a text file whose rows are lines, one after the other: row 0's, counted from 1; else 0 */
    uint64_t skipped;          /* rows that were left out in reading */
    const bp_entries *entries; /* of all its inputs that are mostly 0; NULL: none is */
    const bp_column *absent;   /* with entries: a column that is 0 in every row */
    bp_bpd *bpd;               /* the file that is still open, and holds the columns' data; NULL: memory holds all */
};

/* An empty data set; the readers fill it. */
bp_status bp_dataset_new(const char *path, const bp_allocator *allocator, bp_dataset **result, bp_error *error);

/* Closes the file that it was read from. */
void bp_dataset_close(bp_dataset *dataset);

/* The columns, all bits 0. */
bp_status bp_dataset_make_columns(bp_dataset *dataset, uint64_t count, bp_error *error);

/* Names `count` columns from `first` on PREFIX1, PREFIX2, ... */
bp_status bp_dataset_number_columns(bp_dataset *dataset, size_t first, size_t count, const char *prefix, bp_error *error);

/* Gives the columns from `first` on the columns of a matrix. */
void bp_dataset_set_matrix(bp_dataset *dataset, size_t first, const bp_array *array, bp_role role);

/* The value of a numeric column as a double: exact for every type. */
double bp_column_number(const bp_column *column, uint64_t row);

/* The code of a categorical column, -1 where missing. */
int32_t bp_column_code(const bp_column *column, uint64_t row);

/* A field as it stood in the file; a missing one is empty. `number` is room for one. */
const char *bp_column_text(const bp_column *column, uint64_t row, char number[32]);

size_t bp_type_size(bp_type type);

/* The data set's row behind the i-th chosen one. */
static inline uint64_t bp_rows_at(bp_rows rows, uint64_t i)
{
    return rows.index ? rows.index[i] : i;
}

/* The column of that name, or NULL. It is looked for at `place` first. */
const bp_column *bp_dataset_find(const bp_dataset *dataset, const char *name, size_t place);

/* BP_BAD_FILE at a row: by its line where there are lines, else by its number, counted from 1. */
bp_status bp_dataset_fail(const bp_dataset *dataset, uint64_t row, bp_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
