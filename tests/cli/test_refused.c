/* Every allocation, every call on files and every thread refused in turn, to the program as a whole: it ends by itself, says what
 * is wrong unless all went well all the same, and what it writes is as it was or whole.
 *
 * Of a command's allocations the first 12 are refused, and about as many of the others; with BP_EVERY_REFUSAL in the environment
 * all. Calls on files are all refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_program.h"
#include "scratch.h"

static void make_inputs(void)
{
    scratch_begin();
    if (!*BP_REFUSING)
        cr_skip_test("left out: sanitizers stand in front of malloc themselves");
    write_classes("data.csv", 60, 1);
    write_text("given.cfg", "hidden = 4\nepochs = 1\ntarget = class\n");
    run_program(0, "train data.csv --config given.cfg -q -o given.safetensors");
    run_program(0, "pack data.csv -o given.bpd");
}

TestSuite(refused, .init = make_inputs, .fini = scratch_end);

/* A command, the files it writes, and whether its standard output is the same in every run. */
typedef struct job {
    const char *arguments;
    const char *written[4];
    bool prints_the_same;
} job;

static const job jobs[] = {
    {"train data.csv --target class --hidden 4 --epochs 2 --threads 1 --json --checkpoint k --log log --write-config w -o m",
     {"m", "k", "w"},
     false},
    {"train data.csv --config given.cfg --optimizer lbfgs -q -o m", {"m"}, true},
    {"train given.bpd --config given.cfg -q -o m", {"m"}, true},
    {"predict given.safetensors data.csv --keep colour -o p.csv", {"p.csv"}, true},
    {"predict given.safetensors data.csv", {NULL}, true},
    {"evaluate given.safetensors data.csv --json --importance --repeats 2", {NULL}, true},
    {"pack data.csv -o p.bpd", {"p.bpd"}, true},
    {"export given.safetensors -o m.c", {"m.c"}, true},
    {"export given.safetensors -o m.npz", {"m.npz"}, true},
    {"export given.safetensors -o m.onnx", {"m.onnx"}, true},
    {"export given.safetensors -o m.safetensors", {"m.safetensors"}, true},
    {"info given.safetensors --json", {NULL}, true},
    {"info given.safetensors --pytorch", {NULL}, true},
    {"info data.csv --json", {NULL}, true},
    {"cv data.csv --config given.cfg --folds 3 --threads 1", {NULL}, false},
    {"tune data.csv --target class --epochs 2 --trials 3 --threads 1 --json -o m", {"m"}, false},
    {"trace given.safetensors data.csv --json", {NULL}, true},
    {"gradcheck --layers 3,4,2", {NULL}, true},
    {"plan --layers 3,4,2 --threads 2 --json", {NULL}, false},
    {"bench --layers 3,4,2 --threads 1 --seconds 0.001 --json", {NULL}, false},
};

#define JOBS (sizeof jobs / sizeof *jobs)
#define WRITTEN 4

/* ----------------------------------------------------------------------------------------------------------- one run */

static const char old[] = "what was here before";

static const outcome *run_refusing(const char *arguments, const char *kind, size_t at, bool onwards)
{
    char before[512];

    snprintf(before, sizeof before, "BP_REFUSE=%s BP_REFUSE_AT=%zu%s BP_REFUSE_BY=%d BP_REFUSE_TO=.calls LD_PRELOAD='%s'", kind, at,
             onwards ? "+" : "", ENOSPC, BP_REFUSING);
    return try_program_after(before, arguments);
}

static size_t calls_made(void)
{
    FILE *file = fopen(".calls", "r");
    size_t calls = 0;

    cr_assert(file && fscanf(file, "%zu", &calls) == 1);
    fclose(file);
    return calls;
}

static size_t temporaries(void)
{
    DIR *entries = opendir(".");
    size_t count = 0;

    for (struct dirent *entry; (entry = readdir(entries));)
        count += strncmp(entry->d_name, ".backprop-", 10) == 0;
    closedir(entries);
    return count;
}

/* What all goes well leaves: names with ".whole" behind them. */
static void keep_whole(const job *j)
{
    char name[64];

    for (const char *const *file = j->written; file < j->written + WRITTEN && *file; file++) {
        snprintf(name, sizeof name, "%s.whole", *file);
        cr_assert_eq(rename(*file, name), 0, "%s: no %s", j->arguments, *file);
    }
}

static void put_old(const job *j)
{
    for (const char *const *file = j->written; file < j->written + WRITTEN && *file; file++)
        write_text(*file, old);
}

static void check_files(const job *j, const outcome *o, const char *what)
{
    char name[64];

    for (const char *const *file = j->written; file < j->written + WRITTEN && *file; file++) {
        snprintf(name, sizeof name, "%s.whole", *file);
        bool whole = same_bytes(*file, name);
        cr_assert(whole || (o->code && holds_text(*file, old)), "%s: backprop %s: exit code %d, %s is damaged", what, j->arguments,
                  o->code, *file);
    }
    cr_assert_eq(temporaries(), 0, "%s: backprop %s leaves a file behind", what, j->arguments);
}

/* 3 is an input that cannot be read. What went well is as it always is, unless a message says what is missing. */
static void check_run(const job *j, const outcome *o, const char *usual, const char *kind, size_t at, bool onwards)
{
    char what[64];
    bool input = strcmp(kind, "files") == 0 && o->code == 3;

    snprintf(what, sizeof what, "%s %zu%s refused", kind, at, onwards ? " and on" : "");
    cr_assert(o->code == 0 || o->code == 1 || input, "%s: backprop %s: exit code %d: %s", what, j->arguments, o->code, o->err);
    cr_assert(o->code == 0 || *o->err, "%s: backprop %s fails without a word", what, j->arguments);
    cr_assert(o->code || !j->prints_the_same || *o->err || strcmp(o->out, usual) == 0, "%s: backprop %s prints something else: %s",
              what, j->arguments, o->out);
    check_files(j, o, what);
}

/* --------------------------------------------------------------------------------------------------------- all calls */

/* All, or the first 12 and some 12 others, which no regularity of a loop avoids. */
static size_t next_call(size_t call, size_t calls, bool all)
{
    return call + (all || call < 12 ? 1 : 1 + (calls / 12) + call % 2);
}

static size_t refuse_each(const job *j, const char *kind, bool all)
{
    static char usual[sizeof((outcome *)0)->out];
    size_t runs = 0;

    put_old(j);
    cr_assert_eq(run_refusing(j->arguments, kind, 0, false)->code, 0, "%s", last_outcome()->err);
    strcpy(usual, last_outcome()->out);
    keep_whole(j);
    size_t calls = calls_made();
    for (int onwards = 0; onwards <= 1; onwards++)
        for (size_t call = 1; call <= calls; call = next_call(call, calls, all), runs++) {
            put_old(j);
            check_run(j, run_refusing(j->arguments, kind, call, onwards), usual, kind, call, onwards);
        }
    return runs;
}

static void refuse_all(const char *kind, bool all)
{
    size_t runs = 0;

    for (const job *j = jobs; j < jobs + JOBS; j++)
        runs += refuse_each(j, kind, all);
    printf("refused: %zu runs of %zu commands, each without some %s\n", runs, JOBS, kind);
}

/* With libomp, which clang links, the process ends by abort or worse wherever libomp itself is refused memory. */
Test(refused, memory_never_harms)
{
#ifdef __clang__
    cr_skip_test("left out: libomp does not survive it; with libgomp it is looked at");
#endif
    refuse_all("memory", getenv("BP_EVERY_REFUSAL"));
}

Test(refused, calls_on_files_never_harm)
{
    refuse_all("files", true);
}

/* A team of four is three threads more: they are tried before OpenMP, which would end the program, is asked for them. */
Test(refused, threads_make_a_smaller_team_with_the_same_bits)
{
    static const job team = {
        "train data.csv --config given.cfg --threads 4 --exact-threads --batch-size 54 --hidden 64 -q -o m", {"m"}, true};

    put_old(&team);
    cr_assert_eq(run_refusing(team.arguments, "threads", 0, false)->code, 0);
    keep_whole(&team);
    cr_assert_geq(calls_made(), 6, "no team of four");
    for (size_t thread = 1; thread <= 3; thread++) {
        put_old(&team);
        cr_assert_eq(run_refusing(team.arguments, "threads", thread, true)->code, 0, "thread %zu: %s", thread, last_outcome()->err);
        check_files(&team, last_outcome(), "threads");
    }
    printf("refused: 3 runs, each without some threads\n");
}

/* Nothing can stand for the thread that reads ahead. */
Test(refused, a_reader_of_parts_is_missed_aloud)
{
    static const job parts = {
        "train large.bpd --config given.cfg --threads 1 --batch-size 8 --memory 64KiB --shuffle blocks -q -o m", {"m"}, true};

    write_classes("large.csv", 20000, 1);
    run_program(0, "pack large.csv -o large.bpd");
    put_old(&parts);
    cr_assert_eq(run_refusing(parts.arguments, "threads", 0, false)->code, 0, "%s", last_outcome()->err);
    keep_whole(&parts);
    size_t calls = calls_made();
    cr_assert_geq(calls, 2);
    for (size_t thread = 1; thread <= calls; thread++) {
        put_old(&parts);
        const outcome *o = run_refusing(parts.arguments, "threads", thread, false);
        cr_assert(o->code == 1 || o->code == 3, "%d: %s", o->code, o->err);
        cr_assert(strstr(o->err, "large.bpd") && strstr(o->err, "refused"), "%s", o->err);
        check_files(&parts, o, "threads");
    }
}
