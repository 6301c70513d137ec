/* The header of an NPY file: a Python dictionary of three keys, as text that nobody believes.
 *
 *      93 'NUMPY' MAJOR MINOR | length, u16 or from version 2 on u32, little-endian | {'descr': '<f4', 'fortran_order': False,
 *      'shape': (3, 4), } and spaces | elements
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NPY_HEADER_H
#define BP_NPY_HEADER_H

#include <stdbool.h>

#include "dataset_matrix.h"

typedef enum bp_npy_kind { BP_NPY_U1, BP_NPY_I4, BP_NPY_I8, BP_NPY_F4, BP_NPY_F8 } bp_npy_kind;

typedef struct bp_npy_header {
    bp_npy_kind kind;
    bool swapped; /* elements are big-endian */
    bool fortran; /* a column's rows follow each other */
    bp_elements elements;
} bp_npy_header;

/* Bytes of an element in the file. */
size_t bp_npy_size(bp_npy_kind kind);

/* Reads up to the first element: versions 1 to 3; one or two dimensions, the first of which counts rows. BP_BAD_FILE with the
 * offset for all else. */
bp_status bp_npy_read_header(bp_stream *stream, const char *path, bp_npy_header *header, bp_error *error);

#endif
