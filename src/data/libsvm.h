/* LIBSVM files: a label, and what is not 0.
 *
 *      LABEL INDEX:VALUE INDEX:VALUE ...  # comment        indices ascend from 1; what is left out is 0
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_LIBSVM_H
#define BP_LIBSVM_H

#include "dataset.h"

/* Fills an empty data set from the file at dataset->path.
 * Columns x1, x2, ... up to the highest index, kept sparse, and "label", the target: classes where all labels are whole numbers.
 * Settings used: max-index; a target-file is refused. BP_BAD_FILE with the line for several labels, ranking groups, indices that do
 * not ascend, and what is no number. */
bp_status bp_libsvm_read(bp_dataset *dataset, const bp_settings *settings, bp_error *error);

#endif
