/* The network: layout, loss, and one flat block of parameters.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NETWORK_H
#define BP_NETWORK_H

#include "layout.h"

struct bp_network {
    bp_allocator allocator;
    bp_layout layout;
    bp_loss loss;           /* never auto */
    double loss_shape;      /* huber's delta, quantile's q; else 0 */
    bp_precision precision; /* in which it is evaluated */
    double dropout;         /* with which it was trained last: it counts among the modules of the model file */
    float *parameters;      /* [layout.floats] */
};

/* BP_INVALID where there is no such layer. */
bp_status bp_network_check_layer(const bp_network *network, uint32_t layer, bp_error *error);

/* BP_INVALID where the encoder is not for as many inputs and outputs as the network has. NULL fits every network. */
bp_status bp_network_check_encoder(const bp_network *network, const bp_encoder *encoder, bp_error *error);

/* One layer between a flat block and plain matrices W [k, n], b [n]; either may be NULL. Padding is left as it is. */
void bp_layer_unpack(const bp_layer *layer, const float *block, float *W, float *b);
void bp_layer_pack(const bp_layer *layer, const float *W, const float *b, float *block);

#endif
