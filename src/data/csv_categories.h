/* The distinct texts of a column, as one thread meets them: numbered as they come.
 *
 * A set is looked up and filled inside a team, where nothing is allocated: what finds it full stops, has it widened outside,
 * and begins its segment again.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_CATEGORIES_H
#define BP_CSV_CATEGORIES_H

#include "csv_dialect.h"
#include "dataset.h"

typedef struct bp_csv_entry {
    uint64_t begin; /* of its text */
    uint32_t length;
    uint32_t hash;
} bp_csv_entry;

/* Open addressing: a slot holds an entry's number + 1, 0 where it is free; at most half of the slots are taken. All bits 0: a
 * full set of nothing. */
typedef struct bp_csv_set {
    bp_csv_entry *entries; /* [capacity] */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* [2 * capacity], a power of two */
    char *text;      /* [text_bytes] */
    size_t text_used;
    size_t text_bytes;
} bp_csv_set;

#define BP_CSV_SET_FULL (-2)

/* The number of a text, a new one where it has none yet, BP_CSV_SET_FULL where there is no room for it. */
int32_t bp_csv_set_number(bp_csv_set *set, bp_csv_field field);

/* The same of a text that it holds, else BP_CSV_SET_FULL. Any thread. */
int32_t bp_csv_set_find(const bp_csv_set *set, bp_csv_field field);

/* Whether it is more than half full. */
bool bp_csv_set_is_filling(const bp_csv_set *set);

/* Several times the room, and for a text of `least` bytes at least. BP_BAD_FILE beyond 2^31 - 1 categories. */
bp_status bp_csv_set_widen(bp_csv_set *set, size_t least, const bp_allocator *allocator, bp_error *error);

void bp_csv_set_release(bp_csv_set *set, const bp_allocator *allocator);

/* Unites the sets of all threads, sets[0], sets[stride], ..., into the column's categories, sorted by bytes. ranks[i][number] is
 * then the category of a set's text, and the caller's to release: sets[i].count of i32. */
bp_status bp_csv_set_unite(bp_dataset *dataset, bp_column *column, const bp_csv_set *sets, size_t stride, size_t count,
                           int32_t **ranks, bp_error *error);

#endif
