/* The network: layout, loss, and one flat block of parameters.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NETWORK_H
#define BP_NETWORK_H

#include "layout.h"

struct bp_network {
    bp_allocator allocator;
    bp_layout layout;
    bp_loss loss; /* never auto */
    float *parameters; /* [layout.floats] */
};

/* One layer between a flat block and plain matrices W [k, n], b [n]; either may be NULL. Padding is left as it is. */
void bp_layer_unpack(const bp_layer *layer, const float *block, float *W, float *b);
void bp_layer_pack(const bp_layer *layer, const float *W, const float *b, float *block);

#endif
