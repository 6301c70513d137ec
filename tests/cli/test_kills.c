/* A run that is killed at any moment and resumed, over and over, ends in the bytes of one that nobody disturbed.
 *
 * 50 kills; BP_KILLS=500 BP_KILLS_SEED=7 makes more and others, as scripts/soak does. Moments are drawn, so a failure may need
 * several runs to come again; the options of each process and the delay before its end are told where one fails.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper_program.h"
#include "scratch.h"

TestSuite(kills, .init = scratch_begin, .fini = scratch_end);

enum { KILLS_OF_A_RUN = 4, SMALL_ROWS = 300, LARGE_ROWS = 9000 /* two blocks of a .bpd file */ };

#define SMALL "--hidden 9 --batch-size 20 --epochs 30 --patience 0 "
#define EARLY "--hidden 9 --batch-size 20 --epochs 60 --patience 4 "
#define WHOLE "--hidden 9 --epochs 250 --patience 0 "
#define LARGE "--hidden 7 --batch-size 64 --epochs 3 --patience 0 "

typedef struct run {
    const char *data;
    const char *options;
    bool paged; /* data that may stay on the disk */
} run;

static const run runs[] = {
    {"classes.csv", SMALL "--optimizer sgd", false},
    {"classes.csv", SMALL "--optimizer sgd --momentum 0.9 --nesterov --schedule cosine:warmup=7", false},
    {"values.csv", SMALL "--optimizer rmsprop --momentum 0.5 --loss huber --l1 0.001", false},
    {"classes.csv", EARLY "--optimizer adam --schedule plateau:patience=1,factor=0.5 --metric accuracy", false},
    {"values.csv", SMALL "--optimizer adamw --weight-decay 0.01 --loss quantile --quantile 0.9", false},
    {"values.csv", WHOLE "--optimizer lbfgs", false},
    {"classes.csv", WHOLE "--optimizer rprop --weight-decay 0.001", false},
    {"classes.csv", SMALL "--accumulate 3 --clip-norm 0.1 --dropout 0.3 --schedule step:every=4,factor=0.7", false},
    {"classes.csv", SMALL "--label-smoothing 0.1 --class-weight balanced --precision bf16", false},
    {"values.csv", SMALL "--precision bf16 --optimizer sgd --momentum 0.8 --batch-size full", false},
    {"values.bpd", LARGE "--shuffle blocks", true},
    {"large.csv", LARGE "--shuffle blocks --optimizer rmsprop --precision bf16", false},
    {"values.bpd", LARGE "--shuffle none --optimizer sgd --accumulate 2 --dropout 0.1", true},
    {"values.bpd", LARGE "--shuffle full --precision bf16 --optimizer adamw", false},
    {"values.bpd", "--hidden 5 --epochs 40 --patience 3 --optimizer rprop", true},
};

typedef struct toll {
    uint64_t seed, drawn;
    unsigned wanted, kills, in_writing, processes, finished;
} toll;

static uint32_t draw(toll *t, uint32_t below)
{
    uint64_t z = (t->seed << 32) + ++t->drawn;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

static unsigned number_from(const char *variable, unsigned otherwise)
{
    const char *text = getenv(variable);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void make_data(void)
{
    write_classes("classes.csv", SMALL_ROWS, 1);
    write_values("values.csv", SMALL_ROWS, 2);
    write_values("large.csv", LARGE_ROWS, 3);
    run_program(0, "pack large.csv -o values.bpd");
}

/* -------------------------------------------------------------------------------------------------------- one process */

static const char *target_of(const run *r)
{
    return strncmp(r->data, "classes", 7) == 0 ? "class" : "y";
}

/* How it is computed is another each time. */
static void write_options(toll *t, const run *r, const char *every, char *text, size_t capacity)
{
    static const char *const gradients[] = {"auto", "buffers", "tiles"}, *const isas[] = {"auto", "scalar"};
    static const char *const memory[] = {"--memory 400KiB", "--memory 1MiB", ""};

    snprintf(text, capacity,
             "train %s --target %s %s -q -o killed --checkpoint state --resume --checkpoint-every %s --exact-threads --threads %u "
             "--gradient %s --isa %s %s",
             r->data, target_of(r), r->options, every, 1 + draw(t, 3), gradients[draw(t, 3)], isas[draw(t, 2)],
             r->paged ? memory[draw(t, 3)] : "");
}

static void nap(unsigned microseconds)
{
    struct timespec pause = {0, 1000L * (long)microseconds};
    nanosleep(&pause, NULL);
}

/* A checkpoint that was replaced is another file. */
static ino_t identity(void)
{
    struct stat status;
    return stat("state", &status) == 0 ? status.st_ino : 0;
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Most are killed after their first checkpoint, so that runs come on; some before it, while they read data and checkpoint. */
static void wait_for_moment(toll *t, pid_t pid)
{
    ino_t before = identity();

    if (draw(t, 5) > 0)
        while (identity() == before && !has_ended(pid))
            nap(200);
    nap(draw(t, 12000));
}

static unsigned leftovers(void)
{
    DIR *folder = opendir(".");
    unsigned count = 0;

    cr_assert(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += strncmp(entry->d_name, ".backprop-", 10) ? 0 : 1;
    closedir(folder);
    return count;
}

/* True where it could be killed before its end. */
static bool start_and_kill(toll *t, const run *r)
{
    static const char *const every[] = {"1steps", "1steps", "2steps", "5steps", "1epochs", "0.002s"};
    char options[1024];
    pid_t pid;

    write_options(t, r, every[draw(t, 6)], options, sizeof options);
    pid = start_program(options);
    wait_for_moment(t, pid);
    kill(pid, SIGKILL);
    int code = finish_program(pid);
    t->processes++;
    cr_assert(code == 0 || code == -SIGKILL, "%s: exit code %d\n%s", options, code, last_outcome()->err);
    t->kills += code != 0 ? 1 : 0;
    unsigned left = leftovers();
    cr_assert_leq(left, 1, "%s: %u temporary files, though each replacing removes those of the dead", options, left);
    t->in_writing += left;
    return code != 0;
}

/* ------------------------------------------------------------------------------------------------------------ one run */

static void finish(toll *t, const run *r)
{
    char options[1024];

    write_options(t, r, "1s", options, sizeof options);
    run_program(0, "%s", options);
    t->processes++;
    t->finished++;
}

static void kill_over_and_over(toll *t, const run *r)
{
    run_program(0, "train %s --target %s %s -q -o whole", r->data, target_of(r), r->options);
    for (unsigned i = 0; i < KILLS_OF_A_RUN && t->kills < t->wanted; i++)
        if (!start_and_kill(t, r))
            break;
    finish(t, r);
    cr_assert(same_bytes("whole", "killed"), "%s %s: %u kills in all, seed %llu", r->data, r->options, t->kills,
              (unsigned long long)t->seed);
    cr_assert_eq(leftovers(), 0, "%s: the last run leaves what a killed one had begun to write", r->options);
    unlink("state");
    unlink("killed");
}

Test(kills, at_any_moment_cost_no_bit_of_the_model, .timeout = 3600)
{
    toll t = {.seed = number_from("BP_KILLS_SEED", 1), .wanted = number_from("BP_KILLS", 50)};

    make_data();
    for (size_t i = 0; t.kills < t.wanted; i = (i + 1) % (sizeof runs / sizeof *runs))
        kill_over_and_over(&t, &runs[i]);
    cr_assert_gt(t.in_writing, 0, "no kill met the writing of a checkpoint");
    if (getenv("BP_KILLS"))
        fprintf(stderr, "%u kills of %u processes, %u of them while a checkpoint was written; %u runs ended with the same bytes\n",
                t.kills, t.processes, t.in_writing, t.finished);
}
