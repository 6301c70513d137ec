/* LIBSVM files: a label, and what is not 0.
 *
 *      LABEL INDEX:VALUE INDEX:VALUE ...  # comment        indices ascend from 1; what is left out is 0
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_LIBSVM_H
#define BP_LIBSVM_H

#include "dataset.h"

/* Columns x1, x2, ... up to the highest index, kept sparse, and "label", the target: classes where all labels are whole numbers.
 * Settings used: max-index; a target-file is refused. BP_BAD_FILE with the line for several labels, ranking groups, indices that do
 * not ascend, and what is no number. */
bp_status bp_libsvm_read(const char *path, const bp_settings *settings, const bp_allocator *allocator, bp_dataset **result,
                         bp_error *error);

#endif
