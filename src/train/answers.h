/* What a network answers to each row, beside the truth: what metrics need that look at all rows at once.
 *
 *      numbers   predicted, target   [outputs, rows]     in the target's own unit
 *      classes   score               [outputs, rows]     as predict gives them
 *                truth, guess        [questions, rows]   a class each; of a question that is an output's own, 0 no and 1 yes
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ANSWERS_H
#define BP_ANSWERS_H

#include <stdbool.h>

#include "backprop.h"

typedef struct bp_answers {
    uint64_t rows;
    uint32_t outputs;
    uint32_t questions; /* 1 where one class is chosen out of several, else outputs; 0 of numbers */
    uint32_t classes;   /* of each question; 0 of numbers */
    double *predicted;
    double *target;
    float *score;
    uint32_t *truth;
    uint32_t *guess;
    double log_loss; /* mean of L, weights left out */
    uint64_t *keys;  /* for sorting: [2, rows], of numbers [2, outputs, rows] */
} bp_answers;

static inline void bp_answers_take_numbers(const bp_answers *answers, uint64_t row, const double *predicted, const double *target)
{
    for (uint32_t j = 0; j < answers->outputs; j++) {
        answers->predicted[j * answers->rows + row] = predicted[j];
        answers->target[j * answers->rows + row] = target[j];
    }
}

static inline void bp_answers_take_class(const bp_answers *answers, uint64_t row, uint32_t question, uint32_t truth, uint32_t guess)
{
    answers->truth[question * answers->rows + row] = truth;
    answers->guess[question * answers->rows + row] = guess;
}

static inline void bp_answers_take_score(const bp_answers *answers, uint64_t row, uint32_t output, float score)
{
    answers->score[output * answers->rows + row] = score;
}

#endif
