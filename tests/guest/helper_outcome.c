/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_outcome.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

problem outcome_problem(uint32_t threads)
{
    bp_settings settings = problem_settings((uint32_t[]){HIDDEN}, 1, BP_TANH, BP_SQUARED_ERROR, BP_ADAM);

    settings.batch_size = BATCH;
    settings.threads = threads;
    settings.exact_threads = 1;
    settings.schedule = BP_COSINE;
    return problem_create(settings, INPUTS, OUTPUTS, ROWS, 55);
}

handles handles_create(const problem *p)
{
    handles h = {.p = p, .network = problem_network(p), .target = problem_network(p)};

    h.trainer = problem_trainer(p, h.network);
    cr_assert_eq(bp_workspace_create(h.network, p->settings.threads, BP_ISA_AUTO, NULL, &h.workspace, NULL), BP_OK);
    return h;
}

void handles_free(handles *h)
{
    bp_workspace_free(h->workspace);
    bp_trainer_free(h->trainer);
    bp_network_free(h->target);
    bp_network_free(h->network);
}

static void copy_parameters(const bp_network *network, float *to)
{
    float *parameters = problem_parameters(network);
    memcpy(to, parameters, PARAMETERS * sizeof *to);
    free(parameters);
}

bp_status compute_parts(const handles *h, outcome *o)
{
    bp_status status = bp_trainer_forward(h->trainer, BATCH - 1, h->p->x, NULL, NULL);
    if (status == BP_OK)
        status = bp_trainer_loss(h->trainer, h->p->y, NULL, &o->J_of_parts, NULL);
    if (status == BP_OK)
        status = bp_trainer_backward(h->trainer, NULL, NULL, NULL);
    return status == BP_OK ? bp_trainer_update(h->trainer, 0, NULL) : status;
}

bp_status compute(const handles *h, outcome *o)
{
    const problem *p = h->p;
    bp_progress progress = {.epoch = 0};
    bp_status status = bp_trainer_step(h->trainer, BATCH, p->x, p->y, p->weight, &o->J, NULL);

    if (status == BP_OK)
        status = compute_parts(h, o);
    if (status == BP_OK)
        status = bp_trainer_fit(h->trainer, NULL, p->examples, (bp_rows){0}, p->examples, (bp_rows){0}, NULL, &progress, NULL);
    if (status == BP_OK)
        status = bp_trainer_publish(h->trainer, 0.3, h->target, NULL);
    if (status == BP_OK)
        status = bp_network_predict(h->network, h->workspace, ROWS, p->x, o->predictions, NULL);
    if (status == BP_OK)
        status = bp_network_evaluate(h->network, h->workspace, NULL, p->examples, (bp_rows){0}, &o->metrics, NULL);
    o->train_loss = progress.train_loss;
    o->validation = progress.validation;
    return status;
}

void outcome_finish(const handles *h, outcome *o)
{
    copy_parameters(h->network, o->parameters);
    copy_parameters(h->target, o->target);
}

outcome *outcome_of(const handles *h)
{
    outcome *o = calloc(1, sizeof *o);

    cr_assert_eq(compute(h, o), BP_OK);
    outcome_finish(h, o);
    return o;
}

outcome *outcome_usual(void)
{
    problem p = outcome_problem(1);
    handles h = handles_create(&p);
    outcome *o = outcome_of(&h);

    handles_free(&h);
    problem_free(&p);
    return o;
}

void assert_same_outcome(const outcome *a, const outcome *b, const char *where)
{
    cr_assert(memcmp(a->parameters, b->parameters, sizeof a->parameters) == 0, "%s: parameters", where);
    cr_assert(memcmp(a->target, b->target, sizeof a->target) == 0, "%s: published parameters", where);
    cr_assert(memcmp(a->predictions, b->predictions, sizeof a->predictions) == 0, "%s: predictions", where);
    cr_assert(a->J == b->J && a->J_of_parts == b->J_of_parts && a->train_loss == b->train_loss, "%s: losses", where);
    cr_assert(a->metrics.loss == b->metrics.loss && a->metrics.rmse == b->metrics.rmse && a->metrics.r2 == b->metrics.r2 &&
                  a->metrics.baseline_rmse == b->metrics.baseline_rmse && a->validation.rmse == b->validation.rmse,
              "%s: metrics", where);
}
