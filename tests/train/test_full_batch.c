/* Full-batch methods: L-BFGS reaches minima that are known, RPROP follows its table, and what they cannot do is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tables/table_data.h"
#include "../tables/table_full.h"
#include "helper_engine.h"
#include "problem.h"
#include "trainer.h"

static bp_examples *table_examples(bp_loss loss)
{
    bp_array x = {.data = table_x, .type = BP_TYPE_F32, .rows = TABLE_ROWS, .columns = TABLE_INPUTS};
    bp_array y = {.data = table_y[loss - BP_SQUARED_ERROR], .type = BP_TYPE_F32, .rows = TABLE_ROWS, .columns = TABLE_OUTPUTS};
    bp_examples *examples = NULL;
    cr_assert_eq(bp_examples_borrow(&x, &y, NULL, NULL, &examples, NULL), BP_OK);
    return examples;
}

static bp_progress fit_table(bp_settings *settings, const float *first, float *weights)
{
    bp_network *network = network_with(settings, TABLE_INPUTS, TABLE_OUTPUTS, first);
    bp_trainer *trainer = trainer_with(network, settings);
    bp_examples *examples = table_examples((bp_loss)settings->loss);
    bp_progress progress;
    bp_error error;

    cr_assert_eq(bp_trainer_fit(trainer, NULL, examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, &progress, &error), BP_OK, "%s",
                 error.text);
    get_weights(network, weights);
    bp_examples_free(examples);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return progress;
}

Test(full_batch, lbfgs_reaches_the_minimum_of_what_has_one)
{
    for (size_t i = 0; i < sizeof table_minima / sizeof *table_minima; i++) {
        const table_minimum *t = &table_minima[i];
        bp_settings settings = settings_for(NULL, 0, BP_RELU, t->loss);
        float weights[TABLE_MINIMUM];
        settings.optimizer = BP_LBFGS;
        settings.weight_decay = t->weight_decay;
        settings.epochs = 100;
        bp_progress progress = fit_table(&settings, NULL, weights);
        cr_assert_lt(progress.epoch, 60, "minimum %zu took %llu iterations", i, (unsigned long long)progress.epoch);
        cr_assert_float_eq(progress.train_loss, t->J, 1e-6 * t->J, "minimum %zu: J %.9g, not %.9g", i, progress.train_loss, t->J);
        for (size_t p = 0; p < TABLE_MINIMUM; p++)
            cr_assert(fabs((double)weights[p] - t->weights[p]) < 2e-4, "minimum %zu: parameter %zu is %g, not %g", i, p,
                      (double)weights[p], t->weights[p]);
    }
}

Test(full_batch, rprop_follows_the_table)
{
    for (size_t i = 0; i < sizeof table_rprops / sizeof *table_rprops; i++) {
        const table_rprop *t = &table_rprops[i];
        bp_settings settings = settings_for((uint32_t[]){TABLE_HIDDEN}, TABLE_HIDDEN_COUNT, BP_TANH, BP_SQUARED_ERROR);
        float weights[TABLE_PARAMETERS];
        settings.optimizer = BP_RPROP;
        settings.weight_decay = t->weight_decay;
        settings.epochs = t->epochs;
        bp_progress progress = fit_table(&settings, table_weights, weights);
        cr_assert_float_eq(progress.train_loss, t->J, 1e-5 * t->J, "run %zu: J %.9g, not %.9g", i, progress.train_loss, t->J);
        for (size_t p = 0; p < TABLE_PARAMETERS; p++)
            cr_assert(fabs((double)weights[p] - t->weights[p]) < 1e-5 * (1 + fabs(t->weights[p])),
                      "run %zu: parameter %zu is %.9g, not %.9g", i, p, (double)weights[p], t->weights[p]);
    }
}

/* ---------------------------------------------------------------------------------------------------- larger than a pass */

typedef struct watch {
    double J[40];
    size_t epochs;
} watch;

static int note(void *context, const bp_progress *progress)
{
    watch *w = context;
    w->J[w->epochs++] = progress->train_loss;
    return 0;
}

static problem large(bp_optimizer optimizer)
{
    bp_settings settings = problem_settings((uint32_t[]){9}, 1, BP_TANH, BP_SQUARED_ERROR, optimizer);

    settings.epochs = 12;
    settings.patience = 0;
    return problem_create(settings, 6, 2, 9000, 3);
}

/* 9,000 rows are three minibatches. Every iteration of lbfgs goes down. */
Test(full_batch, all_rows_make_one_update)
{
    problem p = large(BP_LBFGS);
    watch w = {.epochs = 0};
    bp_callbacks callbacks = {.context = &w, .epoch = note};
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_progress progress;

    cr_assert_eq(bp_trainer_fit(trainer, NULL, p.examples, (bp_rows){0}, NULL, (bp_rows){0}, &callbacks, &progress, NULL), BP_OK);
    cr_assert_eq(progress.steps, 3);
    cr_assert_eq(w.epochs, 12);
    for (size_t i = 1; i < w.epochs; i++)
        cr_assert_lt(w.J[i], w.J[i - 1], "iteration %zu", i + 1);
    cr_assert_eq(trainer->lbfgs.state.count, BP_LBFGS_HISTORY);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(full_batch, what_wants_minibatches_is_refused)
{
    static const bp_optimizer methods[] = {BP_LBFGS, BP_RPROP};

    for (size_t i = 0; i < 2; i++) {
        problem p = large(methods[i]);
        bp_network *network = problem_network(&p);
        bp_trainer *trainer = problem_trainer(&p, network);
        bp_turn turn = {.trainer = trainer, .x = p.x, .y = p.y, .rows = 10};
        bp_error error;

        cr_assert_eq(bp_trainer_step(trainer, 10, p.x, p.y, NULL, NULL, &error), BP_INVALID);
        cr_assert(strstr(error.text, "all rows"), "%s", error.text);
        cr_assert_eq(bp_trainer_forward(trainer, 10, p.x, NULL, &error), BP_INVALID);
        cr_assert_eq(bp_trainers_step(&turn, 1, 1, &error), BP_INVALID);
        bp_trainer_free(trainer);
        bp_network_free(network);
        problem_free(&p);
    }
}

Test(full_batch, the_order_of_rows_is_their_own)
{
    for (bp_optimizer method = BP_LBFGS; method <= BP_RPROP; method++) {
        problem p = large(method);
        float *one = problem_fitted(&p, &p.settings, p.examples);
        p.settings.shuffle = BP_SHUFFLE_NONE;
        float *other = problem_fitted(&p, &p.settings, p.examples);
        cr_assert_eq(memcmp(one, other, 50 * sizeof *one), 0);
        free(one);
        free(other);
        problem_free(&p);
    }
}
