/* Metrics of classes: counts of right and wrong answers, and ranks of probabilities.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CLASS_SCORES_H
#define BP_CLASS_SCORES_H

#include "answers.h"

/* How many classes are told of: one for each class, or for each output that answers a question of its own, where there are
 * several such. */
uint32_t bp_class_scores_count(const bp_answers *answers);

/* Fills classes [bp_class_scores_count] and the metrics of classes in *scores. */
void bp_class_scores_make(const bp_answers *answers, bool entropy, bp_class_scores *classes, bp_scores *scores);

/* Area under the curve of `score` [rows], a row being positive where truth [rows] is `class`; NaN where all or none are, and
 * where a score is no number. */
double bp_auc(uint64_t rows, const float *score, const uint32_t *truth, uint32_t class, uint64_t *keys);

#endif
