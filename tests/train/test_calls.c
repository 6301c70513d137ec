/* A fit, steps of the caller's, and its parts called one by one: the same bits of each, for every team, strategy and instruction
 * set.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "helper_workload.h"
#include "sets.h"

static const uint32_t teams[] = {1, 2, 3, 5, 8, 64};

enum { TEAMS = sizeof teams / sizeof *teams };

/* One step on m rows from `row` on; returns J. */
typedef double stepper(bp_trainer *trainer, const problem *p, uint64_t row, uint64_t m);

static double step_whole(bp_trainer *trainer, const problem *p, uint64_t row, uint64_t m)
{
    bp_error error;
    double J;
    bp_status status = bp_trainer_step(trainer, m, p->x + row * p->inputs, p->y + row * p->outputs, NULL, &J, &error);

    cr_assert_eq(status, BP_OK, "%s", error.text);
    return J;
}

static double step_in_parts(bp_trainer *trainer, const problem *p, uint64_t row, uint64_t m)
{
    double J;

    cr_assert_eq(bp_trainer_forward(trainer, m, p->x + row * p->inputs, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_loss(trainer, p->y + row * p->outputs, NULL, &J, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(trainer, NULL, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    return J;
}

/* Steps on all rows in their order; returns the mean loss. */
static double walk_epoch(bp_trainer *trainer, const problem *p, uint64_t batch, stepper *step)
{
    double sum = 0;

    for (uint64_t row = 0, m; row < p->rows; row += m) {
        m = p->rows - row < batch ? p->rows - row : batch;
        sum += step(trainer, p, row, m) * (double)m;
    }
    return sum / (double)p->rows;
}

/* The parameters after `epochs` times all rows in their order, from malloc. */
static float *walked(const problem *p, const bp_settings *way, stepper *step, double *last_loss)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = NULL;

    cr_assert_eq(bp_trainer_create(network, way, NULL, 0, NULL, &trainer, NULL), BP_OK);
    for (uint64_t epoch = 0; epoch < way->epochs; epoch++)
        *last_loss = walk_epoch(trainer, p, way->batch_size, step);
    float *parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return parameters;
}

/* The same by a fit without shuffling. */
static float *fitted(const problem *p, double *last_loss)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);
    float *parameters;

    *last_loss = problem_fit(p, trainer).train_loss;
    parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return parameters;
}

static void check_walk(const problem *p, const bp_settings *way, stepper *step, const float *wanted, double wanted_loss,
                       uint64_t count)
{
    double loss;
    char text[500];
    float *got = walked(p, way, step, &loss);

    workload_describe(p, way, text, sizeof text);
    uint64_t at = problem_first_difference(got, wanted, count);
    cr_assert_eq(at, count, "%s: parameter %llu of %s", step == step_whole ? "steps" : "parts", (unsigned long long)at, text);
    cr_assert(loss == wanted_loss, "the loss of %s: %a, not %a", text, loss, wanted_loss);
    free(got);
}

/* Ways turn from problem to problem, so that teams, strategies and instruction sets all meet each other. Every third team: 64
 * threads on few cores are slow, and the parts begin four parallel regions a step. */
static void check_problem(problem *p, size_t turn)
{
    double loss;
    bp_network *network = problem_network(p);
    uint64_t count = bp_network_parameters(network);

    p->settings.shuffle = BP_SHUFFLE_NONE;
    p->settings.schedule = BP_CONSTANT;
    float *wanted = fitted(p, &loss);
    for (size_t t = turn % 3; t < TEAMS; t += 3) {
        bp_settings way = p->settings;
        way.exact_threads = 1;
        way.threads = teams[t];
        way.isa = (int32_t)set_at(turn / 3 + t);
        way.gradient = (int32_t)((turn / 9 + t) % 3);
        check_walk(p, &way, step_whole, wanted, loss, count);
        check_walk(p, &way, step_in_parts, wanted, loss, count);
    }
    free(wanted);
    bp_network_free(network);
}

Test(calls, steps_and_their_parts_give_the_bits_of_a_fit_of_standard_workloads)
{
    for (size_t number = 0; number < WORKLOADS; number++) {
        problem p = workload_problem(number);
        check_problem(&p, number);
        problem_free(&p);
    }
}

Test(calls, steps_and_their_parts_give_the_bits_of_a_fit_of_random_networks)
{
    for (uint64_t seed = 0; seed < RANDOM_PROBLEMS; seed++) {
        problem p = random_problem(seed);
        check_problem(&p, seed);
        problem_free(&p);
    }
}

static double step_all(const problem *p, const bp_settings *way, float **parameters)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = NULL;
    double J, sum = 0;

    cr_assert_eq(bp_trainer_create(network, way, NULL, 0, NULL, &trainer, NULL), BP_OK);
    cr_assert_eq(bp_trainer_threads(trainer), way->threads);
    for (uint64_t row = 0, m = 1; row + m <= p->rows; row += m, m = m % way->batch_size + 1) {
        cr_assert_eq(bp_trainer_step(trainer, m, p->x + row * p->inputs, p->y + row * p->outputs, p->weight + row, &J, NULL),
                     BP_OK);
        sum += J;
    }
    *parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return sum;
}

Test(calls, steps_on_minibatches_of_every_size_do_not_depend_on_threads_or_strategy)
{
    problem p = problem_create(problem_settings((uint32_t[]){70, 33}, 2, BP_LEAKY_RELU, BP_SQUARED_ERROR, BP_ADAM), 40, 3, 3000, 8);
    bp_settings way = p.settings;
    float *wanted, *got;

    way.batch_size = 70;
    way.exact_threads = 1;
    double J = step_all(&p, &way, &wanted);
    for (way.gradient = BP_GRADIENT_BUFFERS; way.gradient <= BP_GRADIENT_TILES; way.gradient++)
        for (size_t t = 0; t < TEAMS; t++) {
            way.threads = teams[t];
            cr_assert(step_all(&p, &way, &got) == J, "J of gradient %d, %u threads", way.gradient, way.threads);
            cr_assert_eq(memcmp(got, wanted, 40 * 70 * sizeof *got), 0, "gradient %d, %u threads", way.gradient, way.threads);
            free(got);
        }
    free(wanted);
    problem_free(&p);
}
