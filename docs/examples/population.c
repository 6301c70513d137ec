/* A population: 1,000 small networks, each with a function of its own to learn, stepped by one call.
 *
 * Network i learns y = sin(a x + b) with a and b of its own on points x in [-1, 1]. Every call hands each network 256 points,
 * which are eight minibatches of 32; the networks are spread over the threads, and each gets the bits that it would have had
 * alone.
 *
 *   cc population.c $(pkg-config --cflags --libs backprop) -lm -o population && ./population
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <backprop.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NETWORKS = 1000, POINTS = 256, CALLS = 30 };

static float x[POINTS], y[NETWORKS][POINTS]; /* x is shared */
static bp_network *network[NETWORKS];
static bp_trainer *trainer[NETWORKS];
static bp_turn turn[NETWORKS];

static void check(bp_status status, const bp_error *error)
{
    if (status == BP_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

/* Uniform in [0, 1). */
static float uniform(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (float)(1 << 24);
}

static void make_data(void)
{
    for (int p = 0; p < POINTS; p++)
        x[p] = 2 * uniform() - 1;
    for (int i = 0; i < NETWORKS; i++) {
        float a = 1 + 3 * uniform(), b = 6 * uniform();
        for (int p = 0; p < POINTS; p++)
            y[i][p] = sinf(a * x[p] + b);
    }
}

/* Networks of other shapes, optimizers and rates could stand side by side. */
static void make_population(void)
{
    bp_settings settings;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    check(bp_settings_set(&settings, "hidden", "16", &error), &error);
    check(bp_settings_set(&settings, "activation", "tanh", &error), &error);
    check(bp_settings_set(&settings, "learning-rate", "0.02", &error), &error);
    check(bp_settings_set(&settings, "batch-size", "32", &error), &error);
    for (int i = 0; i < NETWORKS; i++) {
        settings.seed = (uint64_t)i;
        check(bp_network_create(&settings, 1, 1, NULL, &network[i], &error), &error);
        check(bp_trainer_create(network[i], &settings, NULL, 0, NULL, &trainer[i], &error), &error);
        turn[i] = (bp_turn){.trainer = trainer[i], .x = x, .y = y[i], .rows = POINTS};
    }
}

static double mean_loss(void)
{
    double sum = 0;

    for (int i = 0; i < NETWORKS; i++)
        sum += turn[i].J;
    return sum / NETWORKS;
}

int main(void)
{
    uint32_t threads = bp_machine_threads(NULL, 0);
    bp_error error;

    make_data();
    make_population();
    for (int call = 0; call < CALLS; call++)
        check(bp_trainers_step(turn, NETWORKS, threads, &error), &error);
    for (int i = 0; i < NETWORKS; i++) {
        bp_trainer_free(trainer[i]);
        bp_network_free(network[i]);
    }
    printf("mean loss of %d networks: %g\n", NETWORKS, mean_loss());
    return 0;
}
