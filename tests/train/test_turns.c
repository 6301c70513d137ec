/* Many trainers in one call: each as if alone, whatever becomes of the others.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "helper_workload.h"
#include "turns.h"

/* Random problems of all sizes, and the tiny ones among them more than once. */
enum { CROWD = 60, CALLS = 3 };

typedef struct crowd {
    problem problem[CROWD];
    bp_network *network[CROWD];
    bp_trainer *trainer[CROWD];
    bp_turn turn[CROWD];
} crowd;

static uint64_t seed_of(size_t i)
{
    return i < RANDOM_PROBLEMS ? i : 3 * (i - RANDOM_PROBLEMS);
}

/* Trainers with teams of their own, too. */
static crowd *crowd_create(void)
{
    crowd *c = calloc(1, sizeof *c);

    for (size_t i = 0; i < CROWD; i++) {
        c->problem[i] = random_problem(seed_of(i));
        c->problem[i].settings.threads = (uint32_t)(1 + i % 3);
        c->problem[i].settings.exact_threads = 1;
        c->problem[i].settings.gradient = (int32_t)(i / 3 % 3);
        c->network[i] = problem_network(&c->problem[i]);
        c->trainer[i] = problem_trainer(&c->problem[i], c->network[i]);
        c->turn[i].trainer = c->trainer[i];
    }
    return c;
}

static void crowd_free(crowd *c)
{
    for (size_t i = 0; i < CROWD; i++) {
        bp_trainer_free(c->trainer[i]);
        bp_network_free(c->network[i]);
        problem_free(&c->problem[i]);
    }
    free(c);
}

/* One step each, on another number of rows in every call; every second one weighted. */
static void deal(crowd *c, size_t call)
{
    for (size_t i = 0; i < CROWD; i++) {
        const problem *p = &c->problem[i];
        bp_turn *turn = &c->turn[i];
        turn->rows = 1 + (p->settings.batch_size - 1) * (call + 1) / CALLS;
        uint64_t row = (p->rows - turn->rows) * call / CALLS;
        turn->x = p->x + row * p->inputs;
        turn->y = p->y + row * p->outputs;
        turn->weight = i % 2 ? p->weight + row : NULL;
        turn->status = -1;
        turn->J = -1;
    }
}

static void assert_same(const crowd *got, const crowd *wanted, uint32_t threads)
{
    for (size_t i = 0; i < CROWD; i++) {
        float *a = problem_parameters(got->network[i]), *b = problem_parameters(wanted->network[i]);
        uint64_t count = bp_network_parameters(wanted->network[i]);
        cr_assert_eq(problem_first_difference(a, b, count), count, "trainer %zu, %u threads", i, threads);
        free(a);
        free(b);
    }
}

/* As bp_trainer_step does it, one by one. */
static void step_one_by_one(crowd *c)
{
    for (size_t i = 0; i < CROWD; i++) {
        bp_turn *t = &c->turn[i];
        cr_assert_eq(bp_trainer_step(t->trainer, t->rows, t->x, t->y, t->weight, &t->J, NULL), BP_OK);
    }
}

Test(turns, of_many_trainers_give_each_the_bits_it_has_alone)
{
    static const uint32_t teams[] = {1, 2, 3, 5, 8, 64, 100};
    crowd *alone = crowd_create();
    double J[CALLS][CROWD];

    for (size_t call = 0; call < CALLS; call++) {
        deal(alone, call);
        step_one_by_one(alone);
        for (size_t i = 0; i < CROWD; i++)
            J[call][i] = alone->turn[i].J;
    }
    for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
        crowd *c = crowd_create();
        for (size_t call = 0; call < CALLS; call++) {
            deal(c, call);
            cr_assert(bp_turns_take(c->turn, CROWD, teams[t]));
            for (size_t i = 0; i < CROWD; i++)
                cr_assert(c->turn[i].status == BP_OK && c->turn[i].J == J[call][i], "J of trainer %zu, %u threads", i, teams[t]);
        }
        assert_same(c, alone, teams[t]);
        crowd_free(c);
    }
    crowd_free(alone);
}

/* Rows behind the first minibatch are further steps, the last of which is short. */
Test(turns, of_more_rows_than_a_minibatch_are_steps_on_one_after_the_other)
{
    crowd *together = crowd_create(), *apart = crowd_create();
    bp_error error;

    for (size_t i = 0; i < CROWD; i++) {
        const problem *p = &together->problem[i];
        together->turn[i].x = p->x;
        together->turn[i].y = p->y;
        together->turn[i].rows = p->rows;
    }
    cr_assert_eq(bp_trainers_step(together->turn, CROWD, 2, &error), BP_OK, "%s", error.text);
    for (size_t i = 0; i < CROWD; i++) {
        const problem *p = &apart->problem[i];
        double J, sum = 0;
        for (uint64_t row = 0, m; row < p->rows; row += m) {
            m = p->rows - row < p->settings.batch_size ? p->rows - row : p->settings.batch_size;
            cr_assert_eq(bp_trainer_step(apart->trainer[i], m, p->x + row * p->inputs, p->y + row * p->outputs, NULL, &J, NULL),
                         BP_OK);
            sum += J * (double)m;
        }
        cr_assert_float_eq(together->turn[i].J, sum / (double)p->rows, 1e-12 * fabs(together->turn[i].J) + 1e-300,
                           "J of trainer %zu", i);
    }
    assert_same(together, apart, 2);
    crowd_free(together);
    crowd_free(apart);
}

static void spoil(crowd *c, size_t i)
{
    c->problem[i].x[3] = NAN;
}

static void assert_kept(const crowd *c, size_t i)
{
    bp_network *fresh = problem_network(&c->problem[i]);
    float *kept = problem_parameters(c->network[i]), *first = problem_parameters(fresh);
    uint64_t count = bp_network_parameters(fresh);

    cr_assert_eq(problem_first_difference(kept, first, count), count, "trainer %zu was updated", i);
    free(kept);
    free(first);
    bp_network_free(fresh);
}

/* Trainer 20 diverges, 7 has no y, 40 no rows: by number, 7 is told of. */
Test(turns, that_fail_do_not_stop_the_others)
{
    for (uint32_t threads = 1; threads <= 3; threads++) {
        crowd *c = crowd_create(), *alone = crowd_create();
        bp_error error;

        deal(c, CALLS - 1);
        deal(alone, CALLS - 1);
        step_one_by_one(alone);
        spoil(c, 20);
        deal(c, CALLS - 1);
        c->turn[20].x = c->problem[20].x;
        c->turn[7].y = NULL;
        c->turn[40].rows = 0;
        cr_assert_eq(bp_trainers_step(c->turn, CROWD, threads, &error), BP_INVALID);
        cr_assert_str_eq(error.text, "turn 8 of 60: a minibatch needs both x and y");
        cr_assert_eq(error.status, BP_INVALID);
        for (size_t i = 0; i < CROWD; i++) {
            bp_status wanted = i == 20 ? BP_DIVERGED : i == 7 || i == 40 ? BP_INVALID : BP_OK;
            cr_assert_eq(c->turn[i].status, (int32_t)wanted, "trainer %zu: status %d", i, c->turn[i].status);
            if (wanted == BP_OK) {
                cr_assert(c->turn[i].J == alone->turn[i].J, "trainer %zu", i);
                continue;
            }
            cr_assert(c->turn[i].J == -1, "J of trainer %zu was written", i);
            assert_kept(c, i);
        }
        cr_assert_eq(bp_trainers_step(c->turn + 8, CROWD - 8, threads, &error), BP_DIVERGED);
        cr_assert_str_eq(error.text, "turn 13 of 52: step 1: the loss is not finite");
        cr_assert(error.status == BP_DIVERGED && error.step == 1 && error.layer == 0);
        cr_assert_eq(bp_trainers_step(c->turn, CROWD, threads, NULL), BP_INVALID, "without an error to write");
        crowd_free(c);
        crowd_free(alone);
    }
}

/* It is as far as bp_trainer_step would have come. */
Test(turns, that_diverge_on_the_way_say_at_which_step)
{
    problem p = random_problem(4);
    bp_network *network = problem_network(&p), *other = problem_network(&p);
    uint64_t batch = p.settings.batch_size, count = bp_network_parameters(network);
    bp_trainer *trainer = problem_trainer(&p, network), *stepped = problem_trainer(&p, other);
    bp_turn turn = {.trainer = trainer, .x = p.x, .y = p.y, .rows = p.rows, .J = -1};
    bp_error error;

    cr_assert_gt(p.rows, batch);
    p.x[batch * p.inputs] = INFINITY;
    cr_assert_eq(bp_trainers_step(&turn, 1, 1, &error), BP_DIVERGED);
    cr_assert_str_eq(error.text, "turn 1 of 1: step 2: the loss is not finite");
    cr_assert(error.step == 2 && error.layer == 0 && turn.J == -1);
    cr_assert_eq(bp_trainer_step(stepped, batch, p.x, p.y, NULL, NULL, NULL), BP_OK);
    float *a = problem_parameters(network), *b = problem_parameters(other);
    cr_assert_eq(problem_first_difference(a, b, count), count);
    free(a);
    free(b);
    bp_trainer_free(trainer);
    bp_trainer_free(stepped);
    bp_network_free(network);
    bp_network_free(other);
    problem_free(&p);
}

Test(turns, of_nobody_are_well_and_of_no_threads_refused)
{
    bp_error error;
    crowd *c = crowd_create();

    deal(c, 0);
    cr_assert_eq(bp_trainers_step(NULL, 0, 3, &error), BP_OK);
    cr_assert_eq(bp_trainers_step(c->turn, CROWD, 0, &error), BP_INVALID);
    cr_assert(strstr(error.text, "threads: 0"), "%s", error.text);
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert_eq(c->turn[i].status, -1);
        assert_kept(c, i);
    }
    crowd_free(c);
}

/* 8-16-1 on 32 rows: a few microseconds each. */
Test(turns, get_as_many_threads_as_their_work_is_worth)
{
    problem p = workload_problem(0);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_turn same[1000];

    for (size_t i = 0; i < 1000; i++)
        same[i] = (bp_turn){.trainer = trainer, .x = p.x, .y = p.y, .rows = p.settings.batch_size};
    cr_assert_eq(bp_turns_threads(same, 3, 8), 1, "3 tiny steps are not worth a parallel region");
    cr_assert_eq(bp_turns_threads(same, 1000, 2), 2);
    cr_assert_eq(bp_turns_threads(same, 1000, 1), 1);
    for (uint64_t count = 2, last = 1; count < 1000; count++) {
        unsigned threads = bp_turns_threads(same, count, 64);
        cr_assert(threads >= last && threads <= count && threads <= 64, "%u threads for %llu", threads, (unsigned long long)count);
        last = threads;
    }
    for (size_t i = 0; i < 3; i++)
        same[i].rows = UINT64_C(1) << 40; /* a year's work is one thread's where it is one trainer's */
    cr_assert_eq(bp_turns_threads(same, 3, 64), 3);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}
