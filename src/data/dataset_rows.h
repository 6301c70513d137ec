/* Leaving out rows of a data set in memory.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DATASET_ROWS_H
#define BP_DATASET_ROWS_H

#include "dataset.h"

/* Leaves out the rows that lack a target, and counts them in dataset->skipped. The columns' data are the data set's own. BP_INVALID
 * for a packed file with such rows, which is not in memory; BP_BAD_FILE where no row is left. */
bp_status bp_dataset_skip_rows(bp_dataset *dataset, bp_error *error);

#endif
