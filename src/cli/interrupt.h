/* SIGINT and SIGTERM: the first asks a run to stop after its step, or ends one that does not train yet; the second ends
 * the process.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_INTERRUPT_H
#define BP_INTERRUPT_H

#include <stdbool.h>

#include "backprop.h"

/* From now on. */
void bp_interrupt_watch(void);

/* The trainer to cancel; NULL: none any more. */
void bp_interrupt_trainer(bp_trainer *trainer);

bool bp_interrupted(void);

#endif
