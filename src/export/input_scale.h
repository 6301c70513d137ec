/* What is done to each of a network's inputs, told for those who do it themselves: (x - mean) / scale, with fill for a missing x.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_INPUT_SCALE_H
#define BP_INPUT_SCALE_H

#include "encoder.h"

typedef struct bp_input_scale {
    double mean, scale,
        fill; /* 0, 1 and 0 of inputs that are 0 or 1 as they are: of categories, and of what tells what is missing */
} bp_input_scale;

bp_input_scale bp_input_scale_of(const bp_encoder *encoder, size_t input);

/* Whether a column of numbers had missing ones in fitting. */
bool bp_input_scale_fills(const bp_encoder *encoder);

#endif
