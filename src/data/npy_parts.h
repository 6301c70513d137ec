/* An NPY file of rows that follow each other, part by part: once to learn what its columns are, once more for their elements.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NPY_PARTS_H
#define BP_NPY_PARTS_H

#include "npy_elements.h"

typedef struct bp_npy_parts {
    bp_dataset *dataset;
    bp_npy_header header;
    uint64_t rows; /* of a part; 0: the file is read whole */
    size_t bytes;  /* that such a part takes */
    unsigned char *room;
    size_t inputs;
    bool narrow;
} bp_npy_parts;

/* Takes a part's rows, the first ones of the columns' data. */
typedef bp_status bp_npy_take(void *context, uint64_t rows, bp_error *error);

/* Everything of an empty data set but its inputs' data, from dataset->path and settings.target_file. Parts are of `bytes`, in
 * multiples of `grain` rows; a file that is no larger, or whose columns follow each other, is left alone, and rows is 0. */
bp_status bp_npy_parts_begin(bp_npy_parts *parts, bp_dataset *dataset, const bp_settings *settings, uint64_t bytes, uint64_t grain,
                             bp_error *error);

/* All rows. BP_BAD_FILE where the file is no longer what it was. */
bp_status bp_npy_parts_pour(bp_npy_parts *parts, bp_npy_take *take, void *context, bp_error *error);

void bp_npy_parts_end(bp_npy_parts *parts);

#endif
