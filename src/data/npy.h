/* NPY files: numpy's matrices, and the targets that belong to them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NPY_H
#define BP_NPY_H

#include "dataset_matrix.h"

/* Fills an empty data set from the file at dataset->path.
 * Rows, and columns x1, x2, ...; with settings.target_file, another NPY file, columns y or y1, y2, ... as targets. Without it
 * settings.target must name columns, unless `optional`: roles are the caller's. Whole numbers of 8 bytes that all fit 4 are kept in
 * 4, others in f64, and refused beyond 2^53; so are infinities, by row and column. NaN is a missing number. */
bp_status bp_npy_read(bp_dataset *dataset, const bp_settings *settings, bool optional, bp_error *error);

/* One file's elements, which the data set owns. */
bp_status bp_npy_read_matrix(bp_dataset *dataset, const char *path, bp_matrix *matrix, bp_error *error);

#endif
