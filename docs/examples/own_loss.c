/* A loss of one's own: the pinball loss, whose minimum is a quantile.
 *
 * backprop gives the predictions y^ and takes dL/dy^ of each example; everything between is its work. Here
 * L = q (y - y^) where y > y^, (1 - q) (y^ - y) elsewhere, so the network learns the value that y stays below with
 * probability q. y is x plus noise that grows with x; after training, a share q of the points must lie below.
 *
 *   cc own_loss.c $(pkg-config --cflags --libs backprop) -o own_loss && ./own_loss
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <backprop.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 4096, BATCH = 256, EPOCHS = 60 };

static const float quantile = 0.9f;
static float x[ROWS], y[ROWS];

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
    for (int i = 0; i < ROWS; i++) {
        x[i] = uniform();
        y[i] = x[i] + (0.1f + x[i]) * (uniform() - 0.5f);
    }
}

/* One step on BATCH rows that begin at `first`. */
static void step(bp_trainer *trainer, int first)
{
    float y_hat[BATCH], d_y_hat[BATCH];
    bp_error error;

    check(bp_trainer_forward(trainer, BATCH, x + first, y_hat, &error), &error);
    for (int i = 0; i < BATCH; i++) /* dL/dy^, not divided by BATCH */
        d_y_hat[i] = y[first + i] > y_hat[i] ? -quantile : 1 - quantile;
    check(bp_trainer_backward(trainer, d_y_hat, NULL, &error), &error);
    check(bp_trainer_update(trainer, 0.003, &error), &error);
}

/* The share of points below the network's curve. */
static double share_below(const bp_network *network)
{
    static float y_hat[ROWS];
    bp_workspace *workspace;
    bp_error error;
    int below = 0;

    check(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, &error), &error);
    check(bp_network_predict(network, workspace, ROWS, x, y_hat, &error), &error);
    bp_workspace_free(workspace);
    for (int i = 0; i < ROWS; i++)
        below += y[i] <= y_hat[i];
    return (double)below / ROWS;
}

int main(void)
{
    bp_settings settings;
    bp_network *network;
    bp_trainer *trainer;
    bp_error error;

    make_data();
    bp_settings_init(&settings, sizeof settings);
    check(bp_settings_set(&settings, "hidden", "32", &error), &error);
    check(bp_settings_set(&settings, "batch-size", "256", &error), &error);
    check(bp_network_create(&settings, 1, 1, NULL, &network, &error), &error);
    check(bp_trainer_create(network, &settings, NULL, 0, NULL, &trainer, &error), &error);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (int first = 0; first < ROWS; first += BATCH)
            step(trainer, first);
    bp_trainer_free(trainer);
    printf("share below the %g quantile: %g\n", (double)quantile, share_below(network));
    bp_network_free(network);
    return 0;
}
