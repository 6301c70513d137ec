/* All workers through segments of a text, once.
 *
 * A worker takes the next segment when it is done with one. Where a set of categories is full the team stops, the set is widened on
 * the calling thread, and the segment is taken again by whoever comes first.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_PASS_H
#define BP_CSV_PASS_H

#include <stdatomic.h>

#include "csv_worker.h"
#include "team.h"

typedef struct bp_csv_pass {
    const bp_csv_table *table;
    unsigned threads;
    bp_csv_worker *workers; /* [threads] */
    uint64_t *again;        /* [threads]: segments that a full set broke off */
    uint32_t *owner;        /* [segments]: whose sets numbered its texts */
    size_t set_count;       /* of each worker */
    bp_range among;         /* segments of this run ... */
    size_t visits;          /* ... and how many of them to take, evenly */
    size_t again_count;
    atomic_size_t next_again;
    atomic_size_t next;
    atomic_bool stop;     /* a set is full: no more segments for now */
    _Atomic uint64_t bad; /* first segment with an error so far, BP_CSV_NOWHERE */
} bp_csv_pass;

/* Takes `visits` of these segments, at most all. What is wrong with the text is kept by the workers; BP_NO_MEMORY and the like are
 * told. */
bp_status bp_csv_pass_run(bp_csv_pass *pass, bp_range among, size_t visits, bp_error *error);

/* The error of the first segment that has one; of all segments, that is the text's first. */
bp_status bp_csv_pass_error(const bp_csv_pass *pass, bp_error *error);

void bp_csv_pass_forget(bp_csv_pass *pass);

#endif
