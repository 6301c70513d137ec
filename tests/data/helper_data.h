/* Small data files, and reading them with a few settings.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_HELPER_DATA_H
#define BP_TEST_HELPER_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "backprop.h"

/* Settings from a list of keys and texts that NULL ends. Static: the next call overwrites it. */
const bp_settings *with(const char *key, ...);

void write_text(const char *name, const char *text);

/* The bytes as one gzip member, appended to the file. */
void append_gzip(const char *name, const void *bytes, size_t size);

/* An IDX file: `sizes` [dimensions], then `bytes`. */
void write_idx(const char *name, unsigned char type, size_t dimensions, const uint32_t *sizes, const void *bytes, size_t size);

/* Reads a file that has to be good. */
bp_dataset *must_read(const char *name, const bp_settings *settings);

/* Fits on all rows, applies with targets; both have to go well. */
bp_encoder *must_fit(const bp_dataset *dataset, const bp_settings *settings);
bp_examples *must_apply(const bp_encoder *encoder, const bp_dataset *dataset);

/* Reads a file that has to be refused with that status and a text that holds `part`; the error is handed out. */
bp_error must_refuse(const char *name, const bp_settings *settings, bp_status status, const char *part);

/* One field as text; static: the next call overwrites it. */
const char *field(const bp_dataset *dataset, uint64_t row, uint64_t column);

#endif
