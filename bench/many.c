/* Steps as a caller feeds them: many small networks in one call on one thread and on several, and one network a minibatch at a
 * time beside the same steps inside a fit.
 *
 *     cmake -B build -DBP_BENCH=ON && cmake --build build && build/bench_many [THREADS [NETWORKS]]
 *
 * Ways take turns, a few milliseconds each; the median and the least of all turns are told. Networks 8-16-1, m 32, sgd.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "backprop.h"
#include "clock.h"

enum { INPUTS = 8, M = 32, FED = 4096, TURNS = 151, CALL_STEPS = 16 };

typedef struct crowd {
    bp_network **network;
    bp_trainer **trainer;
    bp_turn *turn;
    uint64_t count;
} crowd;

static float x[(size_t)FED * M * INPUTS], y[(size_t)FED * M];

static void check(bp_status status, const bp_error *error)
{
    if (status == BP_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static void *take(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        exit(1);
    return memory;
}

static void make_data(void)
{
    uint32_t state = 1;

    for (size_t row = 0; row < (size_t)FED * M; row++) {
        y[row] = 0;
        for (size_t i = 0; i < INPUTS; i++) {
            state = state * 1664525u + 1013904223u;
            x[row * INPUTS + i] = (float)(state >> 8) * 0x1p-23f - 1;
            y[row] += x[row * INPUTS + i] * (i % 2 ? 0.5f : -0.25f);
        }
    }
}

static bp_settings settings_for(uint64_t seed)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.hidden[0] = 16;
    settings.hidden_count = 1;
    settings.optimizer = BP_SGD;
    settings.batch_size = M;
    settings.shuffle = BP_SHUFFLE_NONE;
    settings.epochs = 1;
    settings.threads = 1;
    settings.seed = seed;
    return settings;
}

static void make_pair(uint64_t seed, bp_network **network, bp_trainer **trainer)
{
    bp_settings settings = settings_for(seed);
    bp_error error;

    check(bp_network_create(&settings, INPUTS, 1, NULL, network, &error), &error);
    check(bp_trainer_create(*network, &settings, NULL, 0, NULL, trainer, &error), &error);
}

static crowd make_crowd(uint64_t count)
{
    crowd c = {take(count, sizeof *c.network), take(count, sizeof *c.trainer), take(count, sizeof *c.turn), count};

    for (uint64_t i = 0; i < count; i++) {
        size_t first = i % FED * M;
        make_pair(i, &c.network[i], &c.trainer[i]);
        c.turn[i] = (bp_turn){.trainer = c.trainer[i], .x = x + first * INPUTS, .y = y + first, .rows = M};
    }
    return c;
}

static void free_crowd(crowd *c)
{
    for (uint64_t i = 0; i < c->count; i++) {
        bp_trainer_free(c->trainer[i]);
        bp_network_free(c->network[i]);
    }
    free(c->network);
    free(c->trainer);
    free(c->turn);
}

/* ------------------------------------------------------------------------------------ ways: each returns seconds a step */

/* Calls with `steps` minibatches for each network, several milliseconds of them. */
static double step_crowd(crowd *c, uint32_t threads, uint64_t steps)
{
    uint64_t calls = 1 + 8192 / (c->count * steps);
    bp_error error;

    for (uint64_t i = 0; i < c->count; i++) {
        size_t first = i % (FED - steps + 1) * M;
        c->turn[i].x = x + first * INPUTS;
        c->turn[i].y = y + first;
        c->turn[i].rows = steps * M;
    }
    double since = bp_clock();
    for (uint64_t call = 0; call < calls; call++)
        check(bp_trainers_step(c->turn, c->count, threads, &error), &error);
    return (bp_clock() - since) / (double)(calls * c->count * steps);
}

static double feed(bp_trainer *trainer)
{
    bp_error error;
    double since = bp_clock();

    for (size_t step = 0; step < FED; step++)
        check(bp_trainer_step(trainer, M, x + step * M * INPUTS, y + step * M, NULL, NULL, &error), &error);
    return (bp_clock() - since) / FED;
}

static double feed_in_turns(bp_trainer *trainer)
{
    bp_error error;
    double since = bp_clock();

    for (size_t step = 0; step < FED; step++) {
        bp_turn turn = {.trainer = trainer, .x = x + step * M * INPUTS, .y = y + step * M, .rows = M};
        check(bp_trainers_step(&turn, 1, 1, &error), &error);
    }
    return (bp_clock() - since) / FED;
}

/* The same steps in a call of their own: what a step takes without a caller between. */
static double walk(bp_trainer *trainer)
{
    bp_turn turn = {.trainer = trainer, .x = x, .y = y, .rows = (uint64_t)FED * M};
    bp_error error;
    double since = bp_clock();

    check(bp_trainers_step(&turn, 1, 1, &error), &error);
    return (bp_clock() - since) / FED;
}

/* A fit of one epoch; its set-up and end are in the time, spread over 4,096 steps. */
static double fit(const bp_examples *examples)
{
    bp_network *network;
    bp_trainer *trainer;
    bp_error error;

    make_pair(1, &network, &trainer);
    double since = bp_clock();
    check(bp_trainer_fit(trainer, NULL, examples, (bp_rows){NULL, 0}, NULL, (bp_rows){NULL, 0}, NULL, NULL, &error), &error);
    double seconds = bp_clock() - since;
    bp_trainer_free(trainer);
    bp_network_free(network);
    return seconds / FED;
}

/* -------------------------------------------------------------------------------------------------------------- report */

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

typedef struct times {
    double least, median; /* microseconds */
} times;

static times sorted(double *values)
{
    qsort(values, TURNS, sizeof *values, ascending);
    return (times){values[0] * 1e6, values[TURNS / 2] * 1e6};
}

static void compare_teams(uint64_t count, uint32_t threads, uint64_t steps)
{
    static double one[TURNS], many[TURNS];
    crowd c = make_crowd(count);

    for (int t = 0; t < TURNS; t++) {
        one[t] = step_crowd(&c, 1, steps);
        many[t] = step_crowd(&c, threads, steps);
    }
    times alone = sorted(one), shared = sorted(many);
    printf("%5llu networks, %2llu steps a call: %6.3f us a step on 1 thread (least %.3f), %6.3f on %u (%.3f): %.2f x the rate "
           "(%.2f)\n",
           (unsigned long long)count, (unsigned long long)steps, alone.median, alone.least, shared.median, threads, shared.least,
           alone.median / shared.median, alone.least / shared.least);
    free_crowd(&c);
}

static void compare_callers(void)
{
    static double in_fit[TURNS], walked[TURNS], fed[TURNS], turned[TURNS];
    bp_array x_array = {x, BP_TYPE_F32, 0, (uint64_t)FED * M, INPUTS, 0}, y_array = {y, BP_TYPE_F32, 0, (uint64_t)FED * M, 1, 0};
    bp_examples *examples;
    bp_error error;
    crowd c = make_crowd(1);

    check(bp_examples_borrow(&x_array, &y_array, NULL, NULL, &examples, &error), &error);
    for (int t = 0; t < TURNS; t++) {
        in_fit[t] = fit(examples);
        walked[t] = walk(c.trainer[0]);
        fed[t] = feed(c.trainer[0]);
        turned[t] = feed_in_turns(c.trainer[0]);
    }
    const struct {
        const char *name;
        times times;
    } way[] = {{"in a fit", sorted(in_fit)},
               {"in one call of bp_trainers_step", sorted(walked)},
               {"by bp_trainer_step", sorted(fed)},
               {"by bp_trainers_step", sorted(turned)}};
    for (size_t i = 0; i < 4; i++)
        printf("one network, steps %-32s %6.3f us (least %.3f), %+.3f (%+.3f) to a fit's\n", way[i].name, way[i].times.median,
               way[i].times.least, way[i].times.median - way[0].times.median, way[i].times.least - way[0].times.least);
    bp_examples_free(examples);
    free_crowd(&c);
}

int main(int count, char **words)
{
    uint32_t threads = count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : 2;
    uint64_t networks = count > 2 ? strtoull(words[2], NULL, 10) : 1000;

    if (threads < 1 || networks < 1) {
        fprintf(stderr, "bench_many [THREADS [NETWORKS]]\n");
        return 2;
    }
    make_data();
    compare_callers();
    compare_teams(networks, threads, 1);
    compare_teams(networks, threads, CALL_STEPS);
    compare_teams(16, threads, 1);
    compare_teams(100, threads, 1);
    return 0;
}
