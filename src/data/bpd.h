/* .bpd files: columns as a reader has found them, in blocks of rows that can be read one by one (docs/bpd-format.md).
 *
 *      header | block 0 | block 1 | ...            a block: BP_BPD_ROWS rows, the last one what is left
 *      block    chunk of column 0 | chunk of column 1 | ...
 *      chunk    checksum | elements | 0 ... up to a multiple of 64 bytes
 *
 * Column by column, so that what is learned from one column costs one pass over the file for all of them together, and no more
 * memory than that column.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BPD_H
#define BP_BPD_H

#include "dataset.h"

/* Of a block, and of what --shuffle blocks keeps together. 8192 rows of 100 f32 are 3.3 MB: long enough for a disk to read
 * them at its full speed, short enough to lie in a second-level cache with what is made of them. */
#define BP_BPD_ROWS ((uint64_t)8192)

#define BP_BPD_UNIT ((size_t)64) /* bytes: chunks begin at multiples, and their first unit is for the checksum */

struct bp_bpd {
    const bp_dataset *dataset; /* whose rows and columns these are */
    int fd;
    uint64_t limit;   /* bytes that data may take in memory */
    uint64_t begin;   /* of block 0 */
    uint64_t *full;   /* [columns + 1], where chunks begin in a block of BP_BPD_ROWS rows */
    uint64_t *ragged; /* [columns + 1], and in the last one */
};

/* Columns and rows of the file, their data NULL; bp_dataset_free closes it. Every size has been checked against the file's. */
bp_status bp_bpd_open(const char *path, const bp_allocator *allocator, bp_dataset **result, bp_error *error);

/* The data set, whole in memory where it and what an encoder makes of it take no more than settings.memory; else data is NULL. */
bp_status bp_bpd_read(const char *path, const bp_settings *settings, const bp_allocator *allocator, bp_dataset **result,
                      bp_error *error);

/* Where a data set is not in memory, its targets, weights and groups (settings.group) are from now on: splitting and metrics look
 * at them. Others' data stay NULL. */
bp_status bp_bpd_fetch(bp_dataset *dataset, const bp_settings *settings, bp_error *error);

uint64_t bp_bpd_blocks(const bp_bpd *bpd);
uint64_t bp_bpd_block_rows(const bp_bpd *bpd, uint64_t block);
size_t bp_bpd_block_bytes(const bp_bpd *bpd, uint64_t block);

/* Reads a block into `buffer` and checks it: checksums, and codes of categories. Any thread. */
bp_status bp_bpd_read_block(const bp_bpd *bpd, uint64_t block, void *buffer, bp_error *error);

/* The same for its columns first ... end - 1, to their places in `buffer`. */
bp_status bp_bpd_read_columns(const bp_bpd *bpd, uint64_t block, size_t first, size_t end, void *buffer, bp_error *error);

/* Asks the system to read a block to where reading it finds it at once. */
void bp_bpd_will_need(const bp_bpd *bpd, uint64_t block);

/* The elements of a column in a block that has been read. */
const void *bp_bpd_elements(const bp_bpd *bpd, uint64_t block, const void *buffer, size_t column);

/* One element, unchecked but for a category's code, to `element`. */
bp_status bp_bpd_read_element(const bp_bpd *bpd, size_t column, uint64_t row, void *element, bp_error *error);

/* Copies one column of all blocks, checked, to [rows] elements. */
bp_status bp_bpd_read_column(const bp_bpd *bpd, size_t column, void *elements, bp_error *error);

/* ---- what reading and writing share */

#define BP_BPD_MAGIC \
    "\x89"           \
    "BPD\r\n\x1a\n" /* as PNG's: shows what text mode or seven bits have done to it */
#define BP_BPD_VERSION 1

typedef struct bp_bpd_head {
    char magic[8];
    uint32_t version;
    uint32_t block_rows;
    uint64_t rows;
    uint64_t bytes; /* of the whole header, and so where block 0 begins; a multiple of BP_BPD_UNIT */
    uint32_t columns;
    uint32_t flags;
    uint64_t reserved;    /* 0 */
    uint8_t checksum[16]; /* XXH3-128 of the header with these bytes 0, the high half first, big-endian */
} bp_bpd_head;
_Static_assert(sizeof(bp_bpd_head) == 64, "the header has no gaps");

enum { BP_BPD_INTEGER_CLASSES = 1, BP_BPD_NUMBERED = 2 }; /* bp_bpd_head.flags, as in bp_dataset */

/* Then each column: this, its name, and of each category its length as u32 and its bytes. */
typedef struct bp_bpd_column {
    uint8_t type; /* bp_type */
    uint8_t flags;
    uint16_t reserved; /* 0 */
    uint32_t name_length;
    uint32_t categories;
} bp_bpd_column;
_Static_assert(sizeof(bp_bpd_column) == 12, "the column has no gaps");

enum { BP_BPD_CATEGORICAL = 1, BP_BPD_MISSING = 2, BP_BPD_TARGET = 4 };

/* Bytes of a chunk with its checksum and padding. */
static inline uint64_t bp_bpd_chunk_bytes(bp_type type, uint64_t rows)
{
    return BP_BPD_UNIT + (rows * bp_type_size(type) + BP_BPD_UNIT - 1) / BP_BPD_UNIT * BP_BPD_UNIT;
}

/* XXH3-64 of a chunk's bytes behind its first unit; `seed` is block * columns + column, so that a chunk in another's place is
 * found too. */
uint64_t bp_bpd_sum(const void *elements, size_t bytes, uint64_t seed);

/* The header's checksum goes to `digest`. */
void bp_bpd_header_sum(const void *header, size_t bytes, uint8_t digest[16]);

#endif
