/* Metrics of numbers: squares, sums and quantiles of errors.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NUMBER_SCORES_H
#define BP_NUMBER_SCORES_H

#include "answers.h"

/* Fills outputs [answers->outputs], and in *scores the baselines and the quantiles. Targets and keys are written over. */
void bp_number_scores_make(const bp_answers *answers, bp_number_scores *outputs, bp_scores *scores);

#endif
