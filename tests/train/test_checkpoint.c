/* A fit that is interrupted, saved and resumed elsewhere ends as if nothing had happened, or is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faulty_files.h"
#include "problem.h"
#include "scratch.h"

enum { ROWS = 23, TRAINING = 17, BATCH = 4, STEPS = 5, EPOCHS = 3 };

static const char path[] = "run.checkpoint";

typedef struct session {
    const problem *p;
    bp_network *network;
    bp_trainer *trainer;
    uint64_t stop_at; /* steps; 0: none */
    bool by_epoch;
} session;

static session session_begin(const problem *p)
{
    session s = {.p = p, .network = problem_network(p)};
    s.trainer = problem_trainer(p, s.network);
    return s;
}

static void session_end(session *s)
{
    bp_trainer_free(s->trainer);
    bp_network_free(s->network);
}

static problem subject(bp_optimizer optimizer, double momentum)
{
    bp_settings settings = problem_settings((uint32_t[]){9}, 1, BP_TANH, BP_SQUARED_ERROR, optimizer);

    settings.batch_size = BATCH;
    settings.epochs = EPOCHS;
    settings.momentum = momentum;
    settings.schedule = BP_COSINE;
    settings.warmup = 2;
    return problem_create(settings, 3, 2, ROWS, 13);
}

static int save_at(void *context, const bp_progress *progress)
{
    session *s = context;

    if ((s->by_epoch ? progress->epoch : progress->step) != s->stop_at)
        return 0;
    bp_error error;
    cr_assert_eq(bp_trainer_checkpoint(s->trainer, path, &error), BP_OK, "%s", error.text);
    return 1;
}

static bp_status fit(session *s, bp_progress *progress, bp_error *error)
{
    static uint64_t index[ROWS];
    bp_callbacks callbacks = {.context = s, .pause_steps = 1};

    *(s->by_epoch ? &callbacks.epoch : &callbacks.pause) = save_at;

    for (uint64_t i = 0; i < ROWS; i++)
        index[i] = i;
    return bp_trainer_fit(s->trainer, NULL, s->p->examples, (bp_rows){index, TRAINING}, s->p->examples,
                          (bp_rows){index + TRAINING, ROWS - TRAINING}, &callbacks, progress, error);
}

static void assert_same_network(const session *a, const session *b, uint64_t step)
{
    float *of_a = problem_parameters(a->network), *of_b = problem_parameters(b->network);
    uint64_t count = bp_network_parameters(a->network);

    cr_assert_eq(problem_first_difference(of_a, of_b, count), count, "interrupted after step %llu", (unsigned long long)step);
    free(of_a);
    free(of_b);
}

static bool same_number(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

static void assert_same_progress(const bp_progress *a, const bp_progress *b, uint64_t step)
{
    bool counted = a->epoch == b->epoch && a->step == b->step && a->examples == b->examples && a->best_epoch == b->best_epoch;
    bool measured = same_number(a->train_loss, b->train_loss) && same_number(a->learning_rate, b->learning_rate);
    const bp_metrics *m = &a->validation, *n = &b->validation;
    bool judged = m->rows == n->rows && same_number(m->loss, n->loss) && same_number(m->rmse, n->rmse) &&
                  same_number(m->mae, n->mae) && same_number(m->r2, n->r2) && same_number(m->accuracy, n->accuracy) &&
                  same_number(m->baseline_rmse, n->baseline_rmse);

    cr_assert(counted && measured && judged, "interrupted after step %llu: counted %d, measured %d, judged %d",
              (unsigned long long)step, counted, measured, judged);
}

/* Interrupts after `step`, and goes on in a new trainer of another make. */
static void check_interrupted_at(problem *p, uint64_t step, bool by_epoch, const session *whole, const bp_progress *wanted)
{
    session before = session_begin(p);
    bp_progress progress;
    bp_error error;

    before.stop_at = step;
    before.by_epoch = by_epoch;
    cr_assert_eq(fit(&before, &progress, &error), BP_CANCELLED, "step %llu", (unsigned long long)step);
    session_end(&before);

    bp_settings kept = p->settings;
    p->settings.threads = 1 + (uint32_t)(step % 3);
    p->settings.exact_threads = 1;
    p->settings.gradient = step % 2 ? BP_GRADIENT_BUFFERS : BP_GRADIENT_TILES;
    session after = session_begin(p);
    p->settings = kept;
    cr_assert_eq(bp_trainer_resume(after.trainer, path, &error), BP_OK, "%s", error.text);
    cr_assert_eq(fit(&after, &progress, &error), BP_OK, "%s", error.text);
    assert_same_network(&after, whole, step);
    assert_same_progress(&progress, wanted, step);
    session_end(&after);
}

static void check_interrupted(problem *p, uint64_t step, const session *whole, const bp_progress *wanted)
{
    check_interrupted_at(p, step, false, whole, wanted);
}

static void check_every_step(bp_optimizer optimizer, double momentum, bp_precision precision)
{
    problem p = subject(optimizer, momentum);
    p.settings.precision = (int32_t)precision;
    session whole = session_begin(&p);
    bp_progress wanted;

    cr_assert_eq(fit(&whole, &wanted, NULL), BP_OK);
    for (uint64_t step = 1; step <= STEPS * EPOCHS; step++)
        check_interrupted(&p, step, &whole, &wanted);
    session_end(&whole);
    problem_free(&p);
}

Test(checkpoint, between_updates_of_several_minibatches_goes_on_to_the_same_bits, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_ADAM, 0);
    p.settings.accumulate = 2;
    p.settings.clip_norm = 0.1;
    p.settings.dropout = 0.25;
    session whole = session_begin(&p);
    bp_progress wanted;

    cr_assert_eq(fit(&whole, &wanted, NULL), BP_OK);
    for (uint64_t step = 1; step <= STEPS * EPOCHS; step++)
        if (step % STEPS % 2 == 0)
            check_interrupted(&p, step, &whole, &wanted);
    session_end(&whole);
    problem_free(&p);
}

Test(checkpoint, of_a_full_batch_method_goes_on_to_the_same_bits, .init = scratch_begin, .fini = scratch_end)
{
    for (bp_optimizer method = BP_LBFGS; method <= BP_RPROP; method++) {
        problem p = subject(method, 0);
        p.settings.epochs = 15;
        p.settings.weight_decay = 0.01;
        session whole = session_begin(&p);
        bp_progress wanted;
        cr_assert_eq(fit(&whole, &wanted, NULL), BP_OK);
        for (uint64_t epoch = 1; epoch < wanted.epoch; epoch++)
            check_interrupted_at(&p, epoch, true, &whole, &wanted);
        session_end(&whole);
        problem_free(&p);
    }
}

/* A checkpoint of the update's last step would lack what the epoch's end makes of it. */
Test(checkpoint, of_a_full_batch_method_is_of_an_epochs_end, .init = scratch_begin, .fini = scratch_end)
{
    for (bp_optimizer method = BP_LBFGS; method <= BP_RPROP; method++) {
        problem p = subject(method, 0);
        p.settings.weight_decay = 0.01;
        session s = session_begin(&p);
        s.stop_at = 2; /* steps; no pause asks */
        cr_assert_eq(fit(&s, NULL, NULL), BP_OK);
        cr_assert_eq(scratch_count(), 0);
        session_end(&s);
        problem_free(&p);
    }
}

Test(checkpoint, of_every_step_goes_on_to_the_same_bits, .init = scratch_begin, .fini = scratch_end)
{
    check_every_step(BP_SGD, 0, BP_F32);
    check_every_step(BP_SGD, 0.9, BP_F32);
    check_every_step(BP_ADAM, 0, BP_F32);
    check_every_step(BP_ADAMW, 0, BP_F32);
    check_every_step(BP_ADAM, 0, BP_BF16);
    check_every_step(BP_SGD, 0.9, BP_BF16X3);
}

static void check_early_stopping(bp_schedule schedule)
{
    problem p = subject(BP_ADAM, 0);
    p.settings.epochs = 40;
    p.settings.patience = 3;
    p.settings.schedule = (int32_t)schedule;
    p.settings.schedule_patience = 0;
    p.settings.schedule_factor = 0.7;
    p.settings.learning_rate = 0.05; /* targets without a rule: soon the validation rows get worse */
    session whole = session_begin(&p);
    bp_progress wanted;

    cr_assert_eq(fit(&whole, &wanted, NULL), BP_OK);
    cr_assert(wanted.epoch < 40 && wanted.best_epoch + 3 == wanted.epoch);
    for (uint64_t step = 1; step <= wanted.step; step += 3)
        check_interrupted(&p, step, &whole, &wanted);
    session_end(&whole);
    problem_free(&p);
}

Test(checkpoint, in_early_stopping_waits_no_longer_and_restores_the_same_best, .init = scratch_begin, .fini = scratch_end)
{
    check_early_stopping(BP_COSINE);
    check_early_stopping(BP_PLATEAU);
}

/* A checkpoint of the 7th step, in the middle of the second epoch. */
static void save_one(problem *p)
{
    session s = session_begin(p);

    s.stop_at = 7;
    cr_assert_eq(fit(&s, NULL, NULL), BP_CANCELLED);
    session_end(&s);
}

Test(checkpoint, of_a_finished_fit_says_that_it_is_finished, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_ADAM, 0);
    session first = session_begin(&p), second = session_begin(&p);
    bp_progress wanted, progress;

    cr_assert_eq(fit(&first, &wanted, NULL), BP_OK);
    cr_assert_eq(bp_trainer_checkpoint(first.trainer, path, NULL), BP_OK);
    cr_assert_eq(bp_trainer_resume(second.trainer, path, NULL), BP_OK);
    assert_same_network(&first, &second, STEPS * EPOCHS);
    cr_assert_eq(fit(&second, &progress, NULL), BP_OK);
    assert_same_network(&first, &second, STEPS * EPOCHS);
    assert_same_progress(&progress, &wanted, STEPS * EPOCHS);
    session_end(&first);
    session_end(&second);
    problem_free(&p);
}

Test(checkpoint, before_a_fit_is_refused, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_SGD, 0);
    session s = session_begin(&p);
    bp_error error;

    cr_assert_eq(bp_trainer_checkpoint(s.trainer, path, &error), BP_INVALID);
    cr_assert(strstr(error.text, "before its fit"), "%s", error.text);
    cr_assert_eq(scratch_count(), 0);
    session_end(&s);
    problem_free(&p);
}

/* A resume into a trainer of p that must be refused with `text`, and change nothing. */
static void assert_refused(const problem *p, bp_status wanted, const char *text)
{
    session s = session_begin(p), untouched = session_begin(p);
    bp_progress of_s, of_untouched;
    bp_error error;

    bp_status status = bp_trainer_resume(s.trainer, path, &error);
    cr_assert(status == wanted && strstr(error.text, text), "status %d: \"%s\" does not say \"%s\"", status, error.text, text);
    cr_assert_eq(fit(&s, &of_s, NULL), BP_OK);
    cr_assert_eq(fit(&untouched, &of_untouched, NULL), BP_OK);
    assert_same_network(&s, &untouched, 0);
    assert_same_progress(&of_s, &of_untouched, 0);
    session_end(&s);
    session_end(&untouched);
}

static void assert_setting_refused(const char *key, const char *text)
{
    problem p = subject(BP_SGD, 0.5);
    bp_error error;

    cr_assert_eq(bp_settings_set(&p.settings, key, text, &error), BP_OK, "%s", error.text);
    char option[64] = "--";
    assert_refused(&p, BP_INVALID, strcat(option, key));
    problem_free(&p);
}

Test(checkpoint, with_another_setting_is_refused_by_its_name, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_SGD, 0.5);

    save_one(&p);
    assert_setting_refused("batch-size", "5");
    assert_setting_refused("epochs", "4");
    assert_setting_refused("seed", "2");
    assert_setting_refused("momentum", "0.25");
    assert_setting_refused("nesterov", "yes");
    assert_setting_refused("learning-rate", "0.5");
    assert_setting_refused("weight-decay", "0.1");
    assert_setting_refused("schedule", "linear:warmup=2");
    assert_setting_refused("patience", "3");
    assert_setting_refused("shuffle", "none");
    assert_setting_refused("precision", "bf16");
    problem_free(&p);
}

Test(checkpoint, of_another_network_is_refused, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_SGD, 0.5);

    save_one(&p);
    p.settings.hidden[0] = 8;
    assert_refused(&p, BP_INVALID, "--hidden 9, this run has 8");
    p.settings.hidden[0] = 9;
    p.settings.activation = BP_RELU;
    assert_refused(&p, BP_INVALID, "--activation tanh, this run has relu");
    p.settings.activation = BP_TANH;
    p.settings.loss = BP_BINARY_CROSS_ENTROPY;
    for (size_t i = 0; i < ROWS * 2; i++)
        p.y[i] = p.y[i] > 0 ? 1 : 0;
    assert_refused(&p, BP_INVALID, "--loss squared_error, this run has binary_cross_entropy");
    problem_free(&p);
}

static void assert_data_refused(problem *p, float *number, float value, const char *what)
{
    session s = session_begin(p);
    float kept = *number;
    bp_error error;

    cr_assert_eq(bp_trainer_resume(s.trainer, path, NULL), BP_OK);
    *number = value;
    cr_assert_eq(fit(&s, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, what), "%s", error.text);
    cr_assert(strstr(error.text, "not those of the checkpoint, though both have 17 training rows and 6 validation rows, 3 inputs"),
              "%s", error.text);
    *number = kept;
    cr_assert_eq(fit(&s, NULL, &error), BP_OK, "%s", error.text);
    session_end(&s);
}

Test(checkpoint, of_other_data_is_refused_by_fit, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_ADAM, 0);

    save_one(&p);
    assert_data_refused(&p, &p.x[0], 9, "the training rows");
    assert_data_refused(&p, &p.x[TRAINING * 3 - 1], 9, "the training rows");
    assert_data_refused(&p, &p.y[5], 9, "the training rows");
    assert_data_refused(&p, &p.x[ROWS * 3 - 1], 9, "the validation rows");
    assert_data_refused(&p, &p.y[ROWS * 2 - 1], 9, "the validation rows");
    problem_free(&p);
}

static void assert_damage_refused(bp_trainer *trainer, const char *what, size_t place)
{
    bp_error error;
    bp_status status = bp_trainer_resume(trainer, path, &error);

    cr_assert(status == BP_BAD_FILE || status == BP_INVALID, "%s %zu: status %d", what, place, status);
    cr_assert(strstr(error.text, path), "%s %zu: \"%s\" names no file", what, place, error.text);
}

/* One byte in place: writing the whole file again would take most of the time. */
static void poke(FILE *file, size_t place, unsigned char byte)
{
    cr_assert_eq(fseek(file, (long)place, SEEK_SET), 0);
    cr_assert_eq(fputc(byte, file), byte);
    cr_assert_eq(fflush(file), 0);
}

static void flip_every_bit(bp_trainer *trainer, const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "r+b");

    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            poke(file, i, (unsigned char)(bytes[i] ^ 1u << bit));
            assert_damage_refused(trainer, "bit", 8 * i + bit);
        }
        poke(file, i, bytes[i]);
    }
    fclose(file);
}

Test(checkpoint, is_refused_with_any_bit_flipped_or_cut_anywhere, .init = scratch_begin, .fini = scratch_end, .timeout = 300)
{
    problem p = subject(BP_SGD, 0);
    session s = session_begin(&p), untouched = session_begin(&p);
    size_t size;

    save_one(&p);
    unsigned char *bytes = scratch_read(path, &size);
    flip_every_bit(s.trainer, bytes, size);
    for (size_t length = 0; length < size; length += length < 200 ? 1 : 37) {
        scratch_write(path, bytes, length);
        assert_damage_refused(s.trainer, "length", length);
    }
    assert_same_network(&s, &untouched, 0);
    scratch_write(path, bytes, size);
    cr_assert_eq(bp_trainer_resume(s.trainer, path, NULL), BP_OK);
    free(bytes);
    session_end(&s);
    session_end(&untouched);
    problem_free(&p);
}

Test(checkpoint, that_is_not_there_is_an_error_of_the_system, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_SGD, 0);
    session s = session_begin(&p);
    bp_error error;

    cr_assert_eq(bp_trainer_resume(s.trainer, path, &error), BP_IO);
    cr_assert_eq(error.system, ENOENT);
    session_end(&s);
    problem_free(&p);
}

Test(checkpoint, that_cannot_be_written_leaves_the_old_one, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject(BP_ADAM, 0);
    session s = session_begin(&p);
    size_t size, now_size, failed = 0;
    bp_error error;

    save_one(&p);
    unsigned char *old = scratch_read(path, &size);
    cr_assert_eq(fit(&s, NULL, NULL), BP_OK);
    for (faulty_files faults = {.fail_at = 1, .number = ENOSPC};; faults.fail_at++) {
        faults.calls = 0;
        faulty_files_begin(&faults);
        bp_status status = bp_trainer_checkpoint(s.trainer, path, &error);
        faulty_files_end();
        cr_assert_eq(scratch_count(), 1, "call %zu: something is left behind", faults.fail_at);
        unsigned char *now = scratch_read(path, &now_size);
        bool kept = now_size == size && memcmp(now, old, size) == 0;
        free(now);
        failed += status == BP_IO;
        cr_assert(kept || status == BP_OK || strstr(error.text, "director"), "call %zu: %s", faults.fail_at, error.text);
        if (faults.calls < faults.fail_at)
            break;
    }
    cr_assert_geq(failed, 4);
    free(old);
    session_end(&s);
    problem_free(&p);
}
