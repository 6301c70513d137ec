/* Fitting an encoder to rows that come in blocks, so that a file need not be in memory.
 *
 *      create -> add, add, ... -> again? -> add, add, ... -> end
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FITTING_H
#define BP_FITTING_H

#include "encoder.h"

typedef struct bp_fitting bp_fitting;

/* `shape` tells columns: names, roles, types, categories; its rows are not looked at. It has to outlive the fitting. Settings
 * used: scale, task, max-categories, threads. BP_INVALID and BP_BAD_FILE as bp_encoder_fit. */
bp_status bp_fitting_create(const bp_dataset *shape, const bp_settings *settings, const bp_allocator *allocator,
                            bp_fitting **result, bp_error *error);

/* The next training rows, `rows` of `block`, which has the shape's columns and codes; rows.count counts. However the rows are cut
 * in blocks, the encoder is the same to the bit. */
bp_status bp_fitting_add(bp_fitting *fitting, const bp_dataset *block, bp_rows rows, bp_error *error);

/* After the last row: true where all rows have to be added once more, in the same order. */
bool bp_fitting_again(bp_fitting *fitting);

bp_status bp_fitting_end(bp_fitting *fitting, bp_encoder **result, bp_error *error);

void bp_fitting_free(bp_fitting *fitting);

#endif
