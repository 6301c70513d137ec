/* The search: the same trials and the same winner however it is computed, and the winner is what training alone gives.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "refusing.h"
#include "settings.h"
#include "trial_draw.h"

enum { ROWS = 160, TRAINING = 120, TRIALS = 10 };

typedef struct search {
    problem p;
    bp_encoder *encoder;
    uint64_t index[ROWS];
    bp_rows training, validation;
    bp_trial trial[TRIALS];
    bp_settings best;
    bp_network *network;
} search;

static search *set_up(void)
{
    search *s = calloc(1, sizeof *s);
    bp_settings settings = problem_settings((uint32_t[]){8}, 1, BP_TANH, BP_SQUARED_ERROR, BP_ADAM);

    settings.epochs = 18;
    settings.batch_size = 20;
    settings.patience = 5;
    settings.learning_rate = 0;
    settings.given = 0;
    s->p = problem_create(settings, 4, 2, ROWS, 3);
    s->encoder = problem_encoder(&s->p);
    for (uint64_t i = 0; i < ROWS; i++)
        s->index[i] = i;
    s->training = (bp_rows){s->index, TRAINING};
    s->validation = (bp_rows){s->index + TRAINING, ROWS - TRAINING};
    return s;
}

static void tear_down(search *s)
{
    bp_network_free(s->network);
    bp_encoder_free(s->encoder);
    problem_free(&s->p);
    free(s);
}

static bp_status run(search *s, const bp_settings *settings, uint32_t trials, bp_error *error)
{
    bp_network_free(s->network);
    s->network = NULL;
    return bp_tune(settings, s->encoder, s->p.examples, s->training, s->validation, trials, NULL, s->trial, &s->best, &s->network,
                   error);
}

Test(tune, gives_the_same_bits_on_any_number_of_threads)
{
    search *s = set_up();
    bp_settings settings = s->p.settings;
    bp_trial alone[TRIALS];

    cr_assert_eq(run(s, &settings, TRIALS, NULL), BP_OK);
    memcpy(alone, s->trial, sizeof alone);
    float *parameters = problem_parameters(s->network);
    for (settings.threads = 2; settings.threads <= 4; settings.threads++) {
        cr_assert_eq(run(s, &settings, TRIALS, NULL), BP_OK);
        float *others = problem_parameters(s->network);
        cr_assert_eq(bp_network_parameters(s->network),
                     problem_first_difference(parameters, others, bp_network_parameters(s->network)));
        for (int i = 0; i < TRIALS; i++)
            cr_assert(s->trial[i].number == alone[i].number && s->trial[i].watched == alone[i].watched, "place %d", i);
        free(others);
    }
    free(parameters);
    tear_down(s);
}

/* The winner's network and numbers are those of training with its settings alone. */
static void expect_as_alone(const search *s)
{
    bp_network *network;
    bp_trainer *trainer;
    bp_progress progress;

    cr_assert_eq(bp_network_create(&s->best, 4, 2, NULL, &network, NULL), BP_OK);
    cr_assert_eq(bp_trainer_create(network, &s->best, NULL, 0, NULL, &trainer, NULL), BP_OK);
    cr_assert_eq(
        bp_trainer_fit(trainer, s->encoder, s->p.examples, s->training, s->p.examples, s->validation, NULL, &progress, NULL),
        BP_OK);
    float *one = problem_parameters(network), *other = problem_parameters(s->network);
    cr_assert_eq(problem_first_difference(one, other, bp_network_parameters(network)), bp_network_parameters(network));
    cr_assert(progress.epoch == s->trial[0].epochs && progress.best_epoch == s->trial[0].best_epoch);
    free(one);
    free(other);
    bp_trainer_free(trainer);
    bp_network_free(network);
}

Test(tune, the_winner_is_what_training_alone_gives)
{
    search *s = set_up();

    cr_assert_eq(run(s, &s->p.settings, TRIALS, NULL), BP_OK);
    expect_as_alone(s);
    tear_down(s);
}

Test(tune, a_third_goes_on_each_time_and_the_best_come_first)
{
    search *s = set_up();
    int rungs[4] = {0};

    cr_assert_eq(run(s, &s->p.settings, TRIALS, NULL), BP_OK);
    for (int i = 0; i < TRIALS; i++) {
        rungs[s->trial[i].rung]++;
        cr_assert(i == 0 || s->trial[i].rung < s->trial[i - 1].rung ||
                  (s->trial[i].rung == s->trial[i - 1].rung && s->trial[i].watched >= s->trial[i - 1].watched));
        cr_assert_leq(s->trial[i].epochs, s->trial[i].rung == 1 ? 2 : s->trial[i].rung == 2 ? 6 : 18);
    }
    cr_assert(rungs[1] == 7 && rungs[2] == 2 && rungs[3] == 1);
    tear_down(s);
}

Test(tune, without_early_stopping_trials_are_judged_by_the_network_that_they_end_with)
{
    search *s = set_up();
    bp_workspace *workspace;
    bp_metrics metrics;

    s->p.settings.patience = 0;
    s->p.settings.optimizer = BP_SGD;
    bp_settings_set(&s->p.settings, "learning-rate", "0.9", NULL); /* it goes up and down */
    cr_assert_eq(run(s, &s->p.settings, TRIALS, NULL), BP_OK);
    cr_assert_eq(bp_workspace_create(s->network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(s->network, workspace, s->encoder, s->p.examples, s->validation, &metrics, NULL), BP_OK);
    cr_assert_eq(s->trial[0].watched, metrics.loss, "%g, not %g", s->trial[0].watched, metrics.loss);
    cr_assert_neq(s->trial[0].best_epoch, s->trial[0].epochs, "else nothing is tested");
    bp_workspace_free(workspace);
    tear_down(s);
}

Test(tune, trials_leave_alone_what_was_given)
{
    bp_settings settings;
    bool hidden = false, rate = false;

    bp_settings_init(&settings, sizeof settings);
    bp_settings_set(&settings, "weight-decay", "0.25", NULL);
    bp_settings_set(&settings, "dropout", "0.125", NULL);
    for (uint32_t number = 1; number < 50; number++) {
        bp_settings trial = bp_trial_draw(&settings, number);
        cr_assert(trial.weight_decay == 0.25 && trial.dropout == 0.125);
        cr_assert_eq(bp_settings_check(&trial, NULL), BP_OK);
        hidden |= trial.hidden_count != settings.hidden_count;
        rate |= trial.learning_rate != settings.learning_rate;
        cr_assert(number > 1 || (!hidden && !rate), "the first is the settings as they are");
    }
    cr_assert(hidden && rate);
    bp_settings_set(&settings, "hidden", "none", NULL);
    settings.dropout = 0;
    settings.given = 0;
    bp_settings_set(&settings, "hidden", "none", NULL);
    cr_assert_eq(bp_trial_draw(&settings, 7).dropout, 0, "it would have no effect");
}

Test(tune, a_trial_that_diverges_is_out)
{
    search *s = set_up();
    bp_settings settings = s->p.settings;
    bp_error error;

    settings.optimizer = BP_SGD;
    bp_settings_set(&settings, "learning-rate", "3", NULL); /* some widths survive it, some do not */
    bp_status status = run(s, &settings, TRIALS, &error);
    cr_assert(status == BP_OK || status == BP_DIVERGED, "%s", error.text);
    if (status == BP_OK)
        cr_assert_eq(s->trial[0].status, BP_OK);
    settings.learning_rate = 1e6;
    cr_assert_eq(run(s, &settings, TRIALS, &error), BP_DIVERGED);
    cr_assert(strstr(error.text, "all of 10 trials"), "%s", error.text);
    cr_assert_eq(run(s, &s->p.settings, 0, NULL), BP_INVALID);
    s->validation.count = 0;
    cr_assert_eq(run(s, &s->p.settings, 3, NULL), BP_INVALID);
    tear_down(s);
}

/* By a warm-up, trial 3 of these does best in the first epochs and diverges in the last. */
Test(tune, where_the_last_rung_diverges_the_best_that_was_out_is_trained_in_its_place)
{
    search *s = set_up();
    bp_settings settings = s->p.settings;
    bp_error error;

    settings.optimizer = BP_SGD;
    settings.activation = BP_RELU;
    settings.patience = 0;
    settings.learning_rate = 20;
    bp_settings_set(&settings, "schedule", "constant:warmup=108", NULL); /* of 108 updates */
    for (settings.threads = 1; settings.threads <= 2; settings.threads++) {
        bp_status status = run(s, &settings, 3, &error);
        cr_assert_eq(status, BP_OK, "%s", error.text);
        cr_assert(s->trial[0].status == BP_OK && s->trial[0].rung == 2 && s->trial[0].epochs == 18);
        cr_assert(s->trial[1].status == BP_OK && s->trial[1].rung == 1);
        cr_assert(s->trial[2].status == BP_DIVERGED && s->trial[2].rung == 2, "else nothing is tested");
        expect_as_alone(s);
    }
    tear_down(s);
}

static size_t most_bytes(search *s, const bp_settings *settings, uint32_t trials)
{
    refusing meter = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&meter);
    bp_trial *trial = calloc(trials, sizeof *trial);
    bp_network *network;

    cr_assert_eq(bp_tune(settings, s->encoder, s->p.examples, s->training, s->validation, trials, &allocator, trial, &s->best,
                         &network, NULL),
                 BP_OK);
    bp_network_free(network);
    free(trial);
    cr_assert_eq(meter.bytes, 0);
    return meter.most;
}

Test(tune, a_third_of_the_trials_is_in_memory_at_a_time)
{
    search *s = set_up();
    bp_settings settings = s->p.settings;

    bp_settings_set(&settings, "hidden", "256,256", NULL);
    settings.epochs = 4;
    settings.threads = 1;
    size_t one = most_bytes(s, &settings, 1), many = most_bytes(s, &settings, 27);
    cr_assert_leq(many, 11 * one, "%zu bytes of 27 trials, %zu of one", many, one); /* 9 + 1, and what is known of all of them */
    tear_down(s);
}

Test(tune, trials_are_compared_by_a_metric_that_early_stopping_does_not_watch)
{
    search *s = set_up();
    bp_settings settings = s->p.settings;
    char text[32];

    bp_settings_set(&settings, "patience", "0", NULL);
    bp_settings_set(&settings, "metric", "r2", NULL);
    cr_assert_eq(run(s, &settings, TRIALS, NULL), BP_OK);
    for (int i = 1; i < TRIALS; i++)
        cr_assert(s->trial[i].rung < s->trial[i - 1].rung || s->trial[i].watched <= s->trial[i - 1].watched);
    cr_assert_leq(s->trial[0].watched, 1);
    expect_as_alone(s);
    cr_assert_eq(bp_settings_get(&s->best, "metric", text, sizeof text, NULL), BP_OK);
    cr_assert_str_eq(text, "auto", "a metric that has no effect would be refused");
    s->validation.count = 1; /* r2 of a row is nothing */
    cr_assert_eq(run(s, &settings, TRIALS, NULL), BP_INVALID);
    tear_down(s);
}
