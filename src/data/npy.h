/* NPY files: numpy's matrices, and the targets that belong to them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NPY_H
#define BP_NPY_H

#include "dataset.h"

/* Rows, and columns x1, x2, ...; with settings.target_file, another NPY file, columns y or y1, y2, ... as targets. Without it
 * settings.target must name columns, unless `lenient`: roles are the caller's. Whole numbers of 8 bytes that all fit 4 are kept in
 * 4, others in f64, and refused beyond 2^53; so are infinities, by row and column. NaN is a missing number. */
bp_status bp_npy_read(const char *path, const bp_settings *settings, bool lenient, const bp_allocator *allocator,
                      bp_dataset **result, bp_error *error);

#endif
