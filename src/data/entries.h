/* Columns that are mostly 0, as their file has them: by rows, what is not.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENTRIES_H
#define BP_ENTRIES_H

#include "dataset.h"

/* Entries first[r] ... first[r + 1] - 1 are row r's. */
struct bp_entries {
    const uint64_t *first;  /* [rows + 1] */
    const uint32_t *column; /* place among the data set's columns, ascending in a row */
    const double *value;    /* finite */
};

/* The value in the row and the column of that place; 0 where there is no entry. */
double bp_entries_number(const bp_entries *entries, uint64_t row, uint32_t place);

/* Room for the largest magnitudes of a data set's columns, [column_count], all 0. Columns that are mostly 0 stay so: they are
 * divided by their largest magnitude, and never centred; BP_INVALID for a scale that centres. */
bp_status bp_entries_begin(const bp_dataset *dataset, bp_scale scale, const bp_allocator *allocator, double **result,
                           bp_error *error);

/* most[place] becomes the largest magnitude of the column in those rows, where it was smaller. */
void bp_entries_magnitudes(const bp_entries *entries, bp_rows rows, double *most);

/* The column x1, x2, ... of a data set of such columns; of a higher number, one that is 0 in every row; NULL for other names. */
const bp_column *bp_entries_find(const bp_dataset *dataset, const char *name);

#endif
