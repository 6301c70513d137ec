/* A candidate: a network that is trained and judged beside others, each with the bits that it has alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CANDIDATE_H
#define BP_CANDIDATE_H

#include "trainer.h"

typedef struct bp_candidate {
    bp_settings settings; /* nothing in them is auto or all */
    bp_network *network;
    bp_trainer *trainer;
    bp_progress progress; /* of the fit so far */
    double seconds;
} bp_candidate;

/* The network and its trainer for encoded training rows. Settings that follow from the data are settled. */
bp_status bp_candidate_make(bp_candidate *candidate, const bp_settings *settings, const bp_encoder *encoder, uint64_t training_rows,
                            const bp_allocator *allocator, bp_error *error);
void bp_candidate_free(bp_candidate *candidate);

/* Trains until `epochs` are done or early stopping ends it; called again, it goes on to the bit. No validation rows: none. */
bp_status bp_candidate_fit(bp_candidate *candidate, const bp_encoder *encoder, const bp_examples *examples, bp_rows training,
                           bp_rows validation, uint64_t epochs, bp_error *error);

/* How good it is on those rows. */
bp_status bp_candidate_judge(const bp_candidate *candidate, const bp_encoder *encoder, const bp_examples *examples, bp_rows rows,
                             const bp_allocator *allocator, bp_scores *scores, bp_error *error);

/* The limit on threads that settings stand for. */
uint32_t bp_candidate_threads(const bp_settings *settings);

#endif
