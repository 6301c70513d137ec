/* Which metrics there are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_EVALUATE_H
#define BP_EVALUATE_H

#include <stdbool.h>

#include "answers.h"

/* True where targets are classes, so that there is an accuracy; else there are rmse, mae and r2. */
bool bp_has_classes(const bp_network *network, const bp_examples *examples);

/* BP_INVALID for examples that are not the network's, and for no rows. */
bp_status bp_evaluate_check(const bp_network *network, const bp_encoder *encoder, const bp_examples *examples, bp_rows rows,
                            bp_error *error);

/* bp_network_evaluate, which leaves each row's answer in `answers`, unless NULL. */
bp_status bp_evaluate(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder, const bp_examples *examples,
                      bp_rows rows, bp_answers *answers, bp_metrics *result, bp_error *error);

/* bp_network_evaluate, with result->watched. Only a metric that is not among bp_metrics costs more. */
bp_status bp_evaluate_watched(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                              const bp_examples *examples, bp_rows rows, bp_metric metric, bp_metrics *result, bp_error *error);

#endif
