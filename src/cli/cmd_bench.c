/* backprop bench: how fast steps are, beside the peak that the same threads reach in the same process.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "message.h"
#include "options.h"
#include "settings.h"
#include "text.h"

/* The next item of "1,2,auto"; moves *text behind it and its comma, and to NULL behind the last. False where it is too long. */
static bool take_item(const char **text, char item[24])
{
    size_t length = strcspn(*text, ",");

    if (length >= 24)
        return false;
    snprintf(item, 24, "%.*s", (int)length, *text);
    *text = (*text)[length] ? *text + length + 1 : NULL;
    return true;
}

static bool read_threads(const char *text, bp_bench *bench)
{
    char item[24];

    for (bench->ways = 0; text;) {
        if (bench->ways == BP_BENCH_WAYS || !take_item(&text, item))
            return false;
        uint64_t *threads = &bench->way[bench->ways++].threads;
        if (strcmp(item, "auto") != 0 && bp_option_list(item, 1, 65536, threads, 1) == 0)
            return false;
    }
    return true;
}

/* All threads for each precision. */
static bool read_precisions(const char *text, bp_bench *bench)
{
    size_t each = bench->ways;
    bp_settings settings = bench->arguments->settings;
    char item[24];

    for (bench->ways = 0; text; bench->ways += each) {
        if (bench->ways + each > BP_BENCH_WAYS || !take_item(&text, item) ||
            bp_settings_set(&settings, "precision", item, NULL) != BP_OK)
            return false;
        for (size_t i = 0; i < each; i++)
            bench->way[bench->ways + i] = (bp_bench_way){.threads = bench->way[i].threads, .precision = settings.precision};
    }
    return true;
}

static int read_options(bp_bench *bench)
{
    const bp_arguments *arguments = bench->arguments;
    const char *threads = bp_option_text(arguments, BP_OPTION_BENCH_THREADS);
    const char *seconds = bp_option_text(arguments, BP_OPTION_SECONDS);
    const char *precision = bp_option_text(arguments, BP_OPTION_BENCH_PRECISION);

    if (!read_threads(threads, bench)) {
        bench->ways = 0;
        return bp_say_usage(arguments->command, "--threads '%.100s': expected numbers such as 1,2,4, or auto", threads);
    }
    if (!read_precisions(precision, bench)) {
        bench->ways = 0;
        return bp_say_usage(arguments->command, "--precision '%.100s': expected f32, bf16, bf16x2 or bf16x3, or several",
                            precision);
    }
    if (!bp_text_parse_f64(seconds, strlen(seconds), &bench->seconds) || bench->seconds <= 0 || bench->seconds > 1e6)
        return bp_say_usage(arguments->command, "--seconds '%.100s': expected a number above 0", seconds);
    if (bp_settings_full_batch(&arguments->settings))
        return bp_say_usage(arguments->command,
                            "--optimizer lbfgs and rprop take all rows for each update: there are no steps to measure");
    if (arguments->settings.batch_size == 0)
        return bp_say_usage(arguments->command, "--batch-size full: there are no data to be full of");
    return bp_shape_read(arguments, "784,512,10", &bench->shape);
}

static int measure_and_print(bp_bench *bench)
{
    bp_error error;
    int code = BP_EXIT_DONE;

    if (bp_bench_measure(bench, &error) != BP_OK)
        return bp_say_error(bench->arguments, &error);
    for (size_t i = 0; i < bench->ways && code == BP_EXIT_DONE; i++)
        code = bp_bench_print(bench, &bench->way[i]);
    return code;
}

static int run(bp_arguments *arguments)
{
    bp_bench *bench = calloc(1, sizeof *bench);
    int code;

    if (!bench) {
        bp_say("no memory");
        return BP_EXIT_FAILED;
    }
    bench->arguments = arguments;
    code = read_options(bench);
    if (code == BP_EXIT_DONE)
        code = bp_bench_prepare(bench);
    if (code == BP_EXIT_DONE)
        code = measure_and_print(bench);
    bp_bench_free(bench);
    free(bench);
    return code;
}

static const char *const settings[] = {"activation",    "loss",         "optimizer", "momentum",   "nesterov",
                                       "learning-rate", "weight-decay", "l1",        "batch-size", "seed",
                                       "gradient",      "isa",          NULL};
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
