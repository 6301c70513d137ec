/* What no gradient tells: finite numbers that an update has made infinite, among the weights and what the optimizer keeps.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_OVERFLOW_H
#define BP_OVERFLOW_H

#include "trainer.h"

/* BP_DIVERGED with step and layer. One pass over memory: for epochs' ends and checkpoints. */
bp_status bp_overflow_check(const bp_trainer *trainer, bp_error *error);

#endif
