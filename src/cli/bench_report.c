/* What bench tells of a way.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "bench.h"
#include "bench_error.h"
#include "report.h"

static const char *const phase_names[BP_PHASES] = {
    [BP_PHASE_GATHER] = "gather",     [BP_PHASE_FORWARD] = "forward",   [BP_PHASE_LOSS] = "loss",
    [BP_PHASE_BACKWARD] = "backward", [BP_PHASE_GRADIENT] = "gradient", [BP_PHASE_WAIT] = "wait"};

/* m (6 P - 2 n0 n1): three products a layer, but no dL/dx for the first. */
static double operations(const bp_bench *bench, const bp_bench_way *way)
{
    const bp_layout *layout = &way->network->layout;
    double weights = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        weights += (double)layout->layer[i].k * layout->layer[i].n;
    return (double)bench->shape.settings.batch_size * (6 * weights - 2.0 * layout->layer[0].k * layout->layer[0].n);
}

/* Each product of terms counts, so that a peak of tiles and a step of three terms can be compared. */
static double fraction(const bp_bench *bench, const bp_bench_way *way)
{
    unsigned terms = way->trainer->plan.arithmetic.terms;
    return operations(bench, way) / bp_bench_step(way) / 1e9 * (terms ? bp_term_products(terms) : 1) / way->hot;
}

static const char *precision(const bp_bench *bench, const bp_bench_way *way, char text[16])
{
    bp_settings settings = bench->shape.settings;

    settings.precision = way->precision;
    bp_settings_get(&settings, "precision", text, 16, NULL);
    return text;
}

static double order(const bp_bench_way *way)
{
    return way->order_steps > 0 ? way->order / way->order_steps : 0;
}

static void threads_text(const bp_bench_way *way, char *text, size_t capacity)
{
    snprintf(text, capacity, way->threads ? "%llu" : "auto", (unsigned long long)way->threads);
}

static void set_setting(json_t *object, const bp_bench *bench, const char *key)
{
    char text[64] = "";

    bp_settings_get(&bench->shape.settings, key, text, sizeof text, NULL);
    json_object_set_new(object, key, json_string(text));
}

static void set_what(json_t *object, const bp_bench *bench, const bp_bench_way *way)
{
    char asked[24], name[16];

    threads_text(way, asked, sizeof asked);
    json_object_set_new(object, "benchmark", json_string("step"));
    json_object_set_new(object, "layers", bp_json_layers(way->network));
    json_object_set_new(object, "batch_size", bp_json_count(bench->shape.settings.batch_size));
    set_setting(object, bench, "activation");
    set_setting(object, bench, "loss");
    set_setting(object, bench, "optimizer");
    set_setting(object, bench, "momentum");
    json_object_set_new(object, "threads_asked", json_string(asked));
    json_object_set_new(object, "threads", bp_json_count(bp_trainer_threads(way->trainer)));
    json_object_set_new(object, "precision", json_string(precision(bench, way, name)));
    json_object_set_new(object, "isa", json_string(bp_trainer_isa(way->trainer)));
}

static void set_speed(json_t *object, const bp_bench *bench, const bp_bench_way *way)
{
    double step = bp_bench_step(way), gflops = operations(bench, way) / step / 1e9;

    json_object_set_new(object, "steps", bp_json_count(way->steps));
    json_object_set_new(object, "step_seconds_median", bp_json_number(step));
    json_object_set_new(object, "step_seconds_min", bp_json_number(way->least));
    json_object_set_new(object, "samples", bp_json_numbers(way->round, way->rounds));
    json_object_set_new(object, "order_seconds", bp_json_number(order(way)));
    json_object_set_new(object, "examples_per_second", bp_json_number((double)bench->shape.settings.batch_size / step));
    json_object_set_new(object, "gflops", bp_json_number(gflops));
    json_object_set_new(object, "peak_gflops_cold", bp_json_number(way->cold));
    json_object_set_new(object, "peak_gflops_hot", bp_json_number(way->hot));
    json_object_set_new(object, "fraction_of_peak", bp_json_number(fraction(bench, way)));
    json_object_set_new(object, "product_error", bp_json_number(way->product_error));
}

static int print_json(const bp_bench *bench, const bp_bench_way *way)
{
    json_t *object = json_object(), *phases = json_object();

    for (int i = 0; i < BP_PHASES; i++)
        json_object_set_new(phases, phase_names[i], bp_json_number(way->phase[i]));
    set_what(object, bench, way);
    set_speed(object, bench, way);
    json_object_set_new(object, "phase_seconds", phases);
    json_object_set_new(object, "peak_memory_bytes", bp_json_count(bp_peak_memory()));
    json_object_set_new(object, "machine", bp_bench_machine());
    return bp_json_print(object);
}

static void print_text(const bp_bench *bench, const bp_bench_way *way)
{
    double step = bp_bench_step(way), gflops = operations(bench, way) / step / 1e9;
    char name[16];

    bp_layers_print(way->network);
    printf(", minibatch %llu, threads %lu, %s, %s\n", (unsigned long long)bench->shape.settings.batch_size,
           (unsigned long)bp_trainer_threads(way->trainer), precision(bench, way, name), bp_trainer_isa(way->trainer));
    printf("  step       %.4g us median, %.4g us least, %llu steps\n", 1e6 * step, 1e6 * way->least,
           (unsigned long long)way->steps);
    printf("  order      %.4g us: a step's share of the order of examples, made once an epoch, not in the step\n",
           1e6 * order(way));
    printf("  examples   %.0f /s\n", (double)bench->shape.settings.batch_size / step);
    printf("  arithmetic %.1f GF/s, %.1f %% of the hot peak %.1f (cold %.1f)\n", gflops, 100 * fraction(bench, way), way->hot,
           way->cold);
    printf("  error      %.1e of sum |a| |b| at most, of products %d long\n  phases    ", way->product_error, BP_ERROR_LENGTH);
    for (int i = 0; i < BP_PHASES; i++)
        printf(" %s %.4g us%s", phase_names[i], 1e6 * way->phase[i], i + 1 < BP_PHASES ? "," : "\n");
}

int bp_bench_print(const bp_bench *bench, const bp_bench_way *way)
{
    if (bench->arguments->option[BP_OPTION_JSON])
        return print_json(bench, way);
    print_text(bench, way);
    return BP_EXIT_DONE;
}
