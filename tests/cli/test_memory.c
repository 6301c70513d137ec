/* Memory of the program: no more than `plan` tells, the data, and what any process has.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "helper_program.h"
#include "scratch.h"

TestSuite(memory, .init = scratch_begin, .fini = scratch_end);

#define SLACK 10e6 /* the program, its libraries, what is in hand while files are read and written */

static void put(FILE *file, uint32_t number)
{
    const unsigned char bytes[] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16), (unsigned char)(number >> 8),
                                   (unsigned char)number};
    cr_assert_eq(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
}

static void put_noise(FILE *file, size_t count, unsigned below)
{
    uint32_t state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        putc((int)((state >> 16) % below), file);
    }
    cr_assert_eq(fclose(file), 0);
}

/* x-images-idx3-ubyte [rows, side, side] and x-labels-idx1-ubyte [rows]. */
static void write_images(uint32_t rows, uint32_t side, unsigned classes)
{
    FILE *images = fopen("x-images-idx3-ubyte", "wb"), *labels = fopen("x-labels-idx1-ubyte", "wb");

    cr_assert(images && labels);
    put(images, 0x803);
    put(images, rows);
    put(images, side);
    put(images, side);
    put_noise(images, (size_t)rows * side * side, 256);
    put(labels, 0x801);
    put(labels, rows);
    put_noise(labels, rows, classes);
}

static double json_bytes(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static double peak_of(const char *options)
{
    run_program(0, "train x-images-idx3-ubyte --epochs 1 --validation-split 0.1 --json --quiet %s", options);
    json_t *object = parsed_output();
    double peak = json_bytes(object, "peak_memory_bytes");
    json_decref(object);
    return peak;
}

static double told_of(const char *layers, const char *options)
{
    run_program(0, "plan --layers %s --json %s", layers, options);
    json_t *object = parsed_output();
    double told = json_bytes(json_object_get(object, "memory"), "total_bytes_without_examples");
    json_decref(object);
    return told;
}

/* A row has its bytes, its class, its number in the split, and its place in the epoch's order. */
static void check(uint32_t rows, uint32_t side, const char *layers, const char *hidden, const char *options)
{
    char all[300];

    if (BP_SANITIZED)
        cr_skip_test("sanitizers take memory of their own");
    double data = (double)rows * (side * side + 4 + 8 + 8);

    snprintf(all, sizeof all, "--hidden %s %s", hidden, options);
    double told = told_of(layers, options), peak = peak_of(all);
    cr_assert_leq(peak, data + told + SLACK, "%s: %g bytes at most, %g of data and %g for the rest told", layers, peak, data, told);
}

Test(memory, of_a_run_is_what_plan_tells_and_the_data)
{
    write_images(60000, 28, 10);
    check(60000, 28, "784,512,10", "512", "--batch-size 128 --optimizer adam");
    check(60000, 28, "784,8,10", "8", "--batch-size 60000 --optimizer sgd");
    write_images(3000, 28, 10);
    check(3000, 28, "784,1024,1024,10", "1024,1024", "--batch-size 256 --optimizer sgd");
}

Test(memory, of_mixed_precision_is_what_plan_tells_and_the_data)
{
    write_images(60000, 28, 10);
    check(60000, 28, "784,512,10", "512", "--batch-size 128 --precision bf16x3");
    write_images(100000, 8, 8);
    check(100000, 8, "64,128,128,8", "128,128", "--batch-size 16384 --optimizer sgd --precision bf16");
    check(100000, 8, "64,128,128,8", "128,128",
          "--batch-size 16384 --optimizer sgd --gradient tiles --threads 1 --precision bf16x2");
}

Test(memory, of_a_large_minibatch_in_buffers_is_what_plan_tells_and_the_data)
{
    write_images(100000, 8, 8);
    check(100000, 8, "64,128,128,8", "128,128", "--batch-size 16384 --optimizer sgd");
    check(100000, 8, "64,128,128,8", "128,128", "--batch-size 16384 --optimizer sgd --gradient tiles --threads 1");
}
