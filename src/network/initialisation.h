/* First weights.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_INITIALISATION_H
#define BP_INITIALISATION_H

#include "network.h"

/* W uniform in (-u, u) with u by the settings' scheme and task (see bp_init_scheme), biases 0. The weight at [row, column] of layer
 * l comes from counter (seed, l, row * n + column): equal for every layout in memory. */
void bp_initialise(bp_network *network, const bp_settings *settings);

#endif
