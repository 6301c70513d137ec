/* What passes over a text work with: the columns' modes, a window of rows of each column, the workers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_FILLING_H
#define BP_CSV_FILLING_H

#include "csv_pass.h"

typedef struct bp_csv_filling {
    bp_dataset *dataset;
    const bp_csv_table *table;
    bp_csv_storage storage;
    bp_csv_pass pass;
    unsigned char *modes; /* [columns]: of this pass; BP_CSV_SKIP once a column is done */
    uint64_t *infinite;   /* [columns]: over all workers */
    unsigned set_copies;  /* of the sets in one block: one for each worker, or one for all of them */
    void *memory;
    size_t bytes;
} bp_csv_filling;

/* Workers without storage. On failure there is nothing to end. */
bp_status bp_csv_filling_begin(bp_csv_filling *f, bp_dataset *dataset, const bp_csv_table *table, bp_error *error);
void bp_csv_filling_end(bp_csv_filling *f);

/* Gives the workers the columns' modes; nothing has been seen yet. */
void bp_csv_filling_set_modes(bp_csv_filling *f);

/* What has been, by any worker. */
unsigned char bp_csv_filling_seen(const bp_csv_filling *f, size_t column);

/* A window of each column that is not skipped, and `copies` of sets for columns of categories. */
bp_status bp_csv_filling_make_storage(bp_csv_filling *f, unsigned copies, bp_error *error);

size_t bp_csv_filling_column_bytes(const bp_csv_filling *f, size_t column);
void bp_csv_filling_drop_column(bp_csv_filling *f, size_t column);
void bp_csv_filling_drop_sets(bp_csv_filling *f);

/* The segments from `first` on whose rows the storage holds, behind `held` ones: they go there. BP_BAD_FILE with the first line
 * that is damaged. *end: the segment behind them. */
bp_status bp_csv_filling_take_window(bp_csv_filling *f, size_t first, uint64_t held, size_t *end, bp_error *error);

#endif
