/* What a fit on sparse examples has besides the trainer's memory: the rows of a minibatch, and their entries by columns.
 *
 *      rows       row 0: (column, value) (column, value) ... | row 1: ...       as the examples have them; forward reads them
 *      entries    member 0: columns 0-31: (row, place, value) ... | columns 32-63: ... || member 1: columns 0-31: ... || ...
 *
 * Each member lists the entries of its own rows by groups of 32 columns, rows ascending in each group: members in their order then
 * have all rows of a group ascending, which is what a tile of dW takes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SPARSE_H
#define BP_SPARSE_H

#include "examples.h"
#include "pass.h"
#include "plan.h"

typedef struct bp_sparse_batch {
    bp_allocator allocator;
    void *memory; /* NULL: the fit's examples are dense, or their zeros are written out */
    size_t bytes;
    bp_sparse_row *rows; /* [batch], or [threads][chunk] where the plan takes them in chunks */
    size_t *group;       /* [threads][groups + 1]: where each group of a member's begins among the entries; NULL with chunks */
    size_t groups;
    uint32_t *place; /* [most entries of a minibatch] each: column in the group, */
    uint32_t *row;   /* row of the minibatch, */
    float *value;    /* value */
} bp_sparse_batch;

/* Entries of a group of a member's rows, or of some of them. */
typedef struct bp_sparse_group {
    const uint32_t *place;
    const uint32_t *row;
    const float *value;
    size_t count;
} bp_sparse_group;

/* Takes memory for minibatches of those rows; none where the plan reads dense x alone. `batch` is all 0 before. */
bp_status bp_sparse_batch_begin(bp_sparse_batch *batch, const bp_layout *layout, const bp_plan *plan, const bp_examples *examples,
                                bp_rows rows, const bp_allocator *allocator, bp_error *error);
void bp_sparse_batch_end(bp_sparse_batch *batch);

/* Lists the entries of the member's rows of a minibatch; all of its rows before them are looked at. */
void bp_sparse_batch_list(const bp_sparse_batch *batch, bp_member member, const bp_examples *examples, const uint64_t *rows,
                          uint64_t first, bp_span own);

/* Of columns 32 i ..., those in which some member's rows have entries: bit by bit. */
uint32_t bp_sparse_batch_columns(const bp_sparse_batch *batch, unsigned members, size_t i);

/* Of columns 32 i ..., entries of one member in rows [first, first + count). */
bp_sparse_group bp_sparse_batch_group(const bp_sparse_batch *batch, unsigned member, size_t i, bp_span rows);

#endif
