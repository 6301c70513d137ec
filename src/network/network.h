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

#endif
