/* The program backprop: finds the command and runs it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "nearest.h"
#include "options.h"
#include "readings.h"
#include "report.h"

const bp_command *const bp_commands[] = {&bp_command_train,
                                         &bp_command_cv,
                                         &bp_command_tune,
                                         &bp_command_evaluate,
                                         &bp_command_predict,
                                         &bp_command_trace,
                                         &bp_command_gradcheck,
                                         &bp_command_info,
                                         &bp_command_export,
                                         &bp_command_pack,
                                         &bp_command_bench,
                                         &bp_command_plan,
                                         NULL};

static const bp_command *find(const char *name)
{
    for (const bp_command *const *command = bp_commands; *command; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return NULL;
}

static int refuse(const char *name)
{
    const char *names[sizeof bp_commands / sizeof *bp_commands], *nearest;
    size_t count = 0;

    for (; bp_commands[count]; count++)
        names[count] = bp_commands[count]->name;
    nearest = bp_nearest_name(name, names, count);
    if (nearest)
        return bp_say_usage(NULL, "unknown command '%.100s'; did you mean '%s'?", name, nearest);
    return bp_say_usage(NULL, "unknown command '%.100s'", name);
}

static int run_command(const bp_command *command, int argc, char **argv)
{
    bp_arguments arguments;
    int code;

    if (bp_arguments_read(&arguments, command, argc, argv, &code)) {
        code = bp_readings_check(&arguments);
        if (code == BP_EXIT_DONE)
            code = command->run(&arguments);
    }
    bp_arguments_free(&arguments);
    return code;
}

static int run(int argc, char **argv)
{
    const bp_command *command;

    if (argc < 2)
        return bp_say_usage(NULL, "a command is needed");
    if (strcmp(argv[1], "--version") == 0) {
        printf("backprop %s\n", bp_version());
        return BP_EXIT_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        bp_help_program();
        return BP_EXIT_DONE;
    }
    command = find(argv[1]);
    return command ? run_command(command, argc - 1, argv + 1) : refuse(argv[1]);
}

/* A file that is opened must not become standard output or error where they are closed. Opened the wrong way round, they
 * still refuse what is read or written. */
static void fill_standard_files(void)
{
    static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) < 0)
            return;
}

int main(int argc, char **argv)
{
    int code;

    fill_standard_files();
    bp_json_watch_memory();
    code = run(argc, argv);
    errno = 0;
    if ((ferror(stdout) | fclose(stdout)) != 0) { /* a full disk may only show here */
        bp_say("standard output cannot be written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
        return code == BP_EXIT_DONE ? BP_EXIT_FAILED : code;
    }
    return code;
}
