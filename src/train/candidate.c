/* SPDX-License-Identifier: Apache-2.0 */
#include "candidate.h"

#include "clock.h"
#include "error.h"
#include "float_state.h"

/* What a step of a team takes beside its share of the arithmetic: barriers, and waiting for the slower ones. 64-64-64-10 with 128
 * rows, 50 us alone, is no faster on two threads; 784-512-10, 1.3 ms, is 1.9 times as fast. */
#define TEAM_MICROSECONDS 30.0

bp_status bp_candidate_make(bp_candidate *candidate, const bp_settings *settings, const bp_encoder *encoder, uint64_t training_rows,
                            const bp_allocator *allocator, bp_error *error)
{
    bp_candidate made = {.settings = *settings};
    bp_encoder_info info;

    bp_encoder_describe(encoder, &info);
    bp_encoder_settle(encoder, training_rows, &made.settings);
    BP_TRY(bp_network_create(&made.settings, info.inputs, info.outputs, allocator, &made.network, error));
    bp_status status = bp_trainer_create(made.network, &made.settings, NULL, 0, allocator, &made.trainer, error);
    if (status != BP_OK) {
        bp_candidate_free(&made);
        return status;
    }
    *candidate = made;
    return BP_OK;
}

void bp_candidate_free(bp_candidate *candidate)
{
    bp_trainer_free(candidate->trainer);
    bp_network_free(candidate->network);
    candidate->trainer = NULL;
    candidate->network = NULL;
}

/* An epoch's end: whether the candidate has come far enough. */
static int far_enough(void *context, const bp_progress *progress)
{
    const uint64_t *epochs = context;
    return progress->epoch >= *epochs;
}

bp_status bp_candidate_fit(bp_candidate *candidate, const bp_encoder *encoder, const bp_examples *examples, bp_rows training,
                           bp_rows validation, uint64_t epochs, bp_error *error)
{
    bp_callbacks callbacks = {.context = &epochs, .epoch = far_enough};
    double since = bp_clock();
    bp_status status = bp_trainer_fit(candidate->trainer, encoder, examples, training, validation.count ? examples : NULL,
                                      validation, &callbacks, &candidate->progress, error);

    candidate->seconds += bp_clock() - since;
    return status == BP_CANCELLED ? BP_OK : status;
}

bp_status bp_candidate_judge(const bp_candidate *candidate, const bp_encoder *encoder, const bp_examples *examples, bp_rows rows,
                             const bp_allocator *allocator, bp_scores *scores, bp_error *error)
{
    const bp_settings *settings = &candidate->settings;
    bp_evaluation *evaluation;
    bp_workspace *workspace;

    BP_TRY(bp_workspace_create(candidate->network, bp_trainer_threads(candidate->trainer), (bp_isa)settings->isa, allocator,
                               &workspace, error));
    bp_status status = bp_evaluation_create(candidate->network, workspace, encoder, examples, rows, allocator, &evaluation, error);
    bp_workspace_free(workspace);
    if (status != BP_OK)
        return status;
    bp_evaluation_scores(evaluation, scores);
    bp_evaluation_free(evaluation);
    return BP_OK;
}

static BP_OUT_OF_LINE void add_load(bp_load *load, const bp_plan *plan, uint32_t times)
{
    double alone = plan->microseconds, team = plan->threads > 1 ? alone / plan->threads + TEAM_MICROSECONDS : alone;

    load->count += times;
    load->alone += times * alone;
    load->teams += times * team;
    load->longest = alone > load->longest ? alone : load->longest;
}

void bp_load_add(bp_load *load, const bp_candidate *candidate, uint32_t times)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    load->fixed = load->fixed || candidate->settings.exact_threads;
    add_load(load, &candidate->trainer->plan, times);
    bp_float_end(host);
}

static BP_OUT_OF_LINE bool is_for_threads(const bp_load *load, uint32_t threads)
{
    uint32_t rounds = (load->count + threads - 1) / threads;
    double even = load->alone / load->count * rounds;

    return !load->fixed && load->count > 1 && (even > load->longest ? even : load->longest) < load->teams;
}

bool bp_load_is_for_threads(const bp_load *load, uint32_t threads)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bool answer = threads > 1 && is_for_threads(load, threads);
    bp_float_end(host);
    return answer;
}

uint32_t bp_candidate_threads(const bp_settings *settings)
{
    return settings->threads ? settings->threads : bp_machine_threads(NULL, 0);
}
