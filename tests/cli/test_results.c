/* Tests of promises about the model file: same bits, exact resume, nothing lost.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "backprop.h"
#include "helper_program.h"
#include "scratch.h"

TestSuite(results, .init = scratch_begin, .fini = scratch_end);

#define TRAIN "train data.csv --target class --hidden 40,8 --batch-size 70 --epochs 6 --patience 0 -q "

Test(results, two_runs_give_the_same_file)
{
    write_classes("data.csv", 300, 1);
    run_program(0, TRAIN "-o a");
    run_program(0, TRAIN "-o b");
    cr_assert(same_bytes("a", "b"));
    run_program(0, TRAIN "-o c --seed 2");
    cr_assert(!same_bytes("a", "c"));
}

/* Two classes that overlap, the second in one row of nine; column w weighs it nine times. */
static void write_rare(const char *name)
{
    FILE *file = fopen(name, "w");

    fprintf(file, "x,w,class\n");
    for (int i = 0; i < 360; i++)
        fprintf(file, "%d,%d,%s\n", (i * 7 + (i % 9 == 0 ? 25 : 0)) % 60, i % 9 == 0 ? 9 : 1, i % 9 == 0 ? "rare" : "usual");
    fclose(file);
}

#define WEIGH "train rare.csv --target class --hidden 6 --epochs 30 --batch-size 60 --patience 0 -q "

static double recall_of_rare(const char *model)
{
    run_program(0, "evaluate %s rare.csv --json", model);
    json_t *object = parsed_output();
    double recall = -1;
    for (size_t i = 0; i < json_array_size(json_object_get(object, "classes")); i++) {
        json_t *class = json_array_get(json_object_get(object, "classes"), i);
        if (strcmp(json_string_value(json_object_get(class, "class")), "rare") == 0)
            recall = json_real_value(json_object_get(class, "recall"));
    }
    json_decref(object);
    return recall;
}

Test(results, weights_of_classes_and_examples_count_alike_on_any_number_of_threads)
{
    write_rare("rare.csv");
    run_program(0, WEIGH "--ignore-columns w -o plain");
    run_program(0, WEIGH "--ignore-columns w --class-weight balanced -o balanced");
    run_program(0, WEIGH "--ignore-columns w --class-weight balanced -o other --exact-threads --threads 3 --gradient tiles");
    cr_assert(same_bytes("balanced", "other"));
    run_program(0, WEIGH "--weight-column w --class-weight rare=0.5 -o both");
    run_program(0, WEIGH "--weight-column w --class-weight rare=0.5 -o other --exact-threads --threads 3 --gradient tiles");
    cr_assert(same_bytes("both", "other"));
    run_program(0, WEIGH "--weight-column w -o weighed");
    cr_assert_lt(recall_of_rare("plain"), recall_of_rare("weighed"));
    cr_assert_lt(recall_of_rare("plain"), recall_of_rare("balanced"));
    run_program(2, WEIGH "--class-weight rara=2 -o other");
    cr_assert(strstr(last_outcome()->err, "rara"), "%s", last_outcome()->err);
}

static bool has_isa(const char *isa)
{
    return finish_program(start_program(isa)) == 0;
}

Test(results, threads_strategy_and_instruction_set_change_no_bit)
{
    static const char *const isas[] = {"scalar", "avx2", "avx512", "amx", "neon"}, *const gradients[] = {"buffers", "tiles"};
    static const int threads[] = {1, 2, 3, 8};
    char plan[64];

    write_classes("data.csv", 300, 1);
    run_program(0, TRAIN "-o first --threads 1 --isa scalar --gradient buffers");
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        snprintf(plan, sizeof plan, "plan --layers 2,2 --isa %s", isas[i]);
        if (!has_isa(plan))
            continue;
        for (size_t t = 0; t < 4; t++)
            for (size_t g = 0; g < 2; g++) {
                run_program(0, TRAIN "-o other --exact-threads --threads %d --isa %s --gradient %s", threads[t], isas[i],
                            gradients[g]);
                cr_assert(same_bytes("first", "other"), "%s, %d threads, %s", isas[i], threads[t], gradients[g]);
            }
    }
}

Test(results, exact_threads_are_really_used)
{
    json_t *object;

    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 1 --exact-threads --threads 3 --json");
    object = parsed_output();
    cr_assert_eq(json_integer_value(json_object_get(object, "threads")), 3);
    json_decref(object);
}

static void nap(void)
{
    struct timespec pause = {0, 2000000};
    nanosleep(&pause, NULL);
}

static void wait_for(const char *name)
{
    for (int i = 0; i < 10000 && !exists(name); i++)
        nap();
    cr_assert(exists(name));
}

/* Until the process has computed for a third of a second: by then it has read its few rows and trains. */
static void wait_until_busy(pid_t pid)
{
    char path[64];
    unsigned long ticks = 0;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    for (int i = 0; i < 10000 && ticks < 33; i++) {
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &ticks) != 1)
            ticks = 0;
        if (file)
            fclose(file);
        nap();
    }
    cr_assert_geq(ticks, 33);
}

/* Until somebody has taken what is in the pipe. */
static void wait_until_read(int pipe)
{
    int left = 1;

    for (int i = 0; i < 10000 && left > 0; i++) {
        nap();
        cr_assert_eq(ioctl(pipe, FIONREAD, &left), 0);
    }
    cr_assert_eq(left, 0);
}

Test(results, an_interrupted_run_leaves_the_network_beside_an_older_model)
{
    pid_t pid;

    write_classes("data.csv", 300, 1);
    run_program(0, "train data.csv --target class --epochs 1 -q -o model");
    run_program(0, "train data.csv --target class --epochs 1 -q -o copy");
    pid = start_program("train data.csv --target class --epochs 1000000 --patience 0 --threads 1 -o model");
    wait_until_busy(pid);
    kill(pid, SIGINT);
    cr_assert_eq(finish_program(pid), 75, "%s", last_outcome()->err);
    cr_assert(same_bytes("model", "copy"));
    cr_assert(exists("model.interrupted"));
    cr_assert(strstr(last_outcome()->err, "--from model.interrupted"), "%s", last_outcome()->err);
    cr_assert_str_eq(last_outcome()->out, "");
    run_program(0, "evaluate model.interrupted data.csv");
}

#define LONG_TRAIN "train data.csv --target class --hidden 16 --batch-size 40 --epochs 150 --patience 0 "

Test(results, a_resumed_run_ends_in_the_bytes_of_an_uninterrupted_one)
{
    pid_t pid;

    write_classes("data.csv", 400, 1);
    run_program(0, LONG_TRAIN "-q -o whole");
    pid = start_program(LONG_TRAIN "-o resumed --checkpoint state --checkpoint-every 7steps --resume");
    wait_for("state");
    kill(pid, SIGTERM);
    cr_assert_eq(finish_program(pid), 75, "%s", last_outcome()->err);
    cr_assert(strstr(last_outcome()->err, "--resume"), "%s", last_outcome()->err);
    cr_assert(!exists("resumed"));
    cr_assert(!exists("resumed.interrupted"));
    run_program(0, LONG_TRAIN "-q -o resumed --checkpoint state --resume");
    cr_assert(same_bytes("whole", "resumed"));
    run_program(0, "info state");
    run_program(2, LONG_TRAIN "-o other --checkpoint state --resume --learning-rate 0.5");
}

Test(results, a_run_that_is_over_is_not_trained_again)
{
    write_classes("data.csv", 400, 1);
    run_program(0, LONG_TRAIN "-q -o whole --checkpoint state --resume --checkpoint-every 40epochs");
    run_program(0, LONG_TRAIN "-o again --checkpoint state --resume --checkpoint-every 40epochs");
    cr_assert(strstr(last_outcome()->err, "state holds a run that is over"), "%s", last_outcome()->err);
    cr_assert(same_bytes("whole", "again"));
    run_program(0, "train data.csv --target class --patience 2 -q -o whole --checkpoint early --resume");
    run_program(0, "train data.csv --target class --patience 2 -q -o again --checkpoint early --resume");
    cr_assert_str_eq(last_outcome()->err, "");
    cr_assert(same_bytes("whole", "again"));
}

/* What has been read of a pipe that stays open may never be all. */
Test(results, a_run_that_still_reads_is_interrupted_at_once)
{
    int ends[2], in = dup(STDIN_FILENO);
    pid_t pid;

    cr_assert_eq(pipe(ends), 0);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    dup2(ends[0], STDIN_FILENO);
    pid = start_program("train - --target y");
    dup2(in, STDIN_FILENO);
    cr_assert_eq(write(ends[1], "x,y\n1,2\n", 8), 8);
    wait_until_read(ends[0]);
    kill(pid, SIGINT);
    cr_assert_eq(finish_program(pid), 75, "%s", last_outcome()->err);
    cr_assert(strstr(last_outcome()->err, "before training"), "%s", last_outcome()->err);
    close(ends[0]);
    close(ends[1]);
}

Test(results, divergence_is_told_and_leaves_the_older_model)
{
    write_values("data.csv", 200, 1);
    run_program(0, "train data.csv --target y --epochs 1 -q -o model");
    run_program(0, "train data.csv --target y --epochs 1 -q -o copy");
    run_program(4, "train data.csv --target y --epochs 50 --optimizer sgd --learning-rate 1e5 -o model");
    cr_assert(strstr(last_outcome()->err, "step"), "%s", last_outcome()->err);
    cr_assert(strstr(last_outcome()->err, "--learning-rate"), "%s", last_outcome()->err);
    cr_assert(same_bytes("model", "copy"));
    cr_assert(exists("model.diverged"));
}

/* The older model stays, the network of the last epoch's end is whole, and a run that is resumed diverges again. */
Test(results, a_rate_a_thousand_times_too_high_ends_as_divergence)
{
    static const char *const ways[] = {"--optimizer sgd", "--optimizer sgd --accumulate 2 --momentum 0.5",
                                       "--optimizer sgd --checkpoint state --checkpoint-every 1steps",
                                       "--optimizer sgd --loss poisson"};

    write_values("data.csv", 400, 1);
    write_text("model", "old");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        run_program(4, "train data.csv --target y --learning-rate 10 %s -o model", ways[i]);
        cr_assert(strstr(last_outcome()->err, "backprop: step "), "%s: %s", ways[i], last_outcome()->err);
        cr_assert(exists("model.diverged"), "%s", ways[i]);
        run_program(0, "evaluate model.diverged data.csv");
        unlink("model.diverged");
    }
    run_program(4, "train data.csv --target y --learning-rate 10 %s -o model --resume", ways[2]);
    size_t size;
    unsigned char *bytes = scratch_read("model", &size);
    cr_assert(size == 3 && memcmp(bytes, "old", 3) == 0);
    free(bytes);
}

Test(results, a_full_disk_leaves_the_older_file)
{
    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 1 -q -o model");
    run_program(0, "train data.csv --target class --epochs 1 -q -o copy");
    run_program_after("trap '' XFSZ; ulimit -f 2;", 1, "train data.csv --target class --hidden 200,200 --epochs 1 -o model");
    cr_assert(strstr(last_outcome()->err, "model"), "%s", last_outcome()->err);
    cr_assert(same_bytes("model", "copy"));
    cr_assert_eq(scratch_count(), 3);
    run_program(1, "predict model data.csv -o /dev/full");
    cr_assert(strstr(last_outcome()->err, "No space left"), "%s", last_outcome()->err);
}

Test(results, standard_output_that_is_full_is_an_error)
{
    char command[4096];

    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 1 -q");
    snprintf(command, sizeof command, "'%s' predict model.safetensors data.csv >/dev/full 2>/dev/null; test $? = 1 || exit 9;",
             BP_PROGRAM);
    run_program_after(command, 0, "--version");
}

Test(results, closed_standard_files_do_no_harm)
{
    char command[4096];

    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 1 -q -o whole");
    snprintf(command, sizeof command, "'%s' train data.csv --target class --epochs 1 -q -o closed <&- >&- 2>&- || exit 9;",
             BP_PROGRAM);
    run_program_after(command, 0, "--version");
    cr_assert(same_bytes("whole", "closed"));
    snprintf(command, sizeof command, "'%s' predict whole data.csv >&- 2>&-; test $? = 1 || exit 9;", BP_PROGRAM);
    run_program_after(command, 0, "--version");
}

Test(results, a_place_that_cannot_take_the_model_is_told_before_training)
{
    write_classes("data.csv", 100, 1);
    run_program(2, "train data.csv --target class -o /dev/null");
    run_program(2, "train data.csv --target class -o .");
    cr_assert_eq(symlink("nowhere", "link"), 0);
    run_program(2, "train data.csv --target class -o link");
    run_program(1, "train data.csv --target class -o %0300d", 0);
    run_program(1, "train data.csv --target class -o missing/model");
    run_program(2, "train data.csv --target class --checkpoint /dev/null");
}

static void expect_refused_place(const char *arguments, const char *words)
{
    const outcome *o = run_program(2, "%s", arguments);
    cr_assert(strstr(o->err, words), "%s: %s", arguments, o->err);
}

Test(results, no_result_takes_the_place_of_what_it_is_made_from)
{
    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 1 -q -o model");
    run_program(0, "predict model data.csv -o copy.csv");
    cr_assert_eq(symlink("data.csv", "link.csv"), 0);
    cr_assert_eq(link("data.csv", "hard.csv"), 0);
    expect_refused_place("train data.csv --target class -o ./data.csv", "data.csv is read");
    expect_refused_place("train data.csv --target class -o link.csv", "data.csv is read");
    expect_refused_place("train link.csv --target class -o hard.csv", "link.csv is read");
    expect_refused_place("train data.csv --target class --test copy.csv --checkpoint copy.csv", "copy.csv is read");
    expect_refused_place("train data.csv --target class --validation copy.csv -o copy.csv", "copy.csv is read");
    expect_refused_place("train data.csv --target class --checkpoint model -o model", "both the model and the checkpoint");
    expect_refused_place("train data.csv --target class --checkpoint model --from model", "both the checkpoint and the model");
    expect_refused_place("predict model data.csv -o data.csv", "data.csv is read");
    expect_refused_place("predict model data.csv -o model", "model is read");
    expect_refused_place("train - --target class --test -", "only once");
    run_program(0, "pack data.csv -o data.bpd -q");
    cr_assert_eq(symlink("data.csv", "link.bpd"), 0);
    expect_refused_place("pack data.bpd -o data.bpd", "data.bpd is read");
    expect_refused_place("pack data.csv -o link.bpd", "data.csv is read");
    expect_refused_place("pack images-idx3-ubyte --target-file link.bpd -o link.bpd", "link.bpd is read");
    run_program(0, "train data.csv --target class --epochs 1 -q -o model --from model");
}

Test(results, classes_have_an_accuracy_by_any_loss)
{
    write_classes("data.csv", 300, 1);
    run_program(0, "train data.csv --target class --loss squared_error --metric accuracy --epochs 60 --json -o model");
    json_t *object = parsed_output();
    double accuracy = json_real_value(json_object_get(json_object_get(object, "validation"), "accuracy"));
    cr_expect(accuracy > 0.8 && accuracy <= 1.0, "accuracy %g", accuracy);
    json_decref(object);
    run_program(2, "train data.csv --target class --loss squared_error --metric rmse -o model");
}

static void expect_same_output(const char *left, const char *right)
{
    char *text = strdup(run_program(0, "%s", left)->out);

    cr_assert_str_eq(run_program(0, "%s", right)->out, text, "%s", right);
    free(text);
}

Test(results, a_packed_table_trains_to_the_same_model)
{
    write_values("data.csv", 300, 1);
    run_program(0, "pack data.csv -o data.bpd");
    run_program(0, "train data.csv --target y --epochs 3 -o csv.safetensors -q");
    run_program(0, "train data.bpd --target y --epochs 3 -o bpd.safetensors -q");
    cr_assert(same_bytes("csv.safetensors", "bpd.safetensors"));
    cr_assert(strstr(run_program(2, "train data.bpd --target y --epochs 3 --memory 1KiB")->err, "data.bpd is larger"));
    cr_assert(strstr(last_outcome()->err, "say --shuffle blocks, or --memory BYTES"), "%s", last_outcome()->err);
    run_program(0, "train data.bpd --target y --epochs 3 --shuffle blocks -o memory.safetensors -q");
    run_program(0, "train data.bpd --target y --epochs 3 --shuffle blocks --memory 16KiB -o paged.safetensors -q");
    cr_assert(same_bytes("memory.safetensors", "paged.safetensors"));
    expect_same_output("info data.bpd --json", "info data.bpd --json --memory 1KiB");
    expect_same_output("predict csv.safetensors data.bpd --keep x1", "predict csv.safetensors data.bpd --keep x1 --memory 1KiB");
    expect_same_output("evaluate csv.safetensors data.bpd --json", "evaluate csv.safetensors data.bpd --json --memory 1KiB");
    run_program(3, "pack nowhere.csv -o data.bpd");
    run_program(1, "pack data.csv -o nowhere/data.bpd");
    run_program(2, "pack data.csv");
    run_program(2, "pack data.csv -o data.bin");
}
