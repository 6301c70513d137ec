/* A host that forks: before the library is used, while other threads train, out of callbacks. The child frees what it has of the
 * parent's and trains its own with the usual bits, and the parent goes on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper_outcome.h"
#include "scratch.h"

TestSuite(guest_fork, .init = scratch_begin, .fini = scratch_end);

enum { CHILDREN = 5 };

/* Whether handles made here give the usual bits; no assertion of Criterion's, which knows its own process alone. */
static bool trains(const outcome *usual)
{
    problem p = outcome_problem(2);
    handles h = handles_create(&p);
    outcome *o = calloc(1, sizeof *o);
    bool done = compute(&h, o) == BP_OK;

    outcome_finish(&h, o);
    done = done && memcmp(o->parameters, usual->parameters, sizeof o->parameters) == 0 && o->train_loss == usual->train_loss;
    free(o);
    handles_free(&h);
    problem_free(&p);
    return done;
}

static void expect_success(pid_t child, const char *which)
{
    int result = 1;

    cr_assert(child > 0 && waitpid(child, &result, 0) == child);
    cr_assert(WIFEXITED(result) && WEXITSTATUS(result) == 0, "the child %s ended with %d at %d", which, WTERMSIG(result),
              WEXITSTATUS(result));
}

/* A child that hangs is ended, and told from one that fails. */
static pid_t fork_child(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        alarm(60);
    return child;
}

Test(guest_fork, before_the_first_call_leaves_both_as_they_would_be)
{
    float parameters[PARAMETERS];
    int pipe_of_child[2];

    cr_assert_eq(pipe(pipe_of_child), 0);
    pid_t child = fork_child();
    if (child == 0) {
        outcome *own = outcome_usual();
        bool whole = write(pipe_of_child[1], own->parameters, sizeof own->parameters) == (ssize_t)sizeof own->parameters;
        _exit(whole && trains(own) ? 0 : 1);
    }
    outcome *usual = outcome_usual();
    cr_assert(trains(usual));
    cr_assert_eq(read(pipe_of_child[0], parameters, sizeof parameters), (ssize_t)sizeof parameters);
    cr_assert_eq(memcmp(parameters, usual->parameters, sizeof parameters), 0);
    expect_success(child, "of a process that had not used the library");
    free(usual);
}

Test(guest_fork, of_a_child_is_survived_too)
{
    outcome *usual = outcome_usual();

    cr_assert(trains(usual));
    pid_t child = fork_child();
    if (child == 0) {
        bool first = trains(usual);
        pid_t grandchild = fork_child();
        if (grandchild == 0)
            _exit(trains(usual) ? 0 : 1);
        int result = 1;
        waitpid(grandchild, &result, 0);
        _exit(first && result == 0 && trains(usual) ? 0 : 1);
    }
    expect_success(child, "or the child's child");
    free(usual);
}

/* ------------------------------------------------------------------------------------------------------ other threads */

typedef struct busy {
    const handles *h;
    outcome *o;
    atomic_int rounds, over;
    bp_status status;
} busy;

static void *stay_busy(void *context)
{
    busy *b = context;

    while (b->status == BP_OK && !b->over) {
        b->status = compute(b->h, b->o);
        b->rounds++;
    }
    return NULL;
}

static void rest(long microseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000 * microseconds}, NULL);
}

/* Forks while another thread of the host computes with a team; the child frees the handles that were in use. */
Test(guest_fork, while_another_thread_trains_harms_neither)
{
    outcome *usual = outcome_usual();
    problem p = outcome_problem(2);
    handles h = handles_create(&p);
    busy b = {.h = &h, .o = calloc(1, sizeof *b.o)};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, stay_busy, &b), 0);
    while (b.rounds == 0)
        rest(100);
    for (int i = 0; i < CHILDREN; i++) {
        rest(1000 * i + 137); /* in the middle of something */
        pid_t child = fork_child();
        if (child == 0) {
            handles_free(&h);
            _exit(trains(usual) ? 0 : 1);
        }
        expect_success(child, "of a process that was training");
    }
    b.over = 1;
    pthread_join(thread, NULL);
    cr_assert_eq(b.status, BP_OK);
    cr_assert(trains(usual), "the parent goes on");
    free(b.o);
    free(usual);
    handles_free(&h);
    problem_free(&p);
}

/* ----------------------------------------------------------------------------------------------------------- callbacks */

typedef struct forking {
    pid_t child;
    bool in_child;
} forking;

static int fork_once(void *context, const bp_progress *progress)
{
    forking *f = context;

    (void)progress;
    if (f->child == 0 && !f->in_child) {
        f->child = fork_child();
        f->in_child = f->child == 0;
    }
    return 0;
}

/* The fit, with a fork in a callback of it; in the child it never returns. */
static void fit_and_fork(const handles *h, const bp_examples *examples, const bp_callbacks *callbacks, const outcome *usual)
{
    const forking *f = callbacks->context;
    bp_error error = {0};
    bp_status status =
        bp_trainer_fit(h->trainer, NULL, examples, (bp_rows){0}, h->p->examples, (bp_rows){0}, callbacks, NULL, &error);

    if (f->in_child) {
        handles own = *h;
        handles_free(&own);
        _exit(status == BP_FORKED ? !trains(usual) : 2);
    }
    cr_assert_eq(status, BP_OK, "%s", error.text);
    expect_success(f->child, "of a callback");
}

/* Which callback: `epoch`, or `pause` after so many steps; the last epoch's end is an end too. */
static void check_callback(const bp_examples *examples, const problem *p, uint64_t pause_steps, const outcome *usual)
{
    forking f = {0};
    handles h = handles_create(p);
    bp_callbacks callbacks = {.context = &f, .pause_steps = pause_steps};

    if (pause_steps)
        callbacks.pause = fork_once;
    else
        callbacks.epoch = fork_once;
    fit_and_fork(&h, examples, &callbacks, usual);
    handles_free(&h);
}

Test(guest_fork, in_a_callback_ends_the_childs_fit_with_a_status)
{
    outcome *usual = outcome_usual();

    for (uint64_t epochs = 1; epochs <= 3; epochs += 2)
        for (uint64_t pause_steps = 0; pause_steps <= 5; pause_steps++) {
            problem p = outcome_problem(2);
            p.settings.epochs = epochs;
            check_callback(p.examples, &p, pause_steps, usual);
            problem_free(&p);
        }
    free(usual);
}

/* ------------------------------------------------------------------------------------------------- the thread that reads */

/* Twelve blocks of 8,192 rows, with memory for one or two: the reader is waiting for room when the first callbacks come. */
enum { LONG_ROWS = 12 * 8192 - 100 };

static void write_long_file(void)
{
    FILE *file = fopen("t.csv", "w");
    bp_settings settings;
    bp_dataset *dataset;
    bp_error error = {0};

    cr_assert(file);
    for (unsigned i = 0; i < INPUTS; i++)
        fprintf(file, "x%u,", i);
    fputs("y0,y1,y2\n", file);
    for (unsigned row = 0; row < LONG_ROWS; row++)
        for (unsigned i = 0; i < INPUTS + OUTPUTS; i++)
            fprintf(file, i + 1 < INPUTS + OUTPUTS ? "%u," : "%u\n", (row * 31 + i * 2654435761u) >> 7 & 255);
    fclose(file);
    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_dataset_read("t.csv", &settings, 1, NULL, &dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_dataset_pack(dataset, "t.bpd", &error), BP_OK, "%s", error.text);
    bp_dataset_free(dataset);
}

Test(guest_fork, while_a_file_is_read_ahead_does_not_wait_for_the_reader)
{
    outcome *usual = outcome_usual();
    problem p = outcome_problem(2);
    bp_settings settings = p.settings;
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_error error = {0};

    write_long_file();
    cr_assert_eq(bp_settings_set(&settings, "target", "y0,y1,y2", NULL), BP_OK);
    settings.memory = 1 << 20;
    cr_assert_eq(bp_dataset_read("t.bpd", &settings, 0, NULL, &dataset, &error), BP_OK, "%s", error.text);
    cr_assert(bp_dataset_is_paged(dataset));
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){0}, &settings, NULL, &encoder, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_apply(encoder, dataset, 1, NULL, &examples, &error), BP_OK, "%s", error.text);
    p.settings.shuffle = BP_SHUFFLE_BLOCKS;
    p.settings.epochs = 2;
    for (uint64_t pause_steps = 0; pause_steps < 500; pause_steps += 199)
        check_callback(examples, &p, pause_steps, usual);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    free(usual);
    problem_free(&p);
}
