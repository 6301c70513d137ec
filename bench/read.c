/* Reading one CSV file, in a process of its own, and writing files to read; bench/run read puts it beside others.
 *
 *     bench_read FILE THREADS            {"seconds", "peak_bytes", "data_bytes", "rows", "columns"}: of bp_dataset_read
 *     bench_read --write FILE MEGABYTES COLUMNS KIND
 *
 * peak_bytes is what the process had at most above what it had before reading; data_bytes are those of the columns in their types.
 * Numbers are of a KIND: short -12.3456, long 0.84442185152504812, whole 4711.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "dataset.h"
#include "random.h"

static void check(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_read: %s\n", what);
    exit(1);
}

static double uniform(uint64_t index)
{
    philox4x32_ctr_t bits = bp_random(1, BP_STREAM_BENCH, 0, 0, index);
    return ((double)bits.v[0] * 4294967296.0 + bits.v[1]) * 0x1p-64;
}

static void write_number(FILE *file, const char *kind, uint64_t index)
{
    double value = uniform(index);

    if (strcmp(kind, "long") == 0)
        fprintf(file, "%.17g", value);
    else if (strcmp(kind, "whole") == 0)
        fprintf(file, "%d", (int)(value * 10000));
    else
        fprintf(file, "%.4f", (value - 0.5) * 40);
}

static void write_file(const char *path, long megabytes, long columns, const char *kind)
{
    FILE *file = fopen(path, "w");
    uint64_t index = 0;

    check(file != NULL && columns > 0, "cannot write");
    for (long c = 0; c < columns; c++)
        fprintf(file, "x%ld%c", c + 1, c + 1 < columns ? ',' : '\n');
    while (ftell(file) < megabytes * 1000000)
        for (long c = 0; c < columns; c++) {
            write_number(file, kind, index++);
            fputc(c + 1 < columns ? ',' : '\n', file);
        }
    check(fclose(file) == 0, "cannot write");
}

/* The most memory so far; getrusage's would be the parent's where that had more. */
static double peak(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double kib = 0;

    check(file != NULL, "cannot read /proc/self/status");
    while (fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %lf", &kib) != 1) {
    }
    fclose(file);
    return 1024 * kib;
}

static double data_bytes(const bp_dataset *dataset)
{
    double bytes = 0;
    for (size_t i = 0; i < dataset->column_count; i++)
        bytes += (double)bp_type_size(dataset->columns[i].type) * (double)dataset->rows;
    return bytes;
}

static void read_file(const char *path, const char *threads)
{
    bp_settings settings;
    bp_dataset *dataset;
    bp_error error;
    double before = peak(), began = bp_clock();

    bp_settings_init(&settings, sizeof settings);
    check(bp_settings_set(&settings, "threads", threads, &error) == BP_OK, error.text);
    check(bp_dataset_read(path, &settings, 1, NULL, &dataset, &error) == BP_OK, error.text);
    double seconds = bp_clock() - began;
    printf("{\"seconds\":%.6f,\"peak_bytes\":%.0f,\"data_bytes\":%.0f,\"rows\":%llu,\"columns\":%zu}\n", seconds, peak() - before,
           data_bytes(dataset), (unsigned long long)dataset->rows, dataset->column_count);
    bp_dataset_free(dataset);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "--write") == 0)
        write_file(argv[2], atol(argv[3]), atol(argv[4]), argv[5]);
    else if (argc == 3)
        read_file(argv[1], argv[2]);
    else
        check(0, "FILE THREADS, or --write FILE MEGABYTES COLUMNS short|long|whole");
    return 0;
}
