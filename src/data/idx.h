/* IDX files: matrices of any number of dimensions, and the labels that belong to them.
 *
 *      00 00 TYPE DIMENSIONS | size of each dimension, u32 big-endian | elements, big-endian, the last dimension fastest
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_IDX_H
#define BP_IDX_H

#include "dataset.h"

/* Fills an empty data set from the file at dataset->path.
 * The first dimension counts rows, the others become columns x1, x2, ... The targets come from settings.target_file, or
 * from the file whose name has "labels" for "images" and "idx1" for "idx3", with or without .gz: one column "label", or y1,
 * y2, ... Without targets it is BP_INVALID unless `optional`. */
bp_status bp_idx_read(bp_dataset *dataset, const bp_settings *settings, bool optional, bp_error *error);

#endif
