/* Data larger than memory: everything that is done with them gives the bits that it gives in memory.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples.h"
#include "faulty_files.h"
#include "pages.h"
#include "problem.h"
#include "scratch.h"

TestSuite(paged, .init = scratch_begin, .fini = scratch_end);

enum { ROWS = 4 * 8192 + 1234, BATCH = 500, EPOCHS = 2 };

/* One file, and what is made of it. */
typedef struct subject {
    bp_settings settings;
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_encoder_info info;
    uint64_t *training, *validation;
    bp_rows training_rows, validation_rows;
    bp_network *network;
    bp_trainer *trainer;
    bp_progress progress;
} subject;

static void write_file(bool classes)
{
    FILE *file = fopen("t.csv", "w");
    bp_settings settings;
    bp_dataset *dataset;
    bp_error error = {0};

    cr_assert(file);
    fputs("a,b,colour,w,y\n", file);
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned scattered = i * 2654435761U;
        fprintf(file, "%g,", (double)(scattered >> 8) / 0x1p24);
        fprintf(file, i % 50 == 7 ? "," : "%u.25,", scattered % 977);
        fprintf(file, "%s,%u,", i % 31 == 5 ? "" : i % 3 ? "red" : "blue", 1 + i % 4);
        fprintf(file, classes ? "c%u\n" : "%u\n", classes ? scattered % 3 : scattered % 1000);
    }
    fclose(file);
    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_dataset_read("t.csv", &settings, 1, NULL, &dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_dataset_pack(dataset, "t.bpd", &error), BP_OK, "%s", error.text);
    bp_dataset_free(dataset);
}

static bp_settings settings_of(uint64_t memory, uint32_t threads)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_settings_set(&settings, "target", "y", NULL), BP_OK);
    cr_assert_eq(bp_settings_set(&settings, "weight-column", "w", NULL), BP_OK);
    cr_assert_eq(bp_settings_set(&settings, "hidden", "20,9", NULL), BP_OK);
    settings.batch_size = BATCH;
    settings.epochs = EPOCHS;
    settings.shuffle = BP_SHUFFLE_BLOCKS;
    settings.memory = memory;
    settings.threads = threads;
    settings.exact_threads = threads > 1;
    return settings;
}

static void open_data(subject *s)
{
    bp_error error = {0};

    cr_assert_eq(bp_dataset_read("t.bpd", &s->settings, 0, NULL, &s->dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_dataset_is_paged(s->dataset), s->settings.memory > 0);
    s->training = malloc(ROWS * sizeof *s->training);
    s->validation = malloc(ROWS * sizeof *s->validation);
    cr_assert_eq(bp_dataset_split(s->dataset, (bp_rows){0}, &s->settings, s->training, &s->training_rows.count, s->validation,
                                  &s->validation_rows.count, &error),
                 BP_OK);
    s->training_rows.index = s->training;
    s->validation_rows.index = s->validation;
    cr_assert_eq(bp_encoder_fit(s->dataset, s->training_rows, &s->settings, NULL, &s->encoder, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_apply(s->encoder, s->dataset, 1, NULL, &s->examples, &error), BP_OK, "%s", error.text);
    bp_encoder_describe(s->encoder, &s->info);
}

/* memory 0: all of it. */
static subject subject_open(uint64_t memory, uint32_t threads)
{
    subject s = {.settings = settings_of(memory, threads)};
    bp_error error = {0};

    open_data(&s);
    s.settings.task = s.info.task;
    cr_assert_eq(bp_network_create(&s.settings, s.info.inputs, s.info.outputs, NULL, &s.network, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_trainer_create(s.network, &s.settings, NULL, 0, NULL, &s.trainer, &error), BP_OK, "%s", error.text);
    return s;
}

static void subject_close(subject *s)
{
    bp_trainer_free(s->trainer);
    bp_network_free(s->network);
    bp_examples_free(s->examples);
    bp_encoder_free(s->encoder);
    bp_dataset_free(s->dataset);
    free(s->training);
    free(s->validation);
}

static bp_status fit(subject *s, const bp_callbacks *callbacks, bp_error *error)
{
    return bp_trainer_fit(s->trainer, s->encoder, s->examples, s->training_rows, s->examples, s->validation_rows, callbacks,
                          &s->progress, error);
}

static void must_fit(subject *s)
{
    bp_error error = {0};
    cr_assert_eq(fit(s, NULL, &error), BP_OK, "%s", error.text);
}

static void expect_same(const subject *s, const subject *wanted, const char *what)
{
    float *got = problem_parameters(s->network), *right = problem_parameters(wanted->network);
    uint64_t count = bp_network_parameters(s->network);

    cr_assert_eq(problem_first_difference(got, right, count), count, "%s", what);
    cr_assert_eq(memcmp(&s->progress.validation.loss, &wanted->progress.validation.loss, sizeof(double)), 0, "%s", what);
    cr_assert_eq(memcmp(&s->progress.train_loss, &wanted->progress.train_loss, sizeof(double)), 0, "%s", what);
    free(got);
    free(right);
}

Test(paged, fits_give_the_bits_of_memory_at_every_number_of_threads)
{
    for (int classes = 0; classes < 2; classes++) {
        write_file(classes);
        subject memory = subject_open(0, 1);
        must_fit(&memory);
        for (uint32_t threads = 1; threads <= 3; threads++) {
            subject paged = subject_open(1 << 20, threads);
            must_fit(&paged);
            expect_same(&paged, &memory, "paged");
            subject_close(&paged);
        }
        subject_close(&memory);
    }
}

Test(paged, updates_of_several_minibatches_and_of_long_ones_give_them_too)
{
    write_file(false);
    for (uint64_t accumulate = 1; accumulate < 4; accumulate += 2)
        for (int none = 0; none < 2; none++) {
            subject both[2] = {{.settings = settings_of(0, 1)}, {.settings = settings_of(1 << 20, 2)}};
            for (size_t i = 0; i < 2; i++) {
                subject *s = &both[i];
                open_data(s);
                s->settings.task = s->info.task;
                s->settings.accumulate = accumulate;
                s->settings.batch_size = accumulate == 1 ? 9001 : 700;
                s->settings.shuffle = none ? BP_SHUFFLE_NONE : BP_SHUFFLE_BLOCKS;
                cr_assert_eq(bp_network_create(&s->settings, s->info.inputs, s->info.outputs, NULL, &s->network, NULL), BP_OK);
                cr_assert_eq(bp_trainer_create(s->network, &s->settings, NULL, 0, NULL, &s->trainer, NULL), BP_OK);
                must_fit(s);
            }
            expect_same(&both[1], &both[0], none ? "unshuffled" : "shuffled");
            subject_close(&both[0]);
            subject_close(&both[1]);
        }
}

/* One update of an epoch takes more rows than there is memory for, and L-BFGS comes back to the first of them. */
Test(paged, full_batch_methods_give_them_too)
{
    static const bp_optimizer optimizers[] = {BP_LBFGS, BP_RPROP};

    write_file(false);
    for (size_t o = 0; o < 2; o++) {
        subject both[2] = {{.settings = settings_of(0, 1)}, {.settings = settings_of(1 << 20, 2)}};
        for (size_t i = 0; i < 2; i++) {
            subject *s = &both[i];
            bp_error error = {0};
            open_data(s);
            s->settings.task = s->info.task;
            s->settings.optimizer = (int32_t)optimizers[o];
            s->settings.shuffle = BP_SHUFFLE_FULL;
            cr_assert_eq(bp_network_create(&s->settings, s->info.inputs, s->info.outputs, NULL, &s->network, NULL), BP_OK);
            cr_assert_eq(bp_trainer_create(s->network, &s->settings, NULL, 0, NULL, &s->trainer, &error), BP_OK, "%s", error.text);
            must_fit(s);
        }
        expect_same(&both[1], &both[0], o ? "rprop" : "lbfgs");
        subject_close(&both[0]);
        subject_close(&both[1]);
    }
}

typedef struct stop {
    subject *subject;
    uint64_t step;
} stop;

static int save_and_stop(void *context, const bp_progress *progress)
{
    const stop *at = context;
    bp_error error = {0};

    if (progress->step != at->step)
        return 0;
    cr_assert_eq(bp_trainer_checkpoint(at->subject->trainer, "c", &error), BP_OK, "%s", error.text);
    return 1;
}

/* Paged before and in memory after, and the other way round. */
Test(paged, a_fit_that_is_resumed_ends_as_if_nothing_had_happened)
{
    static const uint64_t steps[] = {1, 14, 15, 33, 61, 62, 70}; /* an epoch has 62 */

    write_file(false);
    subject whole = subject_open(0, 1);
    must_fit(&whole);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        subject before = subject_open(i % 3 ? 1 << 20 : 0, 1), after = subject_open(i % 3 ? (i % 2) << 20 : 1 << 20, 2);
        stop at = {&before, steps[i]};
        bp_callbacks callbacks = {.context = &at, .pause = save_and_stop, .pause_steps = 1};
        bp_error error = {0};
        cr_assert_eq(fit(&before, &callbacks, &error), BP_CANCELLED);
        cr_assert_eq(bp_trainer_resume(after.trainer, "c", &error), BP_OK, "%s", error.text);
        must_fit(&after);
        expect_same(&after, &whole, "resumed");
        subject_close(&before);
        subject_close(&after);
    }
    subject_close(&whole);
}

/* Every call that reads fails once, at the beginning, in the middle of an epoch, in validation. */
Test(paged, a_read_error_ends_the_fit_and_nothing_is_lost)
{
    faulty_files count = {0};

    write_file(false);
    subject whole = subject_open(1 << 20, 1);
    faulty_files_begin(&count);
    must_fit(&whole);
    faulty_files_end();
    cr_assert_geq(count.calls, 4 * 5);
    for (size_t call = 1; call <= count.calls; call += 3) {
        faulty_files faults = {.fail_at = call, .number = EIO};
        subject s = subject_open(1 << 20, 1);
        bp_error error = {0};
        faulty_files_begin(&faults);
        bp_status status = fit(&s, NULL, &error);
        faulty_files_end();
        cr_assert_eq(status, BP_IO, "call %zu of %zu: %d", call, count.calls, status);
        cr_assert(strstr(error.text, "t.bpd"), "%s", error.text);
        must_fit(&s); /* goes on where it stood */
        expect_same(&s, &whole, "after a read error");
        subject_close(&s);
    }
    subject_close(&whole);
}

/* On one core the team reads; on more than it has threads, a thread beside it. */
Test(paged, whoever_reads_the_bits_are_the_same)
{
    write_file(false);
    subject whole = subject_open(0, 1);
    must_fit(&whole);
    for (uint32_t threads = 1; threads <= 4; threads += 3)
        for (unsigned cores = 1; cores <= 64; cores += 63) {
            subject s = subject_open(1 << 20, threads);
            s.examples->pages->cores = cores;
            must_fit(&s);
            expect_same(&s, &whole, cores == 1 ? "the team reads" : "a thread reads");
            subject_close(&s);
        }
    subject_close(&whole);
}

static void expect_damage(uint32_t threads, unsigned cores)
{
    unsigned char *bytes;
    size_t size;
    bp_error error = {0};

    write_file(false);
    subject s = subject_open(1 << 20, threads);
    s.examples->pages->cores = cores;
    bytes = scratch_read("t.bpd", &size);
    FILE *file = fopen("t.bpd", "r+"); /* the one that is open */
    cr_assert(file && fseek(file, (long)(size / 2), SEEK_SET) == 0 && putc(bytes[size / 2] ^ 1, file) != EOF);
    fclose(file);
    cr_assert_eq(fit(&s, NULL, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "damaged"), "%s", error.text);
    free(bytes);
    subject_close(&s);
}

Test(paged, damage_is_found_while_it_trains)
{
    expect_damage(1, 64);
    expect_damage(1, 1);
    expect_damage(3, 1);
}

Test(paged, predictions_and_metrics_are_those_of_memory)
{
    static float left[ROWS], right[ROWS];
    uint64_t chosen[] = {9000, 3, 3, 30000, 8191, 8192, 3, ROWS - 1};
    bp_rows some = {chosen, sizeof chosen / sizeof *chosen}, all = {NULL, 0};
    bp_metrics a, b;
    bp_workspace *workspace;
    float x[8], y[8], mean = 0;

    write_file(false);
    subject memory = subject_open(0, 1), paged = subject_open(1 << 20, 1);
    cr_assert_eq(bp_workspace_create(memory.network, 2, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    for (int rows = 0; rows < 2; rows++) {
        bp_rows of = rows ? some : all;
        cr_assert_eq(bp_network_predict_rows(memory.network, workspace, memory.examples, of, left, NULL), BP_OK);
        cr_assert_eq(bp_network_predict_rows(memory.network, workspace, paged.examples, of, right, NULL), BP_OK);
        cr_assert_eq(memcmp(left, right, (rows ? some.count : ROWS) * sizeof *left), 0);
        cr_assert_eq(bp_network_evaluate(memory.network, workspace, memory.encoder, memory.examples, of, &a, NULL), BP_OK);
        cr_assert_eq(bp_network_evaluate(memory.network, workspace, paged.encoder, paged.examples, of, &b, NULL), BP_OK);
        cr_assert(a.loss == b.loss && a.rmse == b.rmse && a.mae == b.mae && a.rows == b.rows);
    }
    for (size_t i = 0; i < some.count; i++) {
        cr_assert_eq(bp_examples_row(memory.examples, chosen[i], x, NULL, NULL), BP_OK);
        cr_assert_eq(bp_examples_row(paged.examples, chosen[i], y, &mean, NULL), BP_OK);
        cr_assert_eq(memcmp(x, y, memory.info.inputs * sizeof *x), 0);
    }
    bp_workspace_free(workspace);
    subject_close(&memory);
    subject_close(&paged);
}

Test(paged, importance_is_that_of_memory_and_reads_each_block_once)
{
    bp_importance left[3], right[3];
    faulty_files count = {0};
    bp_workspace *workspace;
    bp_rows all = {NULL, 0};

    write_file(true);
    subject memory = subject_open(0, 1), paged = subject_open(1 << 20, 1);
    cr_assert_eq(bp_workspace_create(memory.network, 2, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_importance(memory.network, workspace, memory.encoder, memory.examples, all, BP_METRIC_LOSS, 1, 1, NULL,
                                       left, NULL, NULL),
                 BP_OK);
    faulty_files_begin(&count);
    cr_assert_eq(bp_network_importance(memory.network, workspace, paged.encoder, paged.examples, all, BP_METRIC_LOSS, 1, 1, NULL,
                                       right, NULL, NULL),
                 BP_OK);
    faulty_files_end();
    cr_assert_leq(count.calls, 50, "%zu", count.calls);
    for (size_t i = 0; i < 3; i++)
        cr_assert(left[i].mean == right[i].mean && left[i].place == right[i].place, "place %zu", i);
    bp_workspace_free(workspace);
    subject_close(&memory);
    subject_close(&paged);
}

Test(paged, fields_are_read_from_the_file)
{
    char left[64], right[64];

    write_file(true);
    subject memory = subject_open(0, 1), paged = subject_open(1 << 20, 1);
    for (uint64_t row = 0; row < ROWS; row += 977)
        for (uint64_t column = 0; column < 5; column++) {
            cr_assert_eq(bp_dataset_text(memory.dataset, row, column, left, sizeof left, NULL), BP_OK);
            cr_assert_eq(bp_dataset_text(paged.dataset, row, column, right, sizeof right, NULL), BP_OK);
            cr_assert_str_eq(left, right);
        }
    subject_close(&memory);
    subject_close(&paged);
}

Test(paged, shuffling_fully_and_minibatches_beyond_memory_are_refused)
{
    bp_error error = {0};

    write_file(false);
    subject s = subject_open(1 << 20, 1);
    bp_trainer_free(s.trainer);
    s.settings.shuffle = BP_SHUFFLE_FULL;
    cr_assert_eq(bp_trainer_create(s.network, &s.settings, NULL, 0, NULL, &s.trainer, NULL), BP_OK);
    cr_assert_eq(fit(&s, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, "--shuffle blocks"), "%s", error.text);
    bp_trainer_free(s.trainer);
    s.settings.shuffle = BP_SHUFFLE_BLOCKS;
    s.settings.batch_size = ROWS;
    cr_assert_eq(bp_trainer_create(s.network, &s.settings, NULL, 0, NULL, &s.trainer, NULL), BP_OK);
    cr_assert_eq(fit(&s, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, "batch-size"), "%s", error.text);
    subject_close(&s);
}
