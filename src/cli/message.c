/* What the program says on standard error, and the exit code that goes with it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shown.h"

static bool line_open;

void bp_message_line_is_open(bool open)
{
    line_open = open;
}

static bool colour(void)
{
    const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && !(refused && *refused) && !(terminal && strcmp(terminal, "dumb") == 0);
}

static void say(const char *format, va_list list)
{
    char text[2048];

    vsnprintf(text, sizeof text, format, list);
    bp_shown_clean(text);
    fprintf(stderr, colour() ? "%s\033[1mbackprop:\033[0m %s\n" : "%sbackprop: %s\n", line_open ? "\r\033[K" : "", text);
    line_open = false;
}

void bp_say(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(format, list);
    va_end(list);
}

int bp_say_usage(const bp_command *command, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(format, list);
    va_end(list);
    fprintf(stderr, "try 'backprop %s%s--help'\n", command ? command->name : "", command ? " " : "");
    return BP_EXIT_USAGE;
}

int bp_say_error(const bp_arguments *arguments, const bp_error *error)
{
    switch (error->status) {
    case BP_INVALID:
        return bp_say_usage(arguments->command, "%s", error->text);
    case BP_DIVERGED:
        bp_say("%s", error->text);
        return BP_EXIT_DIVERGED;
    case BP_CANCELLED:
        bp_say("%s", error->text);
        return BP_EXIT_INTERRUPTED;
    default:
        bp_say("%s", error->text);
        return BP_EXIT_FAILED;
    }
}

int bp_say_input_error(const bp_arguments *arguments, const bp_error *error)
{
    int code = bp_say_error(arguments, error);
    return error->status == BP_IO || error->status == BP_BAD_FILE ? BP_EXIT_BAD_INPUT : code;
}
