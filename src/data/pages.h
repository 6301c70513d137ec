/* Pages: the inputs of examples that are larger than memory. They stay in the .bpd file, and rows are encoded when they are needed.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PAGES_H
#define BP_PAGES_H

#include "ahead.h"
#include "encoder_bind.h"
#include "window.h"

typedef struct bp_pages {
    const bp_dataset *file;
    unsigned cores; /* that this process has */
    bp_window window;
    bp_bound bound; /* of the window */
} bp_pages;

/* Encoder and data set are borrowed. */
bp_status bp_pages_create(const bp_encoder *encoder, const bp_dataset *file, bool with_targets, const bp_allocator *allocator,
                          bp_pages **result, bp_error *error);
void bp_pages_free(bp_pages *pages);

/* The same once more, without targets. */
bp_status bp_pages_again(const bp_pages *pages, const bp_allocator *allocator, bp_pages **result, bp_error *error);

/* What bp_encoder_apply does with a data set that is not in memory: targets and weights of all rows, and pages. The whole file is
 * looked at, so that a row which cannot be encoded is told here. */
bp_status bp_pages_apply(const bp_encoder *encoder, const bp_dataset *file, bool with_targets, const bp_allocator *allocator,
                         bp_examples **result, bp_error *error);

/* Encodes rows begin ... end - 1, BP_WRITE_ROWS at most, of the block that the window shows, row begin + i to rows[i] [inputs]. In
 * a state that keeps subnormals. */
bp_status bp_pages_write(const bp_pages *pages, uint64_t begin, uint64_t end, float *const *rows, bp_error *error);

/* One row of the file to x [inputs]. */
bp_status bp_pages_row(const bp_pages *pages, uint64_t row, float *x, bp_error *error);

#endif
