/* One thread's part in filling columns: it takes a segment of the text row by row and puts each field where its column says.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CSV_WORKER_H
#define BP_CSV_WORKER_H

#include "csv_categories.h"
#include "csv_cursor.h"
#include "csv_fill.h"

/* What becomes of a column's fields. */
typedef enum bp_csv_mode {
    BP_CSV_SKIP,  /* nothing */
    BP_CSV_GUESS, /* looked at */
    BP_CSV_F32,
    BP_CSV_F64,
    BP_CSV_CODES
} bp_csv_mode;

/* What has been met in a column. */
enum { BP_CSV_SEEN_MISSING = 1, BP_CSV_SEEN_WIDE = 2 /* a number that is no f32 */, BP_CSV_SEEN_TEXT = 4 };

/* Where fields go: shared by all workers, which write rows of their own. */
typedef struct bp_csv_storage {
    const bp_csv_table *table;
    size_t columns;
    uint64_t first;  /* row of the text that the storage begins with */
    void **data;     /* [columns]: f32, f64 or i32 by mode, for a window of rows each */
    size_t *set_of;  /* [columns]: a worker's set for BP_CSV_CODES */
    bool known;      /* sets hold all texts already, and all workers have the same ones */
    uint64_t *lines; /* of the window's rows, NULL: not wanted */
} bp_csv_storage;

#define BP_CSV_NOWHERE UINT64_MAX

typedef struct bp_csv_worker {
    const bp_csv_storage *storage;
    bp_csv_cursor cursor;
    char *buffer;           /* the longest segment, and BP_CSV_ROOM */
    unsigned char *modes;   /* [columns]: its own, since it skips a column once that is known to be mistaken */
    unsigned char *seen;    /* [columns] */
    uint64_t *infinite;     /* [columns]: first line with an infinite number, BP_CSV_NOWHERE */
    bp_csv_set *sets;       /* of the columns of categories */
    size_t full;            /* the set that had no room for a text ... */
    size_t full_length;     /* ... of so many bytes */
    uint64_t abandoned;     /* segment to begin again for it, BP_CSV_NOWHERE */
    uint64_t error_segment; /* BP_CSV_NOWHERE: no error */
    bp_error error;
} bp_csv_worker;

/* BP_CANCELLED: a set is full, and the segment is to be taken again. */
bp_status bp_csv_take_segment(bp_csv_worker *worker, const bp_csv_segment *segment, bp_error *error);

#endif
