/* Every call that computes, once, and all that they give.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_OUTCOME_H
#define BP_TEST_OUTCOME_H

#include "problem.h"

enum { ROWS = 300, BATCH = 64, INPUTS = 20, HIDDEN = 33, OUTPUTS = 3 };
enum { PARAMETERS = INPUTS * HIDDEN + HIDDEN + HIDDEN * OUTPUTS + OUTPUTS };

/* All that one run of every computing call gives. */
typedef struct outcome {
    float parameters[PARAMETERS];
    float target[PARAMETERS];
    float predictions[ROWS * OUTPUTS];
    double J, J_of_parts, train_loss;
    bp_metrics metrics, validation;
} outcome;

problem outcome_problem(uint32_t threads);

/* One network's handles; made before the host's state is set, since only what computes is looked at here. */
typedef struct handles {
    const problem *p;
    bp_network *network, *target;
    bp_trainer *trainer;
    bp_workspace *workspace;
} handles;

handles handles_create(const problem *p);
void handles_free(handles *h);

/* No assertion in these two: they also run on threads and in processes that Criterion does not know. */
bp_status compute_parts(const handles *h, outcome *o);
bp_status compute(const handles *h, outcome *o);

/* Reads what the networks hold after it. */
void outcome_finish(const handles *h, outcome *o);

/* From calloc. */
outcome *outcome_of(const handles *h);

/* On one thread, with nothing special around. */
outcome *outcome_usual(void);

void assert_same_outcome(const outcome *a, const outcome *b, const char *where);

#endif
