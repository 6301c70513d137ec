/* Which data a fit refuses: those of other shapes than the network, and those that its loss, metric or order has no use for.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "error.h"
#include "evaluate.h"
#include "examples.h"
#include "fit.h"
#include "metric.h"

static bp_status check_examples(const bp_trainer *trainer, const bp_examples *examples, bp_rows rows, const char *what,
                                bp_error *error)
{
    const bp_layout *layout = &trainer->network->layout;
    uint32_t inputs = layout->layer[0].k, outputs = layout->layer[layout->layers - 1].n;
    char row[32];

    snprintf(row, sizeof row, "%s row", what);
    if (examples->inputs != inputs || examples->outputs != outputs)
        return bp_fail(error, BP_INVALID, "the %s examples have %u inputs and %u outputs, the network has %u and %u", what,
                       examples->inputs, examples->outputs, inputs, outputs);
    if (rows.count == 0)
        return bp_fail(error, BP_INVALID, "there are no %s rows", what);
    return bp_examples_check_rows(examples, rows, row, error);
}

/* A metric that the targets do not have would be NaN in every epoch. */
static bp_status check_metric(const bp_fit *fit, bp_error *error)
{
    const bp_network *network = fit->trainer->network;
    bp_metric metric = (bp_metric)fit->trainer->settings.metric;

    if (metric == BP_METRIC_LOG_LOSS && network->loss != BP_CROSS_ENTROPY && network->loss != BP_BINARY_CROSS_ENTROPY)
        return bp_fail(error, BP_INVALID, "metric: log_loss needs a cross-entropy as loss");
    return bp_metric_check(metric, bp_has_classes(network, fit->validation), error);
}

/* Numbers of counts; rows are those of the examples, counted from 1. */
static bp_status check_counts(const bp_examples *examples, bp_rows rows, const char *what, bp_error *error)
{
    for (uint64_t i = 0; examples->y && i < rows.count; i++) {
        uint64_t row = rows.index ? rows.index[i] : i;
        for (uint32_t j = 0; j < examples->outputs; j++)
            if (!(examples->y[row * examples->y_stride + j] >= 0.0f))
                return bp_fail(error, BP_INVALID, "%s row %llu: target %u is %g; loss poisson takes numbers from 0 on", what,
                               (unsigned long long)row + 1, j + 1, (double)examples->y[row * examples->y_stride + j]);
    }
    return BP_OK;
}

static bp_status check_targets(const bp_fit *fit, bp_error *error)
{
    if (fit->trainer->network->loss < BP_ABSOLUTE_ERROR)
        return BP_OK;
    if (fit->training->classes)
        return bp_fail(error, BP_INVALID,
                       "loss: absolute_error, huber, quantile and poisson are for numbers, and the targets are classes");
    if (fit->trainer->network->loss != BP_POISSON)
        return BP_OK;
    BP_TRY(check_counts(fit->training, fit->training_rows, "training", error));
    return fit->validation ? check_counts(fit->validation, fit->validation_rows, "validation", error) : BP_OK;
}

bp_status bp_fit_check(const bp_fit *fit, bp_error *error)
{
    if (fit->trainer->diverged)
        return bp_fail(error, BP_DIVERGED, "this trainer's fit has diverged; a new trainer can begin again");
    if (fit->validation)
        BP_TRY(check_metric(fit, error));
    if (!fit->validation && fit->trainer->settings.schedule == BP_PLATEAU)
        return bp_fail(error, BP_INVALID, "schedule plateau watches a validation metric, and there are no validation rows");
    if (fit->training->pages)
        BP_TRY(bp_dataset_check_shuffle(fit->training->pages->file, &fit->trainer->settings, error));
    BP_TRY(bp_network_check_encoder(fit->trainer->network, fit->encoder, error)); /* not first at an epoch's end */
    BP_TRY(check_examples(fit->trainer, fit->training, fit->training_rows, "training", error));
    if (fit->validation)
        BP_TRY(check_examples(fit->trainer, fit->validation, fit->validation_rows, "validation", error));
    return check_targets(fit, error);
}
