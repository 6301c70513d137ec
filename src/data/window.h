/* A window: one block of a .bpd file as a data set of its own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_WINDOW_H
#define BP_WINDOW_H

#include "bpd.h"

typedef struct bp_window {
    bp_dataset dataset; /* the file's, but for rows, first_row, and the columns' data */
    const bp_bpd *bpd;
} bp_window;

/* Columns are the pool's; the window sees nothing yet. */
bp_status bp_window_make(bp_window *window, const bp_dataset *file, bp_pool *pool, bp_error *error);

/* `bytes` are block `number`, as it was read. */
void bp_window_show(bp_window *window, uint64_t number, const void *bytes);

/* Takes rows of one block: `rows` of `block`; rows.count counts. */
typedef bp_status bp_window_taker(void *context, const bp_dataset *block, bp_rows rows, bp_error *error);

/* Hands the chosen rows of a data set to `take`: all at once where it is in memory, else block after block; they have to ascend
 * then. rows.count counts. */
bp_status bp_window_walk(const bp_dataset *dataset, bp_rows rows, bp_window_taker *take, void *context, bp_error *error);

#endif
