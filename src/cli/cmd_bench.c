/* backprop bench: how fast steps are, beside the peak that the same threads reach in the same process.
 *
 * Steps are those of a fit on random examples. They are timed in blocks, each inside one parallel region, so that the region's
 * opening and closing does not count; a step's time is its block's over the number of steps.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "message.h"
#include "options.h"
#include "peak.h"
#include "report.h"
#include "shape.h"
#include "size.h"
#include "text.h"
#include "trainer.h"

#define THREADS_MAX 64     /* combinations in one call */
#define MINIBATCHES 16     /* of an epoch */
#define BLOCK_SECONDS 1e-3 /* of a block at least, so that the clock's own time does not count */
#define BLOCKS_MAX 100000

typedef struct bench {
    const bp_arguments *arguments;
    bp_shape shape;
    uint64_t threads[THREADS_MAX];
    size_t thread_counts;
    double seconds;
    uint64_t rows;
    float *x;
    float *y;
    bp_examples *examples;

    bp_network *network;
    bp_trainer *trainer;
    double *block; /* [BLOCKS_MAX]: seconds of a step, block by block */
    size_t blocks;
    uint64_t steps;
    uint64_t last_step;
    double last_time;
    double end;
    double cold, hot; /* peaks, in 1e9 operations a second */
} bench;

/* --------------------------------------------------------------------------------------------------------- measuring */

static int pause_steps(void *context, const bp_progress *progress)
{
    bench *b = context;
    double now = bp_clock();
    uint64_t steps = progress->step - b->last_step;

    if (steps > 0 && b->blocks < BLOCKS_MAX) {
        b->block[b->blocks++] = (now - b->last_time) / (double)steps;
        b->steps += steps;
    }
    b->last_step = progress->step;
    b->last_time = bp_clock(); /* without the time of this function */
    return now >= b->end || b->blocks == BLOCKS_MAX;
}

/* An epoch's end takes time that belongs to no step. */
static int epoch_ends(void *context, const bp_progress *progress)
{
    bench *b = context;

    b->last_step = progress->step;
    b->last_time = bp_clock();
    return b->last_time >= b->end;
}

static bp_status run_steps(bench *b, uint64_t block_steps, double seconds, bp_error *error)
{
    bp_callbacks callbacks = {.context = b, .epoch = epoch_ends, .pause = pause_steps, .pause_steps = block_steps};
    bp_rows rows = {NULL, b->rows};
    bp_status status;

    b->blocks = 0;
    b->steps = 0;
    b->last_step = b->trainer->fit.steps;
    b->last_time = bp_clock();
    b->end = b->last_time + seconds;
    status = bp_trainer_fit(b->trainer, NULL, b->examples, rows, NULL, (bp_rows){NULL, 0}, &callbacks, NULL, error);
    return status == BP_CANCELLED ? BP_OK : status;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(bench *b)
{
    qsort(b->block, b->blocks, sizeof *b->block, by_value);
    return b->blocks ? b->block[b->blocks / 2] : 0;
}

/* Steps that make a block: a divisor of an epoch's, so that no block is cut by its end. */
static uint64_t choose_block(double step)
{
    uint64_t block = 1;
    while (block < MINIBATCHES && (double)block * step < BLOCK_SECONDS)
        block *= 2;
    return block;
}

static void rest(void)
{
    struct timespec half = {0, 500000000};
    nanosleep(&half, NULL);
}

/* Cold peak, steps, hot peak; then phases, with clocks inside the steps. */
static bp_status measure(bench *b, bp_error *error)
{
    const bp_plan *plan = &b->trainer->plan;
    bp_status status;

    rest();
    b->cold = bp_peak_gflops(plan->kernels, plan->threads);
    status = run_steps(b, 1, b->seconds / 10, error);
    if (status == BP_OK)
        status = run_steps(b, choose_block(median(b)), b->seconds, error);
    b->hot = bp_peak_gflops(plan->kernels, plan->threads);
    return status;
}

static bp_status measure_phases(bench *b, double phases[BP_PHASES], bp_error *error)
{
    uint64_t steps = b->steps;
    bp_status status;

    memset(b->trainer->phase_seconds, 0, sizeof b->trainer->phase_seconds);
    b->trainer->timed = true;
    status = run_steps(b, MINIBATCHES, b->seconds / 10, error);
    b->trainer->timed = false;
    for (int i = 0; i < BP_PHASES; i++)
        phases[i] = b->steps ? b->trainer->phase_seconds[i] / (double)b->steps : 0;
    b->steps = steps;
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- printing */

/* m (6 P - 2 n0 n1): three products a layer, but no dL/dx for the first. */
static double operations(const bench *b)
{
    const bp_layout *layout = &b->network->layout;
    double weights = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        weights += (double)layout->layer[i].k * layout->layer[i].n;
    return (double)b->shape.settings.batch_size * (6 * weights - 2.0 * layout->layer[0].k * layout->layer[0].n);
}

static const char *const phase_names[BP_PHASES] = {
    [BP_PHASE_GATHER] = "gather",     [BP_PHASE_FORWARD] = "forward",   [BP_PHASE_LOSS] = "loss",
    [BP_PHASE_BACKWARD] = "backward", [BP_PHASE_GRADIENT] = "gradient", [BP_PHASE_WAIT] = "wait"};

static int print_json(const bench *b, double step, double least, const double phases[BP_PHASES])
{
    json_t *object = json_object(), *seconds = json_object();
    double gflops = operations(b) / step / 1e9;

    for (int i = 0; i < BP_PHASES; i++)
        json_object_set_new(seconds, phase_names[i], bp_json_number(phases[i]));
    json_object_set_new(object, "layers", bp_json_layers(b->network));
    json_object_set_new(object, "batch_size", bp_json_count(b->shape.settings.batch_size));
    json_object_set_new(object, "threads", bp_json_count(bp_trainer_threads(b->trainer)));
    json_object_set_new(object, "precision", json_string("f32"));
    json_object_set_new(object, "isa", json_string(bp_trainer_isa(b->trainer)));
    json_object_set_new(object, "steps", bp_json_count(b->steps));
    json_object_set_new(object, "step_seconds_median", bp_json_number(step));
    json_object_set_new(object, "step_seconds_min", bp_json_number(least));
    json_object_set_new(object, "examples_per_second", bp_json_number((double)b->shape.settings.batch_size / step));
    json_object_set_new(object, "gflops", bp_json_number(gflops));
    json_object_set_new(object, "peak_gflops_cold", bp_json_number(b->cold));
    json_object_set_new(object, "peak_gflops_hot", bp_json_number(b->hot));
    json_object_set_new(object, "fraction_of_peak", bp_json_number(gflops / b->hot));
    json_object_set_new(object, "phase_seconds", seconds);
    return bp_json_print(object);
}

static void print_text(const bench *b, double step, double least, const double phases[BP_PHASES])
{
    double gflops = operations(b) / step / 1e9;

    bp_layers_print(b->network);
    printf(", minibatch %llu, threads %lu, f32, %s\n", (unsigned long long)b->shape.settings.batch_size,
           (unsigned long)bp_trainer_threads(b->trainer), bp_trainer_isa(b->trainer));
    printf("  step       %.1f us median, %.1f us least, %llu steps\n", 1e6 * step, 1e6 * least, (unsigned long long)b->steps);
    printf("  examples   %.0f /s\n", (double)b->shape.settings.batch_size / step);
    printf("  arithmetic %.1f GF/s, %.1f %% of the hot peak %.1f (cold %.1f)\n  phases    ", gflops, 100 * gflops / b->hot, b->hot,
           b->cold);
    for (int i = 0; i < BP_PHASES; i++)
        printf(" %s %.1f us%s", phase_names[i], 1e6 * phases[i], i + 1 < BP_PHASES ? "," : "\n");
}

static int print(bench *b)
{
    double phases[BP_PHASES], step = median(b), least = b->blocks ? b->block[0] : 0; /* sorted by median */
    bp_error error;

    if (measure_phases(b, phases, &error) != BP_OK)
        return bp_say_error(b->arguments, &error);
    if (b->arguments->option[BP_OPTION_JSON])
        return print_json(b, step, least, phases);
    print_text(b, step, least, phases);
    return BP_EXIT_DONE;
}

/* -------------------------------------------------------------------------------------------------------- combinations */

static bp_status create(bench *b, uint64_t threads, bp_error *error)
{
    bp_settings settings = b->shape.settings;

    settings.threads = (uint32_t)threads;
    settings.exact_threads = threads != 0; /* the number that was asked for is what is measured */
    settings.epochs = 16777215;
    BP_TRY(bp_network_create(&settings, b->shape.inputs, b->shape.outputs, NULL, &b->network, error));
    return bp_trainer_create(b->network, &settings, NULL, 0, NULL, &b->trainer, error);
}

static int run_combination(bench *b, uint64_t threads)
{
    bp_error error;
    int code = BP_EXIT_DONE;

    if (create(b, threads, &error) != BP_OK || measure(b, &error) != BP_OK)
        code = bp_say_error(b->arguments, &error);
    else
        code = print(b);
    fflush(stdout);
    bp_trainer_free(b->trainer);
    bp_network_free(b->network);
    b->trainer = NULL;
    b->network = NULL;
    return code;
}

static int make_examples(bench *b)
{
    uint64_t rows = b->rows;
    bp_array x, y;
    size_t x_count, y_count;
    bp_error error;

    if (bp_size_mul((size_t)rows, b->shape.inputs, &x_count) && bp_size_mul((size_t)rows, b->shape.outputs, &y_count)) {
        b->x = calloc(x_count, sizeof *b->x);
        b->y = calloc(y_count, sizeof *b->y);
    }
    b->block = calloc(BLOCKS_MAX, sizeof *b->block);
    if (!b->x || !b->y || !b->block) {
        bp_say("no memory for %llu examples", (unsigned long long)rows);
        return BP_EXIT_FAILED;
    }
    bp_shape_fill(&b->shape, rows, b->x, b->y);
    x = (bp_array){.data = b->x, .type = BP_TYPE_F32, .rows = rows, .columns = b->shape.inputs};
    y = (bp_array){.data = b->y, .type = BP_TYPE_F32, .rows = rows, .columns = b->shape.outputs};
    if (bp_examples_borrow(&x, &y, NULL, NULL, &b->examples, &error) != BP_OK)
        return bp_say_error(b->arguments, &error);
    return BP_EXIT_DONE;
}

static int read_options(bench *b)
{
    const char *threads = bp_option_text(b->arguments, BP_OPTION_BENCH_THREADS);
    const char *seconds = bp_option_text(b->arguments, BP_OPTION_SECONDS);
    const char *precision = bp_option_text(b->arguments, BP_OPTION_BENCH_PRECISION);

    b->thread_counts = 1;
    if (strcmp(threads, "auto") != 0)
        b->thread_counts = bp_option_list(threads, 1, 65536, b->threads, THREADS_MAX);
    if (b->thread_counts == 0)
        return bp_say_usage(b->arguments->command, "--threads '%.100s': expected numbers such as 1,2,4, or auto", threads);
    if (strcmp(precision, "f32") != 0)
        return bp_say_usage(b->arguments->command, "--precision '%.100s': expected f32", precision);
    if (!bp_text_parse_f64(seconds, strlen(seconds), &b->seconds) || b->seconds <= 0 || b->seconds > 1e6)
        return bp_say_usage(b->arguments->command, "--seconds '%.100s': expected a number above 0", seconds);
    if (b->arguments->settings.batch_size == 0)
        return bp_say_usage(b->arguments->command, "--batch-size full: there are no data to be full of");
    return bp_shape_read(b->arguments, "784,512,10", &b->shape);
}

static int run(bp_arguments *arguments)
{
    bench b = {.arguments = arguments};
    int code = read_options(&b);

    b.rows = b.shape.settings.batch_size * MINIBATCHES;
    if (code == BP_EXIT_DONE)
        code = make_examples(&b);
    for (size_t i = 0; i < b.thread_counts && code == BP_EXIT_DONE; i++)
        code = run_combination(&b, b.threads[i]);
    bp_examples_free(b.examples);
    free(b.x);
    free(b.y);
    free(b.block);
    return code;
}

static const char *const settings[] = {"activation", "loss", "optimizer", "batch-size", "seed", "gradient", "isa", NULL};
static const bp_option_id options[] = {BP_OPTION_LAYERS,
                                       BP_OPTION_BENCH_THREADS,
                                       BP_OPTION_BENCH_PRECISION,
                                       BP_OPTION_SECONDS,
                                       BP_OPTION_JSON,
                                       BP_OPTION_CONFIG,
                                       BP_OPTION_HELP,
                                       BP_OPTIONS};

const bp_command bp_command_bench = {"bench", "", "step time and throughput, beside the machine's peak", 0, 0, settings,
                                     options, run};
