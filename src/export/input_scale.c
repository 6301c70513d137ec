/* SPDX-License-Identifier: Apache-2.0 */
#include "input_scale.h"

/* A network input's column, found from the inputs' order. */
static const bp_feature *feature_of(const bp_encoder *encoder, size_t input)
{
    size_t low = 0, high = encoder->feature_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (encoder->features[middle].first <= input)
            low = middle;
        else
            high = middle;
    }
    return &encoder->features[low];
}

bp_input_scale bp_input_scale_of(const bp_encoder *encoder, size_t input)
{
    const bp_feature *feature = feature_of(encoder, input);

    if (feature->categories || feature->first != input)
        return (bp_input_scale){0, 1, 0};
    return (bp_input_scale){feature->mean, feature->scale, feature->fill};
}

bool bp_input_scale_fills(const bp_encoder *encoder)
{
    for (size_t i = 0; i < encoder->feature_count; i++)
        if (!encoder->features[i].categories && encoder->features[i].has_missing)
            return true;
    return false;
}
