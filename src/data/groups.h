/* Groups: rows of equal value in one column, which stay together.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_GROUPS_H
#define BP_GROUPS_H

#include "dataset.h"

typedef struct bp_group {
    uint64_t key;   /* random, by the seed and its first row */
    uint64_t first; /* of its rows, in `members` */
    uint64_t count;
} bp_group;

typedef struct bp_groups {
    uint64_t *members; /* [rows], group after group, ascending in each */
    bp_group *list;    /* [count], by their random keys */
    size_t count;
    size_t bytes; /* of one block that holds all */
    void *memory;
} bp_groups;

/* Groups of the chosen rows (index NULL: all) by the settings' group. BP_INVALID for a column that is not there, and for a row
 * without a value. */
bp_status bp_groups_find(const bp_dataset *dataset, const bp_settings *settings, bp_rows rows, bp_groups *result, bp_error *error);
void bp_groups_free(const bp_dataset *dataset, bp_groups *groups);

/* The key of a row or a group: its place in the order in which rows are dealt out. */
uint64_t bp_split_key(uint64_t seed, uint64_t row);

#endif
