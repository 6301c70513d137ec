/* What a reader is fed with bytes for that nobody vouches for: one target for each format, behind libFuzzer (libfuzzer.c) or a
 * plain driver (replay.c).
 *
 * A target is more than "does not crash":
 *   - what is accepted round-trips: it can be written, read again, and written again as the same bytes;
 *   - no more memory is asked for than factor * bytes + constant, and nothing is left behind (budget.h);
 *   - a refusal has its status in the error, and a text.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FUZZ_H
#define BP_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "backprop.h"

typedef struct fuzz_target {
    const char *name;
    size_t factor;   /* memory asked for while reading: factor times the file's bytes, */
    size_t constant; /* and this */
    /* A good file from our own writer; NULL: the corpus has some. */
    size_t (*seed)(unsigned char *bytes, size_t room);
    /* Makes lengths and checksums right again, so that damage gets behind them; NULL: there are none. */
    size_t (*repair)(unsigned char *bytes, size_t size, size_t room);
    bool checked; /* every flipped bit of the seed is refused */
    /* Whether the bytes were accepted. Aborts where something is not as it has to be. */
    bool (*run)(const unsigned char *bytes, size_t size);
} fuzz_target;

/* All of them, then NULL. */
extern const fuzz_target *const fuzz_targets[];
const fuzz_target *fuzz_find(const char *name);

/* target->run within its budget. */
bool fuzz_run(const fuzz_target *target, const unsigned char *bytes, size_t size);

/* Says why on the standard error and aborts. */
void fuzz_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Aborts unless a status is what the error says. Returns whether it is BP_OK. */
bool fuzz_went_well(bp_status status, const bp_error *error);

/* Aborts unless it is. */
void fuzz_must(bp_status status, const bp_error *error, const char *what);

/* Settings at their defaults with pairs of keys and texts that NULL ends; static, overwritten by the next call. */
bp_settings *fuzz_settings(const char *key, ...);

/* ---- what targets of tables share (tables.c) */

/* A data set that has been read from `name`, or NULL where it was refused. */
bp_dataset *fuzz_read(const char *name, const bp_settings *settings);

/* Packs, reads and packs again: the same bytes. Then all that a program does with a data set. Frees it. */
void fuzz_use_dataset(bp_dataset *dataset, const bp_settings *settings);

/* Whether two readings came to the same: data sets that pack to the same bytes, or the same words. Frees them. */
void fuzz_must_agree(bp_dataset *a, const bp_error *of_a, bp_dataset *b, const bp_error *of_b, const char *what);

/* A small table with numbers, categories and missing values, its target "y", read. */
bp_dataset *fuzz_table(void);

extern const fuzz_target fuzz_csv, fuzz_gzip, fuzz_idx, fuzz_npy, fuzz_libsvm, fuzz_bpd, fuzz_encoder, fuzz_model, fuzz_checkpoint,
    fuzz_config;

#endif
