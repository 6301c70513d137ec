/* A .bpd file in the making: the header of a data set, then rows as they come.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BPD_WRITE_H
#define BP_BPD_WRITE_H

#include "bpd.h"
#include "file.h"

typedef struct bp_bpd_writer {
    const bp_dataset *dataset;
    bp_replacement file;
    void *chunk;
    uint64_t block; /* the next one */
} bp_bpd_writer;

/* Everything about the data set but its columns' data has to be known; it and `path` must outlive the writer. On failure there is
 * nothing to end. */
bp_status bp_bpd_write_begin(bp_bpd_writer *writer, const bp_dataset *dataset, const char *path, bp_error *error);

/* The next rows: the first ones of the columns' data. A multiple of BP_BPD_ROWS, but for the last of all. */
bp_status bp_bpd_write_rows(bp_bpd_writer *writer, uint64_t rows, bp_error *error);

/* Puts the file in its place where `status`, of all that came before, is BP_OK, and leaves the old one otherwise. */
bp_status bp_bpd_write_end(bp_bpd_writer *writer, bp_status status, bp_error *error);

#endif
