/* Networks to save.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_HELPER_MODEL_H
#define BP_TEST_HELPER_MODEL_H

#include "backprop.h"

bp_settings make_settings(const char *hidden, const char *activation, const char *loss);

/* 3-33-2 with cross_entropy: a width that is no multiple of a panel. Biases are numbers too. */
bp_network *make_network(const char *activation);

void save(const char *path, const bp_network *network, const bp_encoder *encoder, const bp_settings *settings);

#endif
