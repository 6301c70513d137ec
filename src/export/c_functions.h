/* The C functions that a network is made of in an exported file: the kernels' operations, in their order, for one row.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_C_FUNCTIONS_H
#define BP_C_FUNCTIONS_H

#include "c_text.h"

/* The name behind '@' of an activation's function float (*)(float); NULL for the identity, which needs none. */
const char *bp_c_activation(bp_activation activation);

/* That of the function which makes a prediction of an output's z, or NULL: the loss has none, or it is softmax. */
const char *bp_c_prediction(bp_loss loss);

/* Those that the network needs, and no others: a function that is not used is a warning. `terms`: of bf16, 0 in f32. */
void bp_c_functions(bp_c_text *c, const bp_network *network, unsigned terms);

#endif
