/* An evaluation, as tables for people and as a JSON object.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_EVALUATION_REPORT_H
#define BP_EVALUATION_REPORT_H

#include <jansson.h>

#include "backprop.h"

/* Every metric that there is, and "baseline_NAME" for those that have one. */
void bp_json_scores(json_t *object, const bp_scores *scores);

/* rows, metrics, classes and confusion, or outputs. */
json_t *bp_json_evaluation(const bp_evaluation *evaluation, const bp_encoder *encoder);

/* Tables on standard output: metrics beside the baseline, classes, confusion matrix, outputs. */
void bp_evaluation_print(const bp_evaluation *evaluation, const bp_encoder *encoder);

/* What the constant answer is for that metric: "majority class"; static text. */
const char *bp_baseline_name(int metric);

#endif
