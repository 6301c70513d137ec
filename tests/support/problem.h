/* A network and data to fit it to, the same in every run, through the public API alone.
 *
 *     problem p = problem_create(settings, 7, 3, 100, SEED);  ...  problem_free(&p);
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_PROBLEM_H
#define BP_TEST_PROBLEM_H

#include "backprop.h"

typedef struct problem {
    bp_settings settings;
    uint32_t inputs, outputs;
    uint64_t rows;
    uint8_t *bytes;        /* [rows, inputs] */
    float *x;              /* [rows, inputs]: bytes / 255 */
    float *y;              /* [rows, outputs], as the loss takes them */
    float *weight;         /* [rows], positive */
    bp_examples *examples; /* of x and y */
} problem;

/* Settings for one thread: hidden [count], sgd, no validation metric but the loss. */
bp_settings problem_settings(const uint32_t *hidden, uint32_t count, bp_activation activation, bp_loss loss,
                             bp_optimizer optimizer);

problem problem_create(bp_settings settings, uint32_t inputs, uint32_t outputs, uint64_t rows, uint64_t seed);
void problem_free(problem *p);

/* Arrays over the problem's data. */
bp_array problem_x(const problem *p);
bp_array problem_y(const problem *p);

/* An encoder fitted to them. */
bp_encoder *problem_encoder(const problem *p);

/* First weights by the seed; biases are not 0. */
bp_network *problem_network(const problem *p);

/* A trainer of the problem's settings; asserts success. */
bp_trainer *problem_trainer(const problem *p, bp_network *network);

/* Fits on all examples; asserts success. */
bp_progress problem_fit(const problem *p, bp_trainer *trainer);

/* Every parameter, from malloc: W then b, layer after layer. */
float *problem_parameters(const bp_network *network);

/* The parameters of a new network after a fit of the problem by `settings`, from malloc. */
float *problem_fitted(const problem *p, const bp_settings *settings, const bp_examples *examples);

/* Index of the first float that differs in its bits; count where none does. */
uint64_t problem_first_difference(const float *a, const float *b, uint64_t count);

#endif
