/* Cross-validation: each fold is what training without its rows gives, and nothing of them leaks.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backprop.h"

enum { ROWS = 240, FOLDS = 4, INPUTS = 3 };

typedef struct table {
    float x[ROWS * INPUTS], y[ROWS];
    bp_dataset *dataset;
    bp_settings settings;
    uint32_t fold[ROWS];
} table;

static table make(uint32_t threads)
{
    table t;
    unsigned state = 7;

    for (int i = 0; i < ROWS * INPUTS; i++) {
        state = state * 1664525u + 1013904223u;
        t.x[i] = (float)(state >> 8) / (1 << 23) - 1;
    }
    for (int r = 0; r < ROWS; r++)
        t.y[r] = t.x[3 * r] - 2 * t.x[3 * r + 1] * t.x[3 * r + 1] + 10;
    bp_settings_init(&t.settings, sizeof t.settings);
    t.settings.hidden[0] = 8;
    t.settings.hidden_count = 1;
    t.settings.epochs = 30;
    t.settings.batch_size = 16;
    t.settings.patience = 4;
    t.settings.learning_rate = 0.01;
    t.settings.validation_split = 0.2;
    t.settings.threads = threads;
    return t;
}

/* The arrays have their last place. */
static void open_table(table *t)
{
    bp_array x = {t->x, BP_TYPE_F32, 0, ROWS, INPUTS, 0}, y = {t->y, BP_TYPE_F32, 0, ROWS, 1, 0};

    cr_assert_eq(bp_dataset_borrow(&x, &y, NULL, NULL, &t->dataset, NULL), BP_OK);
    cr_assert_eq(bp_dataset_folds(t->dataset, &t->settings, FOLDS, t->fold, NULL), BP_OK);
}

/* The rows of one fold have inputs that nobody else has: whoever looks at them scales everything differently. */
static void plant(table *t, uint32_t fold)
{
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < INPUTS && t->fold[r] == fold; i++)
            t->x[INPUTS * r + i] = t->x[INPUTS * r + i] * 50 + 7;
}

/* Trains on `training` by calls of its own and judges on the fold's rows; `fitted` are the rows that the encoder sees. */
static bp_scores by_hand(const table *t, bp_rows fitted, bp_rows training, bp_rows validation, bp_rows test)
{
    bp_settings settings = t->settings;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_network *network;
    bp_trainer *trainer;
    bp_workspace *workspace;
    bp_evaluation *evaluation;
    bp_scores scores;

    settings.task = BP_TASK_REGRESSION;
    cr_assert_eq(bp_encoder_fit(t->dataset, fitted, &settings, NULL, &encoder, NULL), BP_OK);
    cr_assert_eq(bp_encoder_apply(encoder, t->dataset, 1, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(bp_network_create(&settings, INPUTS, 1, NULL, &network, NULL), BP_OK);
    cr_assert_eq(bp_trainer_create(network, &settings, NULL, 0, NULL, &trainer, NULL), BP_OK);
    cr_assert_eq(bp_trainer_fit(trainer, encoder, examples, training, examples, validation, NULL, NULL, NULL), BP_OK);
    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_evaluation_create(network, workspace, encoder, examples, test, NULL, &evaluation, NULL), BP_OK);
    bp_evaluation_scores(evaluation, &scores);
    bp_evaluation_free(evaluation);
    bp_workspace_free(workspace);
    bp_trainer_free(trainer);
    bp_network_free(network);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    return scores;
}

Test(cross_validate, a_planted_leak_would_show)
{
    table t = make(1);
    bp_fold_result result[FOLDS];
    uint64_t others[ROWS], test[ROWS], training[ROWS], validation[ROWS], training_count, validation_count;

    open_table(&t);
    plant(&t, 2);
    cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, FOLDS, NULL, result, NULL), BP_OK);
    for (uint32_t f = 0; f < FOLDS; f++) {
        uint64_t other_count = 0, test_count = 0;
        for (uint64_t r = 0; r < ROWS; r++)
            *(t.fold[r] == f ? &test[test_count++] : &others[other_count++]) = r;
        cr_assert_eq(bp_dataset_split(t.dataset, (bp_rows){others, other_count}, &t.settings, training, &training_count, validation,
                                      &validation_count, NULL),
                     BP_OK);
        bp_rows train = {training, training_count}, validate = {validation, validation_count}, judge = {test, test_count};
        bp_scores clean = by_hand(&t, train, train, validate, judge), leaky = by_hand(&t, (bp_rows){0}, train, validate, judge);
        cr_assert_eq(result[f].scores.model[BP_METRIC_RMSE], clean.model[BP_METRIC_RMSE], "fold %u", f);
        cr_assert_eq(result[f].scores.model[BP_METRIC_LOSS], clean.model[BP_METRIC_LOSS], "fold %u", f);
        cr_assert_neq(result[f].scores.model[BP_METRIC_RMSE], leaky.model[BP_METRIC_RMSE], "fold %u", f);
        cr_assert(result[f].training_rows == training_count && result[f].validation_rows == validation_count &&
                  result[f].test_rows == test_count);
    }
    bp_dataset_free(t.dataset);
}

Test(cross_validate, gives_the_same_bits_whatever_runs_beside_a_fold)
{
    bp_fold_result alone[FOLDS], beside[FOLDS];
    table t = make(1);

    open_table(&t);
    cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, FOLDS, NULL, alone, NULL), BP_OK);
    for (uint32_t threads = 2; threads <= 5; threads++) {
        t.settings.threads = threads;
        cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, FOLDS, NULL, beside, NULL), BP_OK);
        for (uint32_t f = 0; f < FOLDS; f++)
            cr_assert(memcmp(&alone[f].scores, &beside[f].scores, sizeof alone[f].scores) == 0 &&
                          alone[f].epochs == beside[f].epochs,
                      "fold %u on %u threads", f, threads);
    }
    bp_dataset_free(t.dataset);
}

Test(cross_validate, gives_the_same_bits_with_a_team_in_each_fold)
{
    bp_fold_result alone[FOLDS], teams[FOLDS];
    table t = make(1);

    open_table(&t);
    cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, FOLDS, NULL, alone, NULL), BP_OK);
    t.settings.threads = 3;
    t.settings.exact_threads = 1;
    cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, FOLDS, NULL, teams, NULL), BP_OK);
    for (uint32_t f = 0; f < FOLDS; f++)
        cr_assert_eq(memcmp(&alone[f].scores, &teams[f].scores, sizeof alone[f].scores), 0);
    bp_dataset_free(t.dataset);
}

Test(cross_validate, means_have_their_standard_errors)
{
    bp_fold_result fold[4];
    bp_mean model, baseline;

    for (int f = 0; f < 4; f++) {
        fold[f].scores.model[BP_METRIC_RMSE] = f + 1;
        fold[f].scores.baseline[BP_METRIC_RMSE] = f ? NAN : 5;
        fold[f].scores.model[BP_METRIC_AUC] = NAN;
    }
    bp_folds_mean(fold, 4, BP_METRIC_RMSE, &model, &baseline);
    cr_assert_eq(model.mean, 2.5);
    cr_assert_float_eq(model.error, sqrt(5.0 / 3 / 4), 1e-15);
    cr_assert(baseline.mean == 5 && isnan(baseline.error));
    bp_folds_mean(fold, 4, BP_METRIC_AUC, &model, NULL);
    cr_assert(isnan(model.mean));
}

Test(cross_validate, says_which_fold_has_diverged)
{
    bp_fold_result result[FOLDS];
    table t = make(2);
    bp_error error;

    open_table(&t);
    t.settings.optimizer = BP_SGD;
    t.settings.learning_rate = 1e6;
    cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, FOLDS, NULL, result, &error), BP_DIVERGED);
    cr_assert_eq(strncmp(error.text, "fold 1 of 4: ", 13), 0, "%s", error.text);
    cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, 1, NULL, result, NULL), BP_INVALID);
    cr_assert_eq(bp_cross_validate(t.dataset, &t.settings, ROWS + 1, NULL, result, NULL), BP_INVALID);
    bp_dataset_free(t.dataset);
}
