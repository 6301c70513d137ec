/* Early stopping: which epoch is best, when it is enough, and whose weights stay.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "schedule.h"
#include "stopping.h"

enum { PATIENCE = 4, EPOCHS = 60, TRAINING = 12, PARAMETERS = 5 * 40 + 40 + 40 + 1 };

/* What each epoch's end showed. */
typedef struct history {
    const bp_network *network;
    bp_metrics metrics[EPOCHS];
    float *parameters[EPOCHS];
    uint64_t epochs;
    uint64_t stop_at; /* the epoch that asks to stop; 0: none */
} history;

static int note_epoch(void *context, const bp_progress *progress)
{
    history *h = context;

    h->metrics[h->epochs] = progress->validation;
    h->parameters[h->epochs++] = problem_parameters(h->network);
    cr_assert_eq(h->epochs, progress->epoch);
    return h->epochs == h->stop_at;
}

static void forget(history *h)
{
    for (uint64_t i = 0; i < h->epochs; i++)
        free(h->parameters[i]);
}

/* Targets without a rule: what is learned by heart makes the validation rows worse. */
static problem noise(void)
{
    bp_settings settings = problem_settings((uint32_t[]){40}, 1, BP_TANH, BP_SQUARED_ERROR, BP_ADAM);

    settings.epochs = EPOCHS;
    settings.patience = PATIENCE;
    settings.learning_rate = 0.02;
    return problem_create(settings, 5, 1, 40, 21);
}

typedef struct rates {
    double rate[EPOCHS];
    bool better[EPOCHS];
    uint64_t epochs, best;
} rates;

static int note_rate(void *context, const bp_progress *progress)
{
    rates *r = context;

    r->better[r->epochs] = progress->best_epoch != r->best;
    r->best = progress->best_epoch;
    r->rate[r->epochs++] = progress->learning_rate;
    return 0;
}

static bp_status fit_split(const problem *p, bp_trainer *trainer, history *h, bp_progress *progress)
{
    uint64_t index[40];
    bp_callbacks callbacks = {.context = h, .epoch = note_epoch};

    for (uint64_t i = 0; i < 40; i++)
        index[i] = i;
    return bp_trainer_fit(trainer, NULL, p->examples, (bp_rows){index, TRAINING}, p->examples,
                          (bp_rows){index + TRAINING, 40 - TRAINING}, &callbacks, progress, NULL);
}

static uint64_t epoch_of_least_loss(const history *h)
{
    uint64_t best = 0;

    for (uint64_t i = 1; i < h->epochs; i++)
        if (h->metrics[i].loss < h->metrics[best].loss)
            best = i;
    return best + 1;
}

static bool holds(const bp_network *network, const float *parameters)
{
    float *now = problem_parameters(network);
    bool equal = problem_first_difference(now, parameters, PARAMETERS) == PARAMETERS;
    free(now);
    return equal;
}

Test(stopping, comes_after_patience_and_restores_the_best_epoch)
{
    problem p = noise();
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    history h = {.network = network};
    bp_progress progress;

    cr_assert_eq(fit_split(&p, trainer, &h, &progress), BP_OK);
    uint64_t best = progress.best_epoch;
    cr_assert(progress.epoch < EPOCHS && progress.epoch == best + PATIENCE, "%llu epochs, best %llu",
              (unsigned long long)progress.epoch, (unsigned long long)best);
    h.epochs--; /* the last callback came after the best weights were restored */
    cr_assert_eq(best, epoch_of_least_loss(&h));
    h.epochs++;
    cr_assert(holds(network, h.parameters[best - 1]), "the network does not hold the best epoch's weights");
    cr_assert(!holds(network, h.parameters[best]), "all epochs are alike");
    cr_assert(progress.validation.loss == h.metrics[best - 1].loss && progress.validation.rows == 28);
    cr_assert_eq(fit_split(&p, trainer, &h, &progress), BP_OK);
    cr_assert(progress.epoch == best + PATIENCE && holds(network, h.parameters[best - 1]), "a finished fit is left as it is");
    forget(&h);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(stopping, without_patience_runs_to_the_end_and_keeps_the_last_weights)
{
    problem p = noise();
    p.settings.patience = 0;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    history h = {.network = network};
    bp_progress progress;

    cr_assert_eq(fit_split(&p, trainer, &h, &progress), BP_OK);
    cr_assert_eq(progress.epoch, EPOCHS);
    cr_assert(progress.best_epoch == epoch_of_least_loss(&h) && progress.best_epoch < EPOCHS);
    cr_assert(holds(network, h.parameters[EPOCHS - 1]));
    cr_assert_eq(progress.validation.loss, h.metrics[EPOCHS - 1].loss);
    forget(&h);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(stopping, at_the_last_epoch_restores_the_best_too)
{
    problem p = noise();
    p.settings.patience = EPOCHS;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    history h = {.network = network};
    bp_progress progress;

    cr_assert_eq(fit_split(&p, trainer, &h, &progress), BP_OK);
    cr_assert(progress.epoch == EPOCHS && progress.best_epoch < EPOCHS);
    cr_assert(holds(network, h.parameters[progress.best_epoch - 1]));
    forget(&h);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(stopping, leaves_a_cancelled_network_as_far_as_it_came)
{
    problem p = noise();
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    history h = {.network = network};
    bp_progress progress;

    cr_assert_eq(fit_split(&p, trainer, &h, &progress), BP_OK);
    uint64_t last = progress.epoch - 1;
    forget(&h);
    bp_network *again = problem_network(&p);
    bp_trainer *stopped = problem_trainer(&p, again);
    h = (history){.network = again, .stop_at = last};
    cr_assert_eq(fit_split(&p, stopped, &h, &progress), BP_CANCELLED);
    cr_assert(progress.epoch == last && progress.best_epoch < last && holds(again, h.parameters[last - 1]));
    forget(&h);
    bp_trainer_free(stopped);
    bp_trainer_free(trainer);
    bp_network_free(again);
    bp_network_free(network);
    problem_free(&p);
}

/* Metrics of which the watched one is `value`. */
static bp_metrics all(double value)
{
    return (bp_metrics){.loss = value, .watched = value};
}

Test(stopping, takes_less_for_better_but_of_shares_and_r2_more)
{
    for (bp_metric metric = BP_METRIC_AUTO; metric < BP_METRICS; metric++) {
        bool more = metric == BP_METRIC_ACCURACY || (metric >= BP_METRIC_R2 && metric <= BP_METRIC_AUC);
        bp_stopping stopping = {.best_epoch = 0};
        bp_metrics middle = all(0.5), low = all(0.25), high = all(0.75);

        cr_assert(bp_stopping_take(&stopping, metric, 1, &middle));
        cr_assert(!bp_stopping_take(&stopping, metric, 2, more ? &low : &high));
        cr_assert(!bp_stopping_take(&stopping, metric, 3, &middle), "as good is not better");
        cr_assert_eq(stopping.waited, 2);
        cr_assert(bp_stopping_take(&stopping, metric, 4, more ? &high : &low));
        cr_assert(stopping.waited == 0 && stopping.best_epoch == 4);
        cr_assert_eq(stopping.metrics.loss, more ? 0.75 : 0.25);
    }
}

Test(stopping, never_takes_what_is_no_number_not_even_first)
{
    bp_stopping stopping = {.best_epoch = 0};
    bp_metrics none = all(NAN), infinite = all(INFINITY), some = all(3);

    cr_assert(!bp_stopping_take(&stopping, BP_METRIC_LOSS, 1, &none));
    cr_assert(bp_stopping_take(&stopping, BP_METRIC_LOSS, 2, &infinite));
    cr_assert(bp_stopping_take(&stopping, BP_METRIC_LOSS, 3, &some));
    cr_assert(!bp_stopping_take(&stopping, BP_METRIC_LOSS, 4, &none));
    cr_assert(stopping.best_epoch == 3 && stopping.waited == 1);
}

static void check_metric(bp_loss loss, bp_metric metric, bp_status wanted)
{
    bp_settings settings = problem_settings(NULL, 0, BP_RELU, loss, BP_SGD);
    settings.metric = (int32_t)metric;
    problem p = problem_create(settings, 3, 2, 10, 1);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_error error;

    bp_status status = bp_trainer_fit(trainer, NULL, p.examples, (bp_rows){0}, p.examples, (bp_rows){0}, NULL, NULL, &error);
    cr_assert_eq(status, wanted, "loss %d, metric %d", loss, metric);
    if (wanted != BP_OK)
        cr_assert(strstr(error.text, "metric"), "%s", error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(stopping, refuses_a_metric_that_the_loss_does_not_have)
{
    for (bp_metric metric = BP_METRIC_AUTO; metric < BP_METRICS; metric++) {
        bool any = metric <= BP_METRIC_LOSS,
             classes = metric == BP_METRIC_ACCURACY || (metric >= BP_METRIC_BALANCED_ACCURACY && metric <= BP_METRIC_LOG_LOSS);
        if (metric != BP_METRIC_LOG_LOSS) /* with this loss no trainer is made that watches it */
            check_metric(BP_SQUARED_ERROR, metric, any || !classes ? BP_OK : BP_INVALID);
        check_metric(BP_CROSS_ENTROPY, metric, any || classes ? BP_OK : BP_INVALID);
        classes = classes && metric != BP_METRIC_BALANCED_ACCURACY; /* two outputs that answer a question each have none */
        check_metric(BP_BINARY_CROSS_ENTROPY, metric, any || classes ? BP_OK : BP_INVALID);
    }
}

/* The rates of a fit's epochs, by the problem's settings with early stopping. */
static rates rates_of_fit(problem *p)
{
    uint64_t index[40];
    rates r = {.epochs = 0};
    bp_callbacks callbacks = {.context = &r, .epoch = note_rate};

    p->settings.schedule_patience = 1;
    p->settings.schedule_factor = 0.5;
    p->settings.patience = 10;
    for (uint64_t i = 0; i < 40; i++)
        index[i] = i;
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);
    cr_assert_eq(bp_trainer_fit(trainer, NULL, p->examples, (bp_rows){index, TRAINING}, p->examples,
                                (bp_rows){index + TRAINING, 40 - TRAINING}, &callbacks, NULL, NULL),
                 BP_OK);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return r;
}

/* Each epoch's rate follows from what earlier epochs showed. */
Test(stopping, a_plateau_lowers_the_rate_of_the_next_epoch)
{
    problem p = noise();
    uint64_t falls = 0;

    p.settings.schedule = BP_PLATEAU;
    rates r = rates_of_fit(&p);
    bp_plateau plateau = {.share = 1};
    for (uint64_t epoch = 0; epoch < r.epochs; epoch++) {
        cr_assert_eq(r.rate[epoch], 0.02 * plateau.share, "epoch %llu: %g", (unsigned long long)epoch + 1, r.rate[epoch]);
        bp_plateau_take(&plateau, &p.settings, r.better[epoch]);
        falls += plateau.waited == 0 && !r.better[epoch];
    }
    cr_assert_gt(falls, 1);
    problem_free(&p);
}

Test(stopping, another_schedule_sees_no_plateau)
{
    problem p = noise();
    rates r = rates_of_fit(&p);

    cr_assert_gt(r.epochs, 3);
    for (uint64_t epoch = 0; epoch < r.epochs; epoch++)
        cr_assert_eq(r.rate[epoch], 0.02, "epoch %llu: %g", (unsigned long long)epoch + 1, r.rate[epoch]);
    problem_free(&p);
}

Test(stopping, a_plateau_without_validation_rows_is_refused)
{
    problem p = noise();
    bp_error error;

    p.settings.schedule = BP_PLATEAU;
    p.settings.schedule_patience = 1;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    cr_assert_eq(bp_trainer_fit(trainer, NULL, p.examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, "no validation rows"), "%s", error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}
