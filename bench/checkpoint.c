/* What a checkpoint costs: 784-1024-1024-1024-10 with adam and early stopping, 14 MB of parameters in five copies.
 *
 *     cmake -B build -DBP_BENCH=ON && cmake --build build && build/bench_checkpoint [FILE]
 *
 * Written 15 times in the middle of a fit, synced to the disk of FILE (bench.checkpoint in the current directory), and removed.
 * Told are the median and the longest, and the share of a run's time at the program's 60 s.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backprop.h"
#include "clock.h"

enum { INPUTS = 784, OUTPUTS = 10, ROWS = 512, TIMES = 15 };

typedef struct subject {
    bp_trainer *trainer;
    const char *path;
    double seconds[TIMES];
} subject;

static float x[ROWS * INPUTS], y[ROWS * OUTPUTS];

static void check(bp_status status, const bp_error *error)
{
    if (status == BP_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static void make_data(void)
{
    uint32_t state = 1;

    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-24f;
    }
    for (size_t row = 0; row < ROWS; row++)
        y[row * OUTPUTS + row % OUTPUTS] = 1;
}

/* At the first epoch's end all blocks are there: the best parameters too. */
static int save(void *context, const bp_progress *progress)
{
    subject *s = context;
    bp_error error;
    (void)progress;

    for (size_t i = 0; i < TIMES; i++) {
        double began = bp_clock();
        check(bp_trainer_checkpoint(s->trainer, s->path, &error), &error);
        s->seconds[i] = bp_clock() - began;
    }
    return 1;
}

static void fit(subject *s)
{
    bp_settings settings;
    bp_network *network;
    bp_examples *examples;
    bp_error error;
    bp_callbacks callbacks = {.context = s, .epoch = save};
    bp_array of_x = {.data = x, .type = BP_TYPE_F32, .rows = ROWS, .columns = INPUTS};
    bp_array of_y = {.data = y, .type = BP_TYPE_F32, .rows = ROWS, .columns = OUTPUTS};

    bp_settings_init(&settings, sizeof settings);
    check(bp_settings_set(&settings, "hidden", "1024,1024,1024", &error), &error);
    check(bp_settings_set(&settings, "loss", "cross_entropy", &error), &error);
    check(bp_examples_borrow(&of_x, &of_y, NULL, NULL, &examples, &error), &error);
    check(bp_network_create(&settings, INPUTS, OUTPUTS, NULL, &network, &error), &error);
    check(bp_trainer_create(network, &settings, NULL, 0, NULL, &s->trainer, &error), &error);
    if (bp_trainer_fit(s->trainer, NULL, examples, (bp_rows){0}, examples, (bp_rows){0}, &callbacks, NULL, &error) != BP_CANCELLED)
        check(BP_INVALID, &error);
    bp_trainer_free(s->trainer);
    bp_network_free(network);
    bp_examples_free(examples);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int count, char **words)
{
    subject s = {.path = count > 1 ? words[1] : "bench.checkpoint"};
    struct stat status;

    make_data();
    fit(&s);
    if (stat(s.path, &status) != 0)
        return 1;
    unlink(s.path);
    qsort(s.seconds, TIMES, sizeof *s.seconds, compare);
    double median = s.seconds[TIMES / 2], longest = s.seconds[TIMES - 1];
    printf("784-1024-1024-1024-10, adam: %.1f MB in %.3f s, at most %.3f s: %.2f GB/s\n", (double)status.st_size / 1e6, median,
           longest, (double)status.st_size / 1e9 / median);
    printf("every 60 s: %.2f %% of the time, at most %.2f %%\n", median / 0.6, longest / 0.6);
    return 0;
}
