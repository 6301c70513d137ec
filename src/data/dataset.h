/* A data set: columns of equal length, each in the type that its file has.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATASET_H
#define BP_DATASET_H

#include <stdbool.h>

#include "backprop.h"

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
    size_t stride; /* bytes */
    char **categories; /* [category_count], NUL-terminated UTF-8; NULL for numbers */
    size_t category_count;
} bp_column;

struct bp_dataset {
    bp_allocator allocator;
    uint64_t rows;
    size_t column_count;
    bp_column *columns; /* [column_count] */
    bool integer_classes; /* the format's integer targets are classes (IDX) */
    char *path; /* for messages */
    /* every block that the readers allocated, freed with the data set */
    struct bp_block {
        void *memory;
        size_t size;
    } *blocks;
    size_t block_count;
    size_t block_bytes; /* capacity of the list of blocks, in bytes */
};

/* An empty data set; the readers fill it. */
bp_status bp_dataset_new(const char *path, const bp_allocator *allocator, bp_dataset **result, bp_error *error);

/* `size` bytes, not cleared, that live as long as the data set. NULL with *error filled where refused. */
void *bp_dataset_take(bp_dataset *dataset, size_t size, bp_error *error);

/* The value of a numeric column as a double: exact for every type. */
double bp_column_number(const bp_column *column, uint64_t row);

/* The code of a categorical column, -1 where missing. */
int32_t bp_column_code(const bp_column *column, uint64_t row);

/* The column of that name, or NULL. */
const bp_column *bp_dataset_find(const bp_dataset *dataset, const char *name);

#endif
