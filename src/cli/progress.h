/* The progress line: one line on a terminal, redrawn.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PROGRESS_H
#define BP_PROGRESS_H

#include "command.h"

#define BP_PROGRESS_SECONDS 0.1 /* between two drawings: fast enough to the eye, and a fit is hardly held up */

/* Whether there is somebody to look at it. */
bool bp_progress_wanted(const bp_arguments *arguments);

/* `first` is where this process began. */
void bp_progress_draw(const bp_progress *progress, const bp_progress *first, bp_task task);
void bp_progress_clear(void);

/* Examples a second since `first`. */
double bp_progress_rate(const bp_progress *progress, const bp_progress *first);

#endif
