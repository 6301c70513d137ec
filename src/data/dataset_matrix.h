/* Data sets out of files of whole matrices: inputs in one file, targets perhaps in another.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATASET_MATRIX_H
#define BP_DATASET_MATRIX_H

#include "dataset.h"
#include "stream.h"

/* A matrix of a file, in memory that the data set owns. */
typedef struct bp_matrix {
    const void *data; /* of targets, NULL: there are none; of inputs: they are elsewhere, and the caller tells of missing values */
    bp_type type;
    uint64_t rows;
    uint64_t columns;
    bool by_columns; /* a column's rows follow each other, else a row's columns */
} bp_matrix;

/* What a header says of the elements behind it. */
typedef struct bp_elements {
    size_t begin; /* in the file */
    size_t bytes;
    uint64_t rows;
    uint64_t columns;
} bp_elements;

/* Exactly as many bytes as the header says; BP_BAD_FILE with the offset where there are fewer or more. Given back by
 * bp_release(allocator, *block, elements->bytes). */
bp_status bp_elements_read(bp_stream *stream, const char *path, const bp_allocator *allocator, const bp_elements *elements,
                           void **block, bp_error *error);

/* Behind the first `size` bytes of them: BP_BAD_FILE where that is not all, or more follow. */
bp_status bp_elements_check_end(bp_stream *stream, const char *path, const bp_elements *elements, size_t size, bp_error *error);

/* The data set's columns: x1, x2, ... and those of the targets, y1, y2, ..., or the one target's name. BP_BAD_FILE where the rows
 * are not equally many. */
bp_status bp_dataset_set_matrices(bp_dataset *dataset, const bp_matrix *x, const bp_matrix *y, const char *target_name,
                                  bp_error *error);

#endif
