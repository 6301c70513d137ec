/* The reference and the engine against tables of an independent program (scripts/make-tables), which PyTorch agrees with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "../tables/table_data.h"
#include "../tables/table_gradients.h"
#include "../tables/table_restarts.h"
#include "../tables/table_shapes.h"
#include "../tables/table_splits.h"
#include "../tables/table_trajectories.h"
#include "helper_bounds.h"
#include "helper_engine.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const uint32_t hidden[TABLE_HIDDEN_COUNT] = {TABLE_HIDDEN};

static const float *targets(bp_loss loss)
{
    return table_y[loss - BP_SQUARED_ERROR];
}

static bp_settings table_settings(bp_activation activation, bp_loss loss)
{
    bp_settings settings = settings_for(hidden, TABLE_HIDDEN_COUNT, activation, loss);
    settings.batch_size = TABLE_ROWS;
    return settings;
}

static bp_reference *reference_of(const bp_network *network)
{
    bp_reference *reference = NULL;
    cr_assert_eq(bp_reference_of_network(network, NULL, &reference, NULL), BP_OK);
    cr_assert_eq(reference->parameters, TABLE_PARAMETERS);
    return reference;
}

/* ---------------------------------------------------------------------------------------------------- one minibatch */

/* Tables have 13 digits. */
static void assert_reference(const bounds *exact, double J, const double *gradient, const char *what)
{
    cr_assert(fabs(exact->J - J) < 1e-12, "%s: J is %.15g, not %.15g", what, exact->J, J);
    for (size_t p = 0; p < TABLE_PARAMETERS; p++)
        cr_assert(fabs(exact->gradient[p] - gradient[p]) < 1e-12 * (1 + fabs(gradient[p])),
                  "%s: parameter %zu has %.15g, not %.15g", what, p, exact->gradient[p], gradient[p]);
}

static void assert_engine(bp_network *network, const bp_settings *settings, size_t m, const float *x, const float *y,
                          const bounds *exact, const char *what)
{
    bp_trainer *trainer = trainer_with(network, settings);
    float gradient[TABLE_PARAMETERS];
    double J = run_backward(trainer, m, x, y, NULL, NULL);

    get_gradient(trainer, network, gradient);
    size_t p = first_outside(gradient, exact->gradient, exact->gradient_bound, TABLE_PARAMETERS);
    cr_assert(fabs(J - exact->J) <= exact->J_bound, "%s: J is %g, not %g", what, J, exact->J);
    cr_assert(p == TABLE_PARAMETERS, "%s: parameter %zu has %g, not %g", what, p, (double)gradient[p], exact->gradient[p]);
    bp_trainer_free(trainer);
}

static void assert_minibatch(bp_activation activation, bp_loss loss, const float *weights, size_t first, size_t m, double J,
                             const double *gradient)
{
    const float *x = table_x + first * TABLE_INPUTS, *y = targets(loss) + first * TABLE_OUTPUTS;
    bp_settings settings = table_settings(activation, loss);
    bp_network *network = network_with(&settings, TABLE_INPUTS, TABLE_OUTPUTS, weights);
    bp_reference *reference = reference_of(network);
    bounds exact = bounds_create(reference, m, x, y);
    char what[100];

    snprintf(what, sizeof what, "activation %d, loss %d, rows from %zu", activation, loss, first);
    assert_reference(&exact, J, gradient, what);
    assert_engine(network, &settings, m, x, y, &exact, what);
    bounds_free(&exact);
    bp_reference_free(reference);
    bp_network_free(network);
}

Test(tables, losses_and_gradients_agree_for_every_activation_and_loss)
{
    for (size_t i = 0; i < COUNT(table_gradients); i++) {
        const table_gradient *t = &table_gradients[i];
        assert_minibatch(t->activation, t->loss, table_weights, 0, TABLE_ROWS, t->J, t->gradient);
    }
}

/* The reference to the table's digits, the engine to f32's. */
Test(tables, newer_losses_activations_and_smooth_labels_agree)
{
    for (size_t i = 0; i < COUNT(table_shapes); i++) {
        const table_shape *t = &table_shapes[i];
        bp_settings settings = table_settings(t->activation, t->loss);
        settings.label_smoothing = t->label_smoothing;
        bp_network *network = network_with(&settings, TABLE_INPUTS, TABLE_OUTPUTS, table_weights);
        bp_reference *reference = reference_of(network);
        bp_trainer *trainer = trainer_with(network, &settings);
        double mean[TABLE_PARAMETERS];
        float gradient[TABLE_PARAMETERS];

        reference->label_smoothing = t->label_smoothing;
        double J = bp_reference_minibatch(reference, TABLE_ROWS, table_x, targets(t->targets), NULL, mean);
        cr_assert(fabs(J - t->J) < 1e-12, "case %zu: J is %.15g, not %.15g", i, J, t->J);
        J = run_backward(trainer, TABLE_ROWS, table_x, targets(t->targets), NULL, NULL);
        cr_assert(fabs(J - t->J) < 1e-5, "case %zu: the engine's J is %g, not %g", i, J, t->J);
        get_gradient(trainer, network, gradient);
        for (size_t p = 0; p < TABLE_PARAMETERS; p++) {
            cr_assert(fabs(mean[p] - t->gradient[p]) < 1e-12 * (1 + fabs(t->gradient[p])), "case %zu: parameter %zu", i, p);
            cr_assert(fabs((double)gradient[p] - t->gradient[p]) < 1e-5, "case %zu: the engine's parameter %zu", i, p);
        }
        bp_trainer_free(trainer);
        bp_reference_free(reference);
        bp_network_free(network);
    }
}

/* A unit that changes sides parts two runs for good: each step begins at the table's weights. */
Test(tables, kinked_runs_agree_step_by_step)
{
    for (size_t i = 0; i < COUNT(table_restarts); i++) {
        const table_restart *t = &table_restarts[i];
        assert_minibatch(t->activation, t->loss, t->weights, t->batch * TABLE_BATCH, TABLE_BATCH, t->J, t->gradient);
    }
}

/* ------------------------------------------------------------------------------------------------------ trajectories */

static bp_settings trajectory_settings(const table_trajectory *t)
{
    bp_settings settings = table_settings(t->activation, t->loss);
    settings.optimizer = (int32_t)t->optimizer;
    settings.learning_rate = t->rate;
    settings.momentum = t->momentum;
    settings.nesterov = t->nesterov;
    settings.weight_decay = t->weight_decay;
    settings.schedule = (int32_t)t->schedule;
    settings.warmup = t->warmup;
    settings.batch_size = TABLE_BATCH;
    settings.epochs = (uint64_t)TABLE_STEPS * TABLE_BATCH / TABLE_ROWS;
    settings.patience = 0;
    settings.shuffle = BP_SHUFFLE_NONE;
    return settings;
}

typedef struct watch {
    const table_trajectory *table;
    size_t case_number;
    size_t looked;
} watch;

static int look(void *context, const bp_progress *progress)
{
    watch *w = context;
    if (w->looked == TABLE_LOOKS || progress->step != table_looks[w->looked])
        return 0;
    double loss = w->table->losses[w->looked], rate = w->table->rates[w->looked];
    cr_assert(fabs(progress->train_loss - loss) < 1e-5 * (1 + loss), "trajectory %zu, step %u: loss %.9g, not %.9g", w->case_number,
              table_looks[w->looked], progress->train_loss, loss);
    cr_assert(fabs(progress->learning_rate - rate) < 1e-6 * w->table->rate, "trajectory %zu, step %u: rate %.9g, not %.9g",
              w->case_number, table_looks[w->looked], progress->learning_rate, rate);
    w->looked++;
    return 0;
}

static void assert_last_weights(const bp_network *network, const double *wanted, size_t case_number)
{
    float weights[TABLE_PARAMETERS];
    get_weights(network, weights);
    for (size_t p = 0; p < TABLE_PARAMETERS; p++)
        cr_assert(fabs((double)weights[p] - wanted[p]) < 1e-5 * (1 + fabs(wanted[p])),
                  "trajectory %zu: parameter %zu is %.9g, not %.9g", case_number, p, (double)weights[p], wanted[p]);
}

static bp_examples *examples_of(bp_loss loss)
{
    bp_array x = {.data = table_x, .type = BP_TYPE_F32, .rows = TABLE_ROWS, .columns = TABLE_INPUTS};
    bp_array y = {.data = targets(loss), .type = BP_TYPE_F32, .rows = TABLE_ROWS, .columns = TABLE_OUTPUTS};
    bp_examples *examples = NULL;
    cr_assert_eq(bp_examples_borrow(&x, &y, NULL, NULL, &examples, NULL), BP_OK);
    return examples;
}

Test(tables, two_hundred_steps_agree_for_every_optimizer_and_schedule)
{
    for (size_t i = 0; i < COUNT(table_trajectories); i++) {
        const table_trajectory *t = &table_trajectories[i];
        bp_settings settings = trajectory_settings(t);
        bp_network *network = network_with(&settings, TABLE_INPUTS, TABLE_OUTPUTS, table_weights);
        bp_trainer *trainer = trainer_with(network, &settings);
        bp_examples *examples = examples_of(t->loss);
        watch w = {.table = t, .case_number = i};
        bp_callbacks callbacks = {.context = &w, .pause = look, .pause_steps = 1};
        bp_progress progress;
        bp_error error;

        cr_assert_eq(bp_trainer_fit(trainer, NULL, examples, (bp_rows){0}, NULL, (bp_rows){0}, &callbacks, &progress, &error),
                     BP_OK, "%s", error.text);
        cr_assert_eq(progress.step, TABLE_STEPS);
        cr_assert_eq(w.looked, TABLE_LOOKS, "trajectory %zu was looked at %zu times", i, w.looked);
        assert_last_weights(network, t->weights, i);
        bp_examples_free(examples);
        bp_trainer_free(trainer);
        bp_network_free(network);
    }
}

/* The caller's own loop of steps takes the same way as a fit, where the rate does not depend on its length. */
Test(tables, two_hundred_steps_of_the_callers_agree)
{
    for (size_t i = 0; i < COUNT(table_trajectories); i++) {
        const table_trajectory *t = &table_trajectories[i];
        if (t->schedule != BP_CONSTANT)
            continue;
        bp_settings settings = trajectory_settings(t);
        bp_network *network = network_with(&settings, TABLE_INPUTS, TABLE_OUTPUTS, table_weights);
        bp_trainer *trainer = trainer_with(network, &settings);
        for (size_t step = 0; step < TABLE_STEPS; step++) {
            size_t row = step * TABLE_BATCH % TABLE_ROWS;
            cr_assert_eq(bp_trainer_step(trainer, TABLE_BATCH, table_x + row * TABLE_INPUTS, targets(t->loss) + row * TABLE_OUTPUTS,
                                         NULL, NULL, NULL),
                         BP_OK);
        }
        assert_last_weights(network, t->weights, i);
        bp_trainer_free(trainer);
        bp_network_free(network);
    }
}

Test(tables, clipped_and_accumulated_gradients_rmsprop_and_l1_agree)
{
    for (size_t i = 0; i < COUNT(table_splits); i++) {
        const table_split *t = &table_splits[i];
        bp_settings settings =
            trajectory_settings(&(table_trajectory){.activation = BP_TANH, .loss = BP_SQUARED_ERROR, .optimizer = t->optimizer});
        settings.learning_rate = t->rate;
        settings.momentum = t->momentum;
        settings.weight_decay = t->weight_decay;
        settings.l1 = t->l1;
        settings.clip_norm = t->clip_norm;
        settings.accumulate = t->accumulate;
        bp_network *network = network_with(&settings, TABLE_INPUTS, TABLE_OUTPUTS, table_weights);
        bp_trainer *trainer = trainer_with(network, &settings);
        bp_examples *examples = examples_of(BP_SQUARED_ERROR);
        bp_error error;

        cr_assert_eq(bp_trainer_fit(trainer, NULL, examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, &error), BP_OK, "%s",
                     error.text);
        assert_last_weights(network, t->weights, i);
        bp_examples_free(examples);
        bp_trainer_free(trainer);
        bp_network_free(network);
    }
}
