/* Mixed precision from outside: the same file by every instruction set and where the system refuses tiles, reports that agree.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "helper_program.h"
#include "refused_tiles.h"
#include "scratch.h"

TestSuite(precision, .init = scratch_begin, .fini = scratch_end);

#define TRAIN "train data.csv --target class --hidden 40,8 --batch-size 70 --epochs 3 --patience 0 "

static const char *const mixed[] = {"bf16", "bf16x2", "bf16x3"};
static const char *const isas[] = {"scalar", "avx2", "avx512", "amx", "neon"};

enum { MIXED = sizeof mixed / sizeof *mixed, ISAS = sizeof isas / sizeof *isas };

static bool runs_here(const char *isa)
{
    char plan[64];

    snprintf(plan, sizeof plan, "plan --layers 2,2 --isa %s", isa);
    return finish_program(start_program(plan)) == 0;
}

static const char *text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static double loss_in(json_t *object)
{
    return json_number_value(json_object_get(object, "loss"));
}

Test(precision, gives_one_file_by_every_instruction_set)
{
    write_classes("data.csv", 300, 1);
    run_program(0, TRAIN "-q -o f32");
    for (size_t p = 0; p < MIXED; p++) {
        run_program(0, TRAIN "-q --precision %s -o first --threads 1 --isa scalar --gradient buffers", mixed[p]);
        cr_assert(!same_bytes("first", "f32"), "%s is f32", mixed[p]);
        run_program(0, "predict first data.csv --isa scalar --threads 1 -o first.csv");
        for (size_t i = 0; i < ISAS; i++) {
            if (!runs_here(isas[i]))
                continue;
            run_program(0, TRAIN "-q --precision %s -o other --exact-threads --threads %zu --isa %s --gradient tiles", mixed[p],
                        1 + i % 3, isas[i]);
            cr_assert(same_bytes("first", "other"), "%s by %s", mixed[p], isas[i]);
            run_program(0, "predict first data.csv --isa %s --threads 2 -o other.csv", isas[i]);
            cr_assert(same_bytes("first.csv", "other.csv"), "predictions of %s by %s", mixed[p], isas[i]);
        }
    }
}

/* What train says of the test rows, evaluate says of the saved model. */
Test(precision, is_that_of_evaluation_too)
{
    write_classes("data.csv", 300, 1);
    write_classes("test.csv", 90, 2);
    for (size_t p = 0; p < MIXED; p++) {
        run_program(0, TRAIN "--json --precision %s --test test.csv -o model", mixed[p]);
        json_t *report = parsed_output();
        cr_assert_str_eq(text_at(report, "precision"), mixed[p]);
        cr_assert(text_at(report, "isa"));
        run_program(0, "evaluate model test.csv --json");
        json_t *again = parsed_output();
        cr_assert_eq(loss_in(json_object_get(report, "test")), loss_in(again), "%s", mixed[p]);
        json_decref(report);
        json_decref(again);
        run_program(0, "info model");
        cr_assert(strstr(last_outcome()->out, mixed[p]), "%s", last_outcome()->out);
    }
}

/* ---------------------------------------------------------------------------------------------------------- refusals */

Test(precision, is_the_same_where_the_system_refuses_tiles)
{
    write_classes("data.csv", 300, 1);
    if (!runs_here("amx"))
        cr_skip_test("no AMX here");
    run_program(0, TRAIN "-q --precision bf16 -o with");
    if (!refuse_tiles(EPERM))
        cr_skip_test("no filters of system calls here");
    run_program(0, TRAIN "-q --precision bf16 -o without");
    cr_assert(same_bytes("with", "without"));
    run_program(0, "plan --layers 40,8,3 --precision bf16");
    cr_assert(strstr(last_outcome()->out, "not AMX's tiles: this process is not allowed to ask for them"), "%s",
              last_outcome()->out);
    run_program(2, TRAIN "-q --precision bf16 --isa amx -o refused");
    cr_assert(strstr(last_outcome()->err, "this process is not allowed to ask for them"), "%s", last_outcome()->err);
    cr_assert(!exists("refused"));
}

Test(precision, that_is_none_is_refused_by_name)
{
    static const char *const commands[] = {
        "train data.csv --target class --precision bf8",
        "train data.csv --target class --precision f32,bf16",
        "plan --layers 2,2 --precision BF16",
        "bench --layers 2,2 --precision f32,bf17",
        "bench --layers 2,2 --precision f32,",
    };

    write_classes("data.csv", 30, 1);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const outcome *o = run_program(2, "%s", commands[i]);
        cr_assert(strstr(o->err, "--precision '") && strstr(o->err, "bf16x3"), "%s: %s", commands[i], o->err);
    }
}

/* ---------------------------------------------------------------------------------------------------- bench and plan */

/* Objects of the last output, one a line. */
static size_t read_lines(json_t *lines[], size_t most)
{
    const char *text = last_outcome()->out;
    size_t count = 0;

    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        cr_assert_lt(count, most, "%s", last_outcome()->out);
        lines[count] = json_loadb(text, (size_t)(end - text), 0, NULL);
        cr_assert(lines[count++], "%s", text);
    }
    return count;
}

Test(precision, of_bench_is_each_with_all_threads)
{
    static const struct {
        const char *name;
        double threads, least, most; /* error of a product, relative to the sum of magnitudes */
    } wanted[] = {{"f32", 1, 1e-9, 1e-6}, {"f32", 2, 1e-9, 1e-6}, {"bf16", 1, 1e-5, 1e-3}, {"bf16", 2, 1e-5, 1e-3}};
    json_t *lines[8];

    run_program(0, "bench --layers 40,33,3 --batch-size 64 --seconds 0.02 --precision f32,bf16 --threads 1,2 --json");
    cr_assert_eq(read_lines(lines, 8), 4);
    for (size_t i = 0; i < 4; i++) {
        double error = json_number_value(json_object_get(lines[i], "product_error"));
        cr_assert_str_eq(text_at(lines[i], "precision"), wanted[i].name);
        cr_assert_eq(json_number_value(json_object_get(lines[i], "threads")), wanted[i].threads);
        cr_assert(error > wanted[i].least && error < wanted[i].most, "%s: %g", wanted[i].name, error);
        json_decref(lines[i]);
    }
}

/* The errors that users are promised, for sums of 2,048. */
Test(precision, of_bench_has_the_error_of_its_products)
{
    static const double most[] = {1e-6, 2e-7};
    json_t *lines[4];

    run_program(0, "bench --layers 4,3 --batch-size 8 --seconds 0.02 --precision bf16x2,bf16x3 --threads 1 --json");
    cr_assert_eq(read_lines(lines, 4), 2);
    for (size_t i = 0; i < 2; i++) {
        double error = json_number_value(json_object_get(lines[i], "product_error"));
        cr_assert(error > 0 && error <= most[i], "%s: %g", text_at(lines[i], "precision"), error);
        json_decref(lines[i]);
    }
}

Test(precision, of_plan_is_said_with_the_kernels_of_its_products)
{
    static const char *const terms[] = {"products of 1 bf16 term:", "products of 2 bf16 terms:", "products of 3 bf16 terms:"};

    for (size_t p = 0; p < MIXED; p++) {
        const outcome *o = run_program(0, "plan --layers 100,70,3 --precision %s", mixed[p]);
        cr_assert(strstr(o->out, terms[p]), "%s", o->out);
    }
    cr_assert(!strstr(run_program(0, "plan --layers 100,70,3")->out, "bf16"));
}
