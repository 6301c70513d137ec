/* The data path: reading CSV and IDX files, encoding, the order of an epoch, and gathering minibatches.
 *
 *     cmake -B build -DBP_BENCH=ON && cmake --build build && bench/run data
 *
 * Files are made in a directory of their own under TMPDIR or /tmp, and stay in the page cache. JSON lines: what, samples, and
 * per_second in bytes of the file or of the rows as they lie in memory, in rows for the order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "batch.h"
#include "cpu.h"
#include "sampler.h"
#include "timing.h"

enum { IMAGES = 20000, PIXELS = 784, CSV_ROWS = 50000, CSV_COLUMNS = 20, BATCH = 128, SHORT = 8, SHORT_ROWS = 100000 };
#define SECONDS 0.02 /* of a sample: some hundred milliseconds of reading are told apart well enough */

static char directory[4096];

static void check(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_data: %s\n", what);
    exit(1);
}

static void *take(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    check(memory != NULL, "no memory");
    return memory;
}

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static const char *path_of(const char *name)
{
    static char path[8192];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static double size_of(const char *name)
{
    struct stat about;
    check(stat(path_of(name), &about) == 0, "a file is gone");
    return (double)about.st_size;
}

static void print(const char *what, const timing *t, double amount, const char *unit)
{
    printf("{\"benchmark\":\"data\",\"what\":\"%s\",\"unit\":\"%s\",\"per_second\":%.6g,", what, unit, amount / timing_median(t));
    timing_print(t);
    puts("}");
    fflush(stdout);
}

/* ------------------------------------------------------------------------------------------------------------- the files */

static void write_csv(void)
{
    FILE *file = fopen(path_of("numbers.csv"), "w");
    uint32_t state = 1;

    check(file != NULL, "cannot write");
    for (int c = 0; c < CSV_COLUMNS; c++)
        fprintf(file, "x%d,", c);
    fputs("y\n", file);
    for (int r = 0; r < CSV_ROWS; r++) {
        for (int c = 0; c < CSV_COLUMNS; c++)
            fprintf(file, "%.6g,", next(&state) / 16777216.0);
        fprintf(file, "%u\n", next(&state) % 10);
    }
    check(fclose(file) == 0, "cannot write");
}

static void write_images(const char *name, const char *mode, const unsigned char *header, unsigned header_bytes, unsigned rows)
{
    gzFile file = gzopen(path_of(name), mode);
    unsigned char line[PIXELS];
    uint32_t state = 2;

    check(file != NULL && gzwrite(file, header, header_bytes) == (int)header_bytes, "cannot write");
    for (unsigned r = 0; r < rows; r++) {
        for (int c = 0; c < PIXELS; c++) /* half of the pixels are empty, as in images of digits and clothes */
            line[c] = (unsigned char)(c / 4 % 2 ? next(&state) : 0);
        check(gzwrite(file, line, PIXELS) == PIXELS, "cannot write");
    }
    check(gzclose(file) == Z_OK, "cannot write");
}

static void write_labels(const char *name, const char *mode)
{
    unsigned char header[] = {0, 0, 8, 1, 0, 0, IMAGES >> 8, IMAGES & 255};
    gzFile file = gzopen(path_of(name), mode);

    check(file != NULL && gzwrite(file, header, sizeof header) == sizeof header, "cannot write");
    for (int r = 0; r < IMAGES; r++)
        gzputc(file, r % 10);
    check(gzclose(file) == Z_OK, "cannot write");
}

static void write_idx(void)
{
    unsigned char header[] = {0, 0, 8, 3, 0, 0, IMAGES >> 8, IMAGES & 255, 0, 0, 0, 28, 0, 0, 0, 28};

    write_images("images-idx3-ubyte", "wT", header, sizeof header, IMAGES);
    write_images("images-idx3-ubyte.gz", "w6", header, sizeof header, IMAGES);
    write_labels("labels-idx1-ubyte", "wT");
    write_labels("labels-idx1-ubyte.gz", "w6");
}

/* --------------------------------------------------------------------------------------------------------------- reading */

typedef struct reading {
    const char *name;
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_settings settings;
} reading;

static void call_read(void *context)
{
    reading *r = context;
    bp_error error;

    bp_dataset_free(r->dataset);
    r->dataset = NULL;
    check(bp_dataset_read(path_of(r->name), &r->settings, 0, NULL, &r->dataset, &error) == BP_OK, error.text);
}

static void call_encode(void *context)
{
    reading *r = context;
    bp_examples *examples = NULL;
    bp_error error;

    bp_encoder_free(r->encoder);
    r->encoder = NULL;
    check(bp_encoder_fit(r->dataset, (bp_rows){NULL, 0}, &r->settings, NULL, &r->encoder, &error) == BP_OK &&
              bp_encoder_apply(r->encoder, r->dataset, 1, NULL, &examples, &error) == BP_OK,
          "cannot encode");
    bp_examples_free(examples);
}

static void measure_reading(const char *name, const char *target, const char *read, const char *encode)
{
    reading r = {.name = name};
    timing t = {.call = call_read, .context = &r};

    bp_settings_init(&r.settings, sizeof r.settings);
    check(!target || bp_settings_set(&r.settings, "target", target, NULL) == BP_OK, "no target");
    timing_measure(&t, 1, SECONDS);
    print(read, &t, size_of(name), "byte");
    if (encode) {
        t.call = call_encode;
        timing_measure(&t, 1, SECONDS);
        print(encode, &t, size_of(name), "byte");
    }
    bp_encoder_free(r.encoder);
    bp_dataset_free(r.dataset);
}

/* ------------------------------------------------------------------------------------------- order and gathering of rows */

typedef struct gathering {
    const bp_kernels *kernels;
    bp_examples *examples;
    uint64_t rows;
    uint64_t *order;
    bp_batch batch;
    uint64_t epoch;
} gathering;

static void call_order(void *context)
{
    gathering *g = context;
    bp_sampler_order(g->kernels, (bp_rows){NULL, g->rows}, BP_SHUFFLE_FULL, 1, g->epoch++, g->order);
}

/* One epoch of whole minibatches. */
static void call_gather(void *context)
{
    gathering *g = context;
    for (uint64_t first = 0; first + BATCH <= g->rows; first += BATCH)
        bp_batch_gather(&g->batch, g->kernels, g->examples, g->order + first, 0, 0, BATCH);
}

static void measure_gather(const char *what, int type, size_t size, uint64_t rows, uint64_t columns)
{
    unsigned char *x = take(rows * columns * size);
    gathering g = {.rows = rows, .order = take(rows * sizeof *g.order)};
    bp_array array = {.data = x, .type = type, .rows = rows, .columns = columns};
    timing t = {.call = call_order, .context = &g};
    bp_error error;

    memset(x, 0, rows * columns * size);
    check(bp_cpu_kernels(BP_ISA_AUTO, &g.kernels, &error) == BP_OK, "no kernels");
    check(bp_examples_borrow(&array, NULL, NULL, NULL, &g.examples, &error) == BP_OK, "no examples");
    g.batch = (bp_batch){.panel = BATCH * 32};
    g.batch.x = take((columns + 31) / 32 * BATCH * 32 * sizeof(float));
    timing_measure(&t, 1, SECONDS);
    if (columns == SHORT)
        print("order of an epoch", &t, (double)rows, "row");
    t.call = call_gather;
    timing_measure(&t, 1, SECONDS);
    print(what, &t, (double)(rows / BATCH * BATCH * columns * size), "byte");
    bp_examples_free(g.examples);
    free(g.batch.x);
    free(g.order);
    free(x);
}

static void remove_files(void)
{
    static const char *const names[] = {"numbers.csv", "images-idx3-ubyte", "images-idx3-ubyte.gz", "labels-idx1-ubyte",
                                        "labels-idx1-ubyte.gz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
    rmdir(directory);
}

static void make_directory(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/backprop-data-XXXXXX", parent ? parent : "/tmp");
    check(mkdtemp(directory) != NULL, "no directory for its files");
    atexit(remove_files);
}

int main(void)
{
    make_directory();
    write_csv();
    write_idx();
    measure_reading("numbers.csv", "y", "read CSV", "encode CSV");
    measure_reading("images-idx3-ubyte", NULL, "read IDX", "encode IDX");
    measure_reading("images-idx3-ubyte.gz", NULL, "read IDX, gzip", NULL);
    measure_gather("gather u8, 784 columns", BP_TYPE_U8, 1, IMAGES, PIXELS);
    measure_gather("gather f32, 784 columns", BP_TYPE_F32, sizeof(float), IMAGES, PIXELS);
    measure_gather("gather f32, 8 columns", BP_TYPE_F32, sizeof(float), SHORT_ROWS, SHORT);
    return 0;
}
