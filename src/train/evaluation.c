/* An evaluation: answers to all rows, and the metrics that are made of them. The answers are given back, but for the classes.
 *
 *      kept       evaluation | class or number scores | truth, guess
 *      for a while           predicted, target | score | keys
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "class_scores.h"
#include "error.h"
#include "evaluate.h"
#include "examples.h"
#include "float_state.h"
#include "memory.h"
#include "network.h"
#include "number_scores.h"
#include "size.h"
#include "tally.h"
#include "workspace.h"

struct bp_evaluation {
    bp_allocator allocator;
    size_t bytes; /* of the block that this begins */
    bp_answers answers;
    bp_metrics metrics;
    bp_scores scores;
    bool entropy;              /* the loss knows probabilities */
    bp_class_scores *classes;  /* [bp_class_scores_count] */
    bp_number_scores *numbers; /* [outputs] */
};

static size_t count_all(uint64_t rows, uint64_t each)
{
    size_t count;
    return bp_size_mul((size_t)rows, (size_t)each, &count) ? count : SIZE_MAX;
}

static void carve_kept(bp_evaluation *e, bp_evaluation **self, bp_arena *arena)
{
    *self = bp_arena_take(arena, 1, sizeof **self);
    if (e->answers.questions) {
        size_t count = count_all(e->answers.rows, e->answers.questions);
        e->classes = bp_arena_take(arena, bp_class_scores_count(&e->answers), sizeof *e->classes);
        e->answers.truth = bp_arena_take(arena, count, sizeof *e->answers.truth);
        e->answers.guess = bp_arena_take(arena, count, sizeof *e->answers.guess);
    } else {
        e->numbers = bp_arena_take(arena, e->answers.outputs, sizeof *e->numbers);
    }
}

static void carve_passing(bp_answers *answers, bp_arena *arena)
{
    size_t all = count_all(answers->rows, answers->outputs), two = count_all(answers->questions ? answers->rows : all, 2);

    if (answers->questions) {
        answers->score = bp_arena_take(arena, all, sizeof *answers->score);
    } else {
        answers->predicted = bp_arena_take(arena, all, sizeof *answers->predicted);
        answers->target = bp_arena_take(arena, all, sizeof *answers->target);
    }
    answers->keys = bp_arena_take(arena, two, sizeof *answers->keys);
}

static bp_evaluation describe(const bp_network *network, const bp_examples *examples, bp_rows rows, const bp_allocator *allocator)
{
    bool classes = bp_has_classes(network, examples), many = bp_one_of_many(network->loss, examples->outputs);

    return (bp_evaluation){
        .allocator = bp_allocator_or_default(allocator),
        .answers =
            {
                .rows = rows.count,
                .outputs = examples->outputs,
                .questions = !classes ? 0
                             : many   ? 1
                                      : examples->outputs,
                .classes = !classes ? 0
                           : many   ? examples->outputs
                                    : 2,
            },
        .entropy = classes && (network->loss == BP_CROSS_ENTROPY || network->loss == BP_BINARY_CROSS_ENTROPY),
    };
}

/* Where answers go; *result is in the block that it knows the size of. */
static bp_status take_kept(bp_evaluation *e, bp_evaluation **result, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve_kept(e, result, &arena);
    if (!bp_arena_commit_zeroed(&arena, &e->allocator, &e->bytes))
        return bp_fail(error, BP_NO_MEMORY, "an evaluation of %llu rows: %zu bytes were refused",
                       (unsigned long long)e->answers.rows, e->bytes);
    carve_kept(e, result, &arena);
    **result = *e;
    return BP_OK;
}

static void *take_passing(const bp_evaluation *e, bp_answers *answers, size_t *bytes)
{
    bp_arena arena = {.base = NULL};

    carve_passing(answers, &arena);
    void *memory = bp_arena_commit(&arena, &e->allocator, bytes);
    if (memory)
        carve_passing(answers, &arena);
    return memory;
}

static BP_OUT_OF_LINE void judge(bp_evaluation *e)
{
    const bp_metrics *m = &e->metrics;
    double *model = e->scores.model;

    for (int i = 0; i < BP_METRICS; i++)
        model[i] = e->scores.baseline[i] = NAN;
    model[BP_METRIC_AUTO] = model[BP_METRIC_LOSS] = m->loss;
    model[BP_METRIC_ACCURACY] = m->accuracy;
    model[BP_METRIC_RMSE] = m->rmse;
    model[BP_METRIC_MAE] = m->mae;
    model[BP_METRIC_R2] = m->r2;
    e->scores.baseline[BP_METRIC_ACCURACY] = m->baseline_accuracy;
    if (e->answers.questions)
        bp_class_scores_make(&e->answers, e->entropy, e->classes, &e->scores);
    else
        bp_number_scores_make(&e->answers, e->numbers, &e->scores);
}

static bp_status ask(bp_evaluation *e, const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                     const bp_examples *examples, bp_rows rows, bp_error *error)
{
    size_t bytes;
    void *memory = take_passing(e, &e->answers, &bytes);

    if (!memory)
        return bp_fail(error, BP_NO_MEMORY, "the answers to %llu rows: %zu bytes were refused", (unsigned long long)rows.count,
                       bytes);
    bp_status status = bp_evaluate(network, workspace, encoder, examples, rows, &e->answers, &e->metrics, error);
    if (status == BP_OK) {
        bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
        judge(e);
        bp_float_end(host);
    }
    bp_release(&e->allocator, memory, bytes);
    return status;
}

bp_status bp_evaluation_create(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                               const bp_examples *examples, bp_rows rows, const bp_allocator *allocator, bp_evaluation **result,
                               bp_error *error)
{
    bp_evaluation *made;

    if (!rows.index)
        rows.count = examples->rows;
    BP_TRY(bp_evaluate_check(network, encoder, examples, rows, error));
    bp_evaluation described = describe(network, examples, rows, allocator);
    BP_TRY(take_kept(&described, &made, error));
    bp_status status = ask(made, network, workspace, encoder, examples, rows, error);
    if (status != BP_OK) {
        bp_evaluation_free(made);
        return status;
    }
    *result = made;
    return BP_OK;
}

void bp_evaluation_free(bp_evaluation *evaluation)
{
    if (!evaluation)
        return;
    bp_allocator allocator = evaluation->allocator;
    bp_release(&allocator, evaluation, evaluation->bytes);
}

static double watched(bp_metric metric, const bp_metrics *metrics)
{
    switch (metric) {
    case BP_METRIC_ACCURACY:
        return metrics->accuracy;
    case BP_METRIC_RMSE:
        return metrics->rmse;
    case BP_METRIC_MAE:
        return metrics->mae;
    case BP_METRIC_R2:
        return metrics->r2;
    default:
        return metrics->loss;
    }
}

bp_status bp_evaluate_watched(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                              const bp_examples *examples, bp_rows rows, bp_metric metric, bp_metrics *result, bp_error *error)
{
    bp_evaluation *evaluation;

    if (metric <= BP_METRIC_R2) { /* one of bp_metrics */
        BP_TRY(bp_network_evaluate(network, workspace, encoder, examples, rows, result, error));
        result->watched = watched(metric, result);
        return BP_OK;
    }
    BP_TRY(bp_evaluation_create(network, workspace, encoder, examples, rows, &workspace->allocator, &evaluation, error));
    *result = evaluation->metrics;
    result->watched = evaluation->scores.model[metric];
    bp_evaluation_free(evaluation);
    return BP_OK;
}

/* ----------------------------------------------------------------------------------------------------------- looking */

void bp_evaluation_metrics(const bp_evaluation *evaluation, bp_metrics *result)
{
    *result = evaluation->metrics;
}

void bp_evaluation_scores(const bp_evaluation *evaluation, bp_scores *result)
{
    *result = evaluation->scores;
}

uint32_t bp_evaluation_classes(const bp_evaluation *evaluation)
{
    return evaluation->answers.questions ? bp_class_scores_count(&evaluation->answers) : 0;
}

bp_status bp_evaluation_class(const bp_evaluation *evaluation, uint32_t index, bp_class_scores *result, bp_error *error)
{
    uint32_t count = bp_evaluation_classes(evaluation);

    if (index >= count)
        return bp_fail(error, BP_INVALID, "class %u of %u (counted from 0)", index, count);
    *result = evaluation->classes[index];
    return BP_OK;
}

bp_status bp_evaluation_confusion(const bp_evaluation *evaluation, uint64_t *counts, bp_error *error)
{
    const bp_answers *answers = &evaluation->answers;

    if (answers->questions != 1)
        return bp_fail(error, BP_INVALID, "a confusion matrix needs one class out of several as target");
    memset(counts, 0, (size_t)answers->classes * answers->classes * sizeof *counts);
    for (uint64_t row = 0; row < answers->rows; row++)
        counts[(size_t)answers->truth[row] * answers->classes + answers->guess[row]]++;
    return BP_OK;
}

uint32_t bp_evaluation_outputs(const bp_evaluation *evaluation)
{
    return evaluation->answers.questions ? 0 : evaluation->answers.outputs;
}

bp_status bp_evaluation_output(const bp_evaluation *evaluation, uint32_t index, bp_number_scores *result, bp_error *error)
{
    uint32_t count = bp_evaluation_outputs(evaluation);

    if (index >= count)
        return bp_fail(error, BP_INVALID, "output %u of %u (counted from 0)", index, count);
    *result = evaluation->numbers[index];
    return BP_OK;
}
