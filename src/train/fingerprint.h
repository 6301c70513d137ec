/* What tells one fit's data from another's.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FINGERPRINT_H
#define BP_FINGERPRINT_H

#include "examples.h"
#include "hash.h"

/* XXH3-128 of each, as digits; of nothing where there is none. */
typedef struct bp_fingerprints {
    char training[BP_HASH_DIGITS + 1];   /* shape, then x, y and weight of the chosen rows, as the network has them, in order */
    char validation[BP_HASH_DIGITS + 1]; /* the same */
    char encoder[BP_HASH_DIGITS + 1];    /* names, categories, scaling: the same rows may stand for others */
} bp_fingerprints;

/* `encoder` and `validation` may be NULL. Numbers are hashed as they lie in memory, so all machines must be little-endian, as those
 * of backprop are. BP_INVALID for an input or target that is not finite: this is the one look at all rows before a fit. */
bp_status bp_fingerprint(const bp_encoder *encoder, const bp_examples *training, bp_rows training_rows,
                         const bp_examples *validation, bp_rows validation_rows, bp_fingerprints *result, bp_error *error);

/* What differs first, "training rows", and its digits; NULL: nothing. */
const char *bp_fingerprints_differ(const bp_fingerprints *a, const bp_fingerprints *b, const char **of_a, const char **of_b);

#define BP_DATA_TEXT 128

/* What of the data people know: "270 training rows and 30 validation rows, 4 inputs and 1 output". */
void bp_fingerprint_describe(const bp_examples *training, bp_rows training_rows, const bp_examples *validation,
                             bp_rows validation_rows, char text[BP_DATA_TEXT]);

#endif
