/* Which metrics there are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_EVALUATE_H
#define BP_EVALUATE_H

#include <stdbool.h>

#include "backprop.h"

/* True where targets are classes, so that there is an accuracy; else there are rmse, mae and r2. */
bool bp_has_classes(const bp_network *network, const bp_examples *examples);

#endif
