/* The program, run from outside in the test's scratch directory.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "helper_program.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "numbers.h"
#include "scratch.h"

static outcome last;

const outcome *last_outcome(void)
{
    return &last;
}

static void read_text(const char *name, char *text, size_t capacity)
{
    FILE *file = fopen(name, "r");
    size_t size = file ? fread(text, 1, capacity - 1, file) : 0;
    text[size] = '\0';
    if (file)
        fclose(file);
    unlink(name);
}

static pid_t start_shell(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    cr_assert_gt(pid, 0); /* -1 would be everybody to kill() */
    return pid;
}

pid_t start_program(const char *arguments)
{
    char command[8192];
    snprintf(command, sizeof command, "exec '%s' %s >.out 2>.err", BP_PROGRAM, arguments);
    return start_shell(command);
}

int finish_program(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    read_text(".out", last.out, sizeof last.out);
    read_text(".err", last.err, sizeof last.err);
    last.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return last.code;
}

const outcome *run_program(int code, const char *format, ...)
{
    char arguments[4096];
    va_list list;

    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    finish_program(start_program(arguments));
    cr_assert_eq(last.code, code, "backprop %s: exit code %d, expected %d\n%s%s", arguments, last.code, code, last.out, last.err);
    return &last;
}

const outcome *try_program_after(const char *before, const char *arguments)
{
    char command[8192];

    snprintf(command, sizeof command, "%s exec '%s' %s >.out 2>.err", before, BP_PROGRAM, arguments);
    finish_program(start_shell(command));
    return &last;
}

const outcome *run_program_after(const char *before, int code, const char *arguments)
{
    try_program_after(before, arguments);
    cr_assert_eq(last.code, code, "%s backprop %s: exit code %d, expected %d\n%s%s", before, arguments, last.code, code, last.out,
                 last.err);
    return &last;
}

json_t *parsed_output(void)
{
    json_error_t error;
    json_t *object = json_loads(last.out, JSON_REJECT_DUPLICATES, &error);
    cr_assert(json_is_object(object), "%s: %s", error.text, last.out);
    return object;
}

void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

bool exists(const char *name)
{
    return access(name, F_OK) == 0;
}

bool holds_text(const char *name, const char *text)
{
    size_t size;
    unsigned char *bytes = scratch_read(name, &size);
    bool same = size == strlen(text) && memcmp(bytes, text, size) == 0;

    free(bytes);
    return same;
}

bool same_bytes(const char *name, const char *other)
{
    size_t size, other_size;
    unsigned char *bytes = scratch_read(name, &size), *other_bytes = scratch_read(other, &other_size);
    bool same = size == other_size && memcmp(bytes, other_bytes, size) == 0;
    free(bytes);
    free(other_bytes);
    return same;
}

void write_classes(const char *name, int rows, unsigned seed)
{
    static const char *const colours[] = {"red", "green", "blue"}, *const classes[] = {"low", "middle", "high"};
    FILE *file = fopen(name, "w");

    cr_assert(file);
    fprintf(file, "x1,x2,colour,class\n");
    for (int i = 0; i < rows; i++) {
        double x1 = scattered(seed, (uint64_t)(3 * i)), x2 = scattered(seed, (uint64_t)(3 * i + 1));
        int colour = (int)(1.5 * (1 + scattered(seed, (uint64_t)(3 * i + 2))));
        double sum = x1 + x2 + 0.3 * colour;
        fprintf(file, "%.6f,%.6f,%s,%s\n", x1, x2, colours[colour], classes[sum < 0 ? 0 : sum < 0.6 ? 1 : 2]);
    }
    fclose(file);
}

void write_values(const char *name, int rows, unsigned seed)
{
    FILE *file = fopen(name, "w");

    cr_assert(file);
    fprintf(file, "x1,x2,y\n");
    for (int i = 0; i < rows; i++) {
        double x1 = scattered(seed, (uint64_t)(2 * i)), x2 = scattered(seed, (uint64_t)(2 * i + 1));
        fprintf(file, "%.6f,%.6f,%.6f\n", x1, x2, 100 + 30 * x1 - 20 * x2 * x2);
    }
    fclose(file);
}
