/* What tells one fit's data from another's.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_FINGERPRINT_H
#define BP_FINGERPRINT_H

#include "examples.h"
#include "hash.h"

/* XXH3-128 over shapes, then over x, y and weight of the chosen rows, in order; validation may be NULL. Bytes are hashed
 * as they lie in memory, so all machines must be little-endian, as those of backprop are.
 * BP_INVALID for an input or target that is not finite: this is the one look at all rows before a fit. */
bp_status bp_fingerprint(const bp_examples *training, bp_rows training_rows, const bp_examples *validation, bp_rows validation_rows,
                         char digits[BP_HASH_DIGITS + 1], bp_error *error);

#define BP_DATA_TEXT 128

/* What of the data people know: "270 training rows and 30 validation rows, 4 inputs and 1 output". */
void bp_fingerprint_describe(const bp_examples *training, bp_rows training_rows, const bp_examples *validation,
                             bp_rows validation_rows, char text[BP_DATA_TEXT]);

#endif
