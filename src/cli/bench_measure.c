/* The rounds of bench: fits that are timed in blocks of steps.
 *
 * A block is one parallel region and a millisecond or an epoch long, so that the region's opening, the clock and the callback
 * between two blocks count for little: all three take some 0.3 us.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "bench_error.h"
#include "clock.h"
#include "error.h"
#include "peak.h"

#define BLOCK_SECONDS 1e-3 /* of a block at least, where the epoch is long enough */
#define EPOCH_SECONDS 4e-3 /* of an epoch's steps at least, where there are rows enough */
#define ROUND_SECONDS 0.1  /* at least: a fit tries both paces in its first 25 ms, and the median must not see it */
#define ROUND_STEPS 8      /* at least, for the same reason */

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sorts them. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count ? values[count / 2] : 0;
}

double bp_bench_step(const bp_bench_way *way)
{
    double sorted[BP_BENCH_ROUNDS];

    memcpy(sorted, way->round, sizeof sorted);
    return median(sorted, way->rounds);
}

/* A block has ended. What went before the order was ready belongs to no step. */
static int take_block(void *context, const bp_progress *progress)
{
    bp_bench *bench = context;
    bp_bench_way *way = bench->running;
    double now = bp_clock(), began = bench->last_time;

    if (way->trainer->order_ended > began) {
        began = way->trainer->order_ended;
        way->order += began - way->trainer->order_began;
        way->order_steps += (double)way->minibatches;
    }
    if (bench->blocks < BP_BENCH_BLOCKS)
        bench->block[bench->blocks++] = (now - began) / (double)(progress->step - bench->last_step);
    way->steps += progress->step - bench->last_step;
    bench->last_step = progress->step;
    bench->last_time = bp_clock(); /* without the time of this function */
    return now >= bench->end;
}

/* Blocks of the way for so long; *step gets their median, and the block that was fastest is remembered. */
static bp_status run_blocks(bp_bench *bench, bp_bench_way *way, double seconds, double *step, bp_error *error)
{
    bp_callbacks callbacks = {.context = bench, .pause = take_block, .pause_steps = way->block};
    bp_rows rows = {bench->index, way->minibatches * bench->shape.settings.batch_size};
    bp_status status;

    bench->running = way;
    bench->blocks = 0;
    bench->last_step = 0;
    bench->last_time = bp_clock();
    bench->end = bench->last_time + seconds;
    way->trainer->fit = (bp_fit_state){.epoch = 0}; /* a new fit, wherever the last one was stopped, and of other rows perhaps */
    way->trainer->data[0] = '\0';
    status = bp_trainer_fit(way->trainer, NULL, bench->examples, rows, NULL, (bp_rows){NULL, 0}, &callbacks, NULL, error);
    *step = median(bench->block, bench->blocks);
    if (bench->blocks && bench->block[0] < way->least)
        way->least = bench->block[0];
    return status == BP_CANCELLED ? BP_OK : status;
}

static void choose_lengths(const bp_bench *bench, bp_bench_way *way, double step)
{
    uint64_t rows = BP_BENCH_EPOCH * bench->shape.settings.batch_size;

    way->minibatches = BP_BENCH_EPOCH;
    while (2 * rows <= bench->indices && (double)way->minibatches * step < EPOCH_SECONDS) {
        way->minibatches *= 2;
        rows *= 2;
    }
    way->block = 1;
    while (way->block < way->minibatches && (double)way->block * step < BLOCK_SECONDS)
        way->block *= 2;
}

static bp_status create(const bp_bench *bench, bp_bench_way *way, bp_error *error)
{
    bp_settings settings = bench->shape.settings;

    settings.precision = way->precision;
    settings.threads = (uint32_t)way->threads;
    settings.exact_threads = way->threads != 0; /* the number that was asked for is what is measured */
    settings.epochs = 16777215;
    BP_TRY(bp_network_create(&settings, bench->shape.inputs, bench->shape.outputs, NULL, &way->network, error));
    return bp_trainer_create(way->network, &settings, NULL, 0, NULL, &way->trainer, error);
}

static void rest(void)
{
    struct timespec half = {0, 500000000};
    nanosleep(&half, NULL);
}

static bp_status create_all(bp_bench *bench, bp_error *error)
{
    for (size_t i = 0; i < bench->ways; i++)
        BP_TRY(create(bench, &bench->way[i], error));
    rest();
    for (size_t i = 0; i < bench->ways; i++) {
        const bp_plan *plan = &bench->way[i].trainer->plan;
        bench->way[i].cold = bp_peak_gflops(&plan->arithmetic, plan->threads);
    }
    return BP_OK;
}

/* Lengths of blocks: from single steps first, which make short steps look long, then from blocks. */
static bp_status choose(bp_bench *bench, bp_bench_way *way, double *step, bp_error *error)
{
    way->minibatches = BP_BENCH_EPOCH;
    way->block = 1;
    for (int i = 0; i < 2; i++) {
        BP_TRY(run_blocks(bench, way, bench->seconds / 20, step, error));
        choose_lengths(bench, way, *step);
    }
    way->least = *step;
    way->steps = 0;
    return BP_OK;
}

static bp_status measure_phases(bp_bench *bench, bp_bench_way *way, bp_error *error)
{
    uint64_t steps = way->steps;
    double step, least = way->least;

    memset(way->trainer->phase_seconds, 0, sizeof way->trainer->phase_seconds);
    way->trainer->timed = true;
    BP_TRY(run_blocks(bench, way, bench->seconds / 10, &step, error));
    way->trainer->timed = false;
    for (int i = 0; i < BP_PHASES; i++)
        way->phase[i] = way->trainer->phase_seconds[i] / (double)(way->steps - steps);
    way->steps = steps;
    way->least = least; /* clocks inside the steps make them slower */
    return BP_OK;
}

static size_t choose_rounds(const bp_bench *bench, double step)
{
    double least = step * ROUND_STEPS > ROUND_SECONDS ? step * ROUND_STEPS : ROUND_SECONDS, rounds = bench->seconds / least;
    return rounds < 1 ? 1 : rounds > BP_BENCH_ROUNDS ? BP_BENCH_ROUNDS : (size_t)rounds;
}

static bp_status run_rounds(bp_bench *bench, size_t rounds, bp_error *error)
{
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < bench->ways; i++) {
            bp_bench_way *way = &bench->way[i];
            BP_TRY(run_blocks(bench, way, bench->seconds / (double)rounds, &way->round[round], error));
            way->rounds = round + 1;
            if (round + 1 == rounds)
                way->hot = bp_peak_gflops(&way->trainer->plan.arithmetic, way->trainer->plan.threads);
        }
    return BP_OK;
}

bp_status bp_bench_measure(bp_bench *bench, bp_error *error)
{
    double step, slowest = 0;

    BP_TRY(create_all(bench, error));
    for (size_t i = 0; i < bench->ways; i++) {
        BP_TRY(choose(bench, &bench->way[i], &step, error));
        slowest = step > slowest ? step : slowest;
    }
    BP_TRY(run_rounds(bench, choose_rounds(bench, slowest), error));
    for (size_t i = 0; i < bench->ways; i++)
        BP_TRY(measure_phases(bench, &bench->way[i], error));
    for (size_t i = 0; i < bench->ways; i++)
        bench->way[i].product_error = bp_product_error(&bench->way[i].trainer->plan.arithmetic);
    return BP_OK;
}
