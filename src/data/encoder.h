/* The encoder, and its form as JSON text for model files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_H
#define BP_ENCODER_H

#include "backprop.h"

/* The whole encoder as one compact JSON object with sorted keys, numbers in shortest form that reads back the same: equal
 * encoders give equal text. *text is NUL-terminated, of *size bytes without the NUL, and given back by
 * bp_release(allocator, text, size + 1). */
bp_status bp_encoder_to_json(const bp_encoder *encoder, const bp_allocator *allocator, char **text, size_t *size, bp_error *error);

/* The reverse, for untrusted text: BP_BAD_FILE says what is wrong in it. */
bp_status bp_encoder_from_json(const char *text, size_t size, const bp_allocator *allocator, bp_encoder **result, bp_error *error);

#endif
