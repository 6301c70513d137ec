/* Checkpoints, resumed into a small fit, which then goes on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"
#include "fuzz.h"
#include "memory_files.h"
#include "tensors.h"

enum { ROWS = 11, TRAINING = 8, INPUTS = 3, OUTPUTS = 2 };

typedef struct session {
    bp_examples *examples;
    bp_network *network;
    bp_trainer *trainer;
    uint64_t stop_at;
} session;

static session begin(void)
{
    static float x[ROWS][INPUTS], y[ROWS][OUTPUTS];
    bp_settings settings =
        *fuzz_settings("hidden", "2", "batch-size", "3", "epochs", "3", "patience", "2", "learning-rate", "0.1", NULL);
    bp_array inputs = {.data = x, .type = BP_TYPE_F32, .rows = ROWS, .columns = INPUTS};
    bp_array targets = {.data = y, .type = BP_TYPE_F32, .rows = ROWS, .columns = OUTPUTS};
    session s = {0};
    bp_error error;

    for (int i = 0; i < ROWS * INPUTS; i++)
        x[i / INPUTS][i % INPUTS] = (float)(i * 7 % 10) / 5 - 1;
    for (int i = 0; i < ROWS * OUTPUTS; i++)
        y[i / OUTPUTS][i % OUTPUTS] = (float)(i * 3 % 8) / 4 - 1;
    fuzz_must(bp_examples_borrow(&inputs, &targets, NULL, budget_allocator(), &s.examples, &error), &error, "examples");
    fuzz_must(bp_network_create(&settings, INPUTS, OUTPUTS, budget_allocator(), &s.network, &error), &error, "a network");
    fuzz_must(bp_trainer_create(s.network, &settings, NULL, 0, budget_allocator(), &s.trainer, &error), &error, "a trainer");
    return s;
}

static void end(session *s)
{
    bp_trainer_free(s->trainer);
    bp_network_free(s->network);
    bp_examples_free(s->examples);
}

static int save_at(void *context, const bp_progress *progress)
{
    session *s = context;
    bp_error error;

    if (progress->step != s->stop_at)
        return 0;
    fuzz_must(bp_trainer_checkpoint(s->trainer, "seed.checkpoint", &error), &error, "a seed");
    return 1;
}

static bp_status fit(session *s, bp_error *error)
{
    uint64_t index[ROWS];
    bp_callbacks callbacks = {.context = s, .pause = save_at, .pause_steps = 1};

    for (uint64_t i = 0; i < ROWS; i++)
        index[i] = i;
    return bp_trainer_fit(s->trainer, NULL, s->examples, (bp_rows){index, TRAINING}, s->examples,
                          (bp_rows){index + TRAINING, ROWS - TRAINING}, s->stop_at ? &callbacks : NULL, NULL, error);
}

static size_t seed(unsigned char *bytes, size_t room)
{
    session s = begin();
    bp_error error;

    s.stop_at = 5;
    if (fit(&s, &error) != BP_CANCELLED)
        fuzz_die("the seed's fit was not stopped");
    end(&s);
    return tensors_take("seed.checkpoint", bytes, room);
}

static void save(const session *s, const char *name)
{
    bp_error error;

    fuzz_must(bp_trainer_checkpoint(s->trainer, name, &error), &error, "saving what was resumed");
}

static void resume_again(void)
{
    session s = begin();
    bp_error error;

    fuzz_must(bp_trainer_resume(s.trainer, "once.checkpoint", &error), &error, "resuming what was saved");
    save(&s, "twice.checkpoint");
    tensors_must_be_same("once.checkpoint", "twice.checkpoint");
    end(&s);
}

static bool run(const unsigned char *bytes, size_t size)
{
    session s = begin();
    bp_error error = {0};

    memory_files_put("in.checkpoint", bytes, size);
    bool accepted = fuzz_went_well(bp_trainer_resume(s.trainer, "in.checkpoint", &error), &error);
    budget_lift();
    if (accepted) {
        save(&s, "once.checkpoint");
        resume_again();
    }
    bp_status status = fit(&s, &error); /* refused or resumed, a trainer serves */
    if (status != BP_OK && !(accepted && (status == BP_DIVERGED || status == BP_INVALID)))
        fuzz_die("going on: %s: %s", bp_status_text(status), error.text);
    end(&s);
    return accepted;
}

const fuzz_target fuzz_checkpoint = {.name = "checkpoint",
                                     .factor = 400,
                                     .constant = (size_t)1 << 20,
                                     .seed = seed,
                                     .repair = tensors_repair,
                                     .checked = true,
                                     .run = run};
