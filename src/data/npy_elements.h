/* Elements of an NPY file in memory: refused where a data set has no place for them, and brought to its types.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NPY_ELEMENTS_H
#define BP_NPY_ELEMENTS_H

#include "npy_header.h"

/* All elements of a file, or some that follow each other. */
typedef struct bp_npy_block {
    const char *path;
    const bp_npy_header *header;
    unsigned char *elements;
    size_t first; /* the place of elements[0] in the file */
    size_t count;
} bp_npy_block;

/* Turns big-endian elements; BP_BAD_FILE at an infinite number, or a whole one that is not exact as f64. *narrow becomes false
 * where a whole number of 8 bytes does not fit 4. */
bp_status bp_npy_check(const bp_npy_block *block, bool *narrow, bp_error *error);

/* The type of the data set's columns; `narrow` as bp_npy_check leaves it for all elements. */
bp_type bp_npy_type(bp_npy_kind kind, bool narrow);

/* In place, behind bp_npy_check. */
void bp_npy_convert(const bp_npy_block *block, bp_type type);

#endif
