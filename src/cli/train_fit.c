/* The fit: checkpoints and progress on the way, and what is left of it when it ends early.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "message.h"
#include "progress.h"
#include "train.h"

/* ----------------------------------------------------------------------------------------------------- on the way */

/* By itself, saving takes 1 % of the time at most: 60 s become more where the disk is slow or the network large. */
static double seconds_between(const bp_train *train)
{
    double least = train->arguments->option[BP_OPTION_CHECKPOINT_EVERY] ? 0 : 100 * train->save_seconds;
    return train->every.seconds > least ? train->every.seconds : least;
}

static bool is_due(const bp_train *train, const bp_progress *progress)
{
    const bp_every *every = &train->every;

    if (every->epochs)
        return progress->epoch >= train->saved.epoch + every->epochs;
    if (every->steps)
        return progress->step >= train->saved.step + every->steps;
    return progress->seconds >= train->saved.seconds + seconds_between(train);
}

/* A checkpoint that cannot be saved ends the run: whoever asked for it relies on it. One of numbers that are not finite is refused,
 * and the fit itself will end with them, at the epoch's end if not before. */
static bool save_if_due(bp_train *train, const bp_progress *progress)
{
    const char *path = train->arguments->option[BP_OPTION_CHECKPOINT];

    if (!path || !is_due(train, progress))
        return true;
    double began = bp_clock();
    train->saved = *progress;
    train->save_status = bp_trainer_checkpoint(train->trainer, path, &train->save_error);
    train->save_seconds = bp_clock() - began;
    return train->save_status == BP_OK || train->save_status == BP_DIVERGED;
}

static int follow(void *context, const bp_progress *progress)
{
    bp_train *train = context;

    if (train->resumed && !train->told)
        train->first = train->saved = *progress;
    train->told = true;
    if (bp_progress_wanted(train->arguments))
        bp_progress_draw(progress, &train->first, (bp_task)train->info.task);
    return !save_if_due(train, progress) || bp_interrupted();
}

static int follow_epoch(void *context, const bp_progress *progress)
{
    bp_train_log_progress(context, "epoch", progress);
    return follow(context, progress);
}

static int follow_pause(void *context, const bp_progress *progress)
{
    bp_train *train = context;

    if (train->log_every && progress->step % train->log_every == 0)
        bp_train_log_progress(train, "step", progress);
    return follow(context, progress);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bp_callbacks callbacks_for(bp_train *train)
{
    bp_callbacks callbacks = {.context = train, .epoch = follow_epoch, .pause = follow_pause};

    if (train->arguments->option[BP_OPTION_CHECKPOINT]) {
        callbacks.pause_steps = train->every.steps;
        callbacks.pause_seconds = train->every.seconds;
    }
    callbacks.pause_steps = common_divisor(callbacks.pause_steps, train->log_every);
    if (bp_progress_wanted(train->arguments) && !(callbacks.pause_seconds > 0 && callbacks.pause_seconds < BP_PROGRESS_SECONDS))
        callbacks.pause_seconds = BP_PROGRESS_SECONDS;
    return callbacks;
}

/* ------------------------------------------------------------------------------------------------------ ending early */

static int save_beside(const bp_train *train, const char *suffix, char *path, size_t capacity)
{
    bp_error error;

    snprintf(path, capacity, "%s%s", train->output, suffix);
    if (bp_model_save(path, train->network, train->encoder, &train->settings, &error) == BP_OK)
        return BP_EXIT_DONE;
    return bp_say_error(train->arguments, &error);
}

static int end_diverged(const bp_train *train, const bp_error *error)
{
    char path[4200];
    int code = save_beside(train, ".diverged", path, sizeof path);

    bp_say("%s", error->text);
    if (code == BP_EXIT_DONE)
        bp_say("the network before it is in %s; a lower --learning-rate or a --schedule with warmup may help", path);
    return BP_EXIT_DIVERGED;
}

/* Quotes for the shell. */
static void print_word(const char *word)
{
    if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%")]) {
        fprintf(stderr, " %s", word);
        return;
    }
    fputs(" '", stderr);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", stderr);
        else
            putc(*word, stderr);
    putc('\'', stderr);
}

/* The option stands behind those that it is to win over, and before a "--", behind which nothing is an option. */
static void print_command(const bp_train *train, const char *option, const char *value)
{
    char **words = train->arguments->words;
    int count = train->arguments->word_count, last = 0;

    while (last < count && strcmp(words[last], "--") != 0)
        last++;
    fprintf(stderr, "go on with:\n  backprop");
    for (int i = 0; i < last; i++)
        print_word(words[i]);
    if (option)
        print_word(option);
    if (value)
        print_word(value);
    for (int i = last; i < count; i++)
        print_word(words[i]);
    putc('\n', stderr);
}

static int end_interrupted(const bp_train *train)
{
    const char *checkpoint = train->arguments->option[BP_OPTION_CHECKPOINT];
    char path[4200];
    bp_error error;
    int code;

    if (checkpoint) {
        if (bp_trainer_checkpoint(train->trainer, checkpoint, &error) != BP_OK)
            return bp_say_error(train->arguments, &error);
        bp_say("interrupted; all of it is in %s", checkpoint);
        print_command(train, train->arguments->option[BP_OPTION_RESUME] ? NULL : "--resume", NULL);
        return BP_EXIT_INTERRUPTED;
    }
    code = save_beside(train, ".interrupted", path, sizeof path);
    if (code != BP_EXIT_DONE)
        return code;
    bp_say("interrupted; the network so far is in %s", path);
    print_command(train, "--from", path);
    return BP_EXIT_INTERRUPTED;
}

/* --------------------------------------------------------------------------------------------------------------- fit */

static int resume(bp_train *train)
{
    const char *path = train->arguments->option[BP_OPTION_CHECKPOINT];
    bp_error error;

    if (!train->arguments->option[BP_OPTION_RESUME] || access(path, F_OK) != 0)
        return BP_EXIT_DONE;
    if (bp_trainer_resume(train->trainer, path, &error) != BP_OK)
        return bp_say_input_error(train->arguments, &error);
    train->resumed = true;
    return BP_EXIT_DONE;
}

static bp_status fit(bp_train *train, bp_error *error)
{
    bp_callbacks callbacks = callbacks_for(train);
    const bp_examples *validation = NULL;
    bp_status status;

    if (train->validation.count)
        validation = train->validation.examples ? train->validation.examples : train->training.examples;
    status = bp_trainer_fit(train->trainer, train->encoder, train->training.examples, bp_material_rows(&train->training),
                            validation, bp_material_rows(&train->validation), &callbacks, &train->progress, error);
    if (bp_progress_wanted(train->arguments))
        bp_progress_clear();
    return status;
}

/* A run that is over is in the checkpoint too, so that the same command does not train its last part again. */
static int end_done(bp_train *train)
{
    const char *checkpoint = train->arguments->option[BP_OPTION_CHECKPOINT];
    bp_error error;

    if (train->resumed && !train->told) {
        train->first = train->progress; /* nothing was computed, so there is no speed to tell */
        if (!train->arguments->option[BP_OPTION_QUIET])
            bp_say("%s holds a run that is over; nothing is left to train", checkpoint);
        return BP_EXIT_DONE;
    }
    if (checkpoint && bp_trainer_checkpoint(train->trainer, checkpoint, &error) != BP_OK)
        return bp_say_error(train->arguments, &error);
    return BP_EXIT_DONE;
}

static int run(bp_train *train)
{
    bp_error error;

    switch (fit(train, &error)) {
    case BP_OK:
        return end_done(train);
    case BP_DIVERGED:
        return end_diverged(train, &error);
    case BP_CANCELLED:
        return train->save_status == BP_OK ? end_interrupted(train) : bp_say_error(train->arguments, &train->save_error);
    default:
        return bp_say_input_error(train->arguments, &error);
    }
}

int bp_train_fit(bp_train *train)
{
    bp_error error;
    int code;

    if (!train->network &&
        bp_network_create(&train->settings, train->info.inputs, train->info.outputs, NULL, &train->network, &error) != BP_OK)
        return bp_say_error(train->arguments, &error);
    if (bp_trainer_create(train->network, &train->settings, NULL, 0, NULL, &train->trainer, &error) != BP_OK)
        return bp_say_error(train->arguments, &error);
    code = resume(train);
    if (code != BP_EXIT_DONE)
        return code;
    bp_train_log_begin(train);
    bp_interrupt_trainer(train->trainer);
    code = run(train);
    bp_interrupt_trainer(NULL);
    train->threads = bp_trainer_threads(train->trainer);
    train->isa = bp_trainer_isa(train->trainer);
    bp_trainer_free(train->trainer); /* saving takes as much memory as the epochs' copies of the network did */
    train->trainer = NULL;
    return code;
}
