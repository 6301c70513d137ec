/* A file of data -> a .bpd file.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PACK_H
#define BP_PACK_H

#include "dataset.h"

/* bp_pack of a CSV file, by chunks and windows of other sizes: they change no byte. `bytes`: of all columns' data at once, at least
 * a block of rows. */
bp_status bp_pack_csv(const char *data, char separator, const bp_settings *settings, size_t chunk, uint64_t bytes, const char *path,
                      const bp_allocator *allocator, bp_pack_counts *result, bp_error *error);

/* The same of an NPY file, of which parts of some `bytes` are in memory where its rows follow each other. */
bp_status bp_pack_npy(const char *data, const bp_settings *settings, uint64_t bytes, const char *path,
                      const bp_allocator *allocator, bp_pack_counts *result, bp_error *error);

#endif
