/* A network and its trainer with flat parameters: W then b, layer after layer, as the reference and the tables have them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_ENGINE_H
#define BP_TEST_ENGINE_H

#include "backprop.h"

/* Settings at their defaults but for the network's shape: hidden [count]. */
bp_settings settings_for(const uint32_t *hidden, uint32_t count, bp_activation activation, bp_loss loss);

/* All of these assert success. weights NULL: as initialised. */
bp_network *network_with(const bp_settings *settings, uint32_t inputs, uint32_t outputs, const float *weights);
bp_trainer *trainer_with(bp_network *network, const bp_settings *settings);
void set_weights(bp_network *network, const float *flat);
void get_weights(const bp_network *network, float *flat);
void get_gradient(const bp_trainer *trainer, const bp_network *network, float *flat);

/* forward, loss, backward; returns J. y_hat and d_x may be NULL. */
double run_backward(bp_trainer *trainer, uint64_t m, const float *x, const float *y, float *y_hat, float *d_x);

#endif
