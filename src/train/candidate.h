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

/* Work that is to be done by candidates, for the choice between a thread for each and a team for one after another. */
typedef struct bp_load {
    uint32_t count;
    bool fixed;     /* somebody has asked for teams */
    double alone;   /* microseconds of a step of each on one thread, summed */
    double longest; /* the longest of them */
    double teams;   /* by a team, summed */
} bp_load;

void bp_load_add(bp_load *load, const bp_candidate *candidate, uint32_t times);

/* Whether they are done sooner side by side. */
bool bp_load_is_for_threads(const bp_load *load, uint32_t threads);

/* The limit on threads that settings stand for. */
uint32_t bp_candidate_threads(const bp_settings *settings);

#endif
