/* What the program says on standard error, and the exit code that goes with it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_MESSAGE_H
#define BP_MESSAGE_H

#include "command.h"

/* "backprop: TEXT". Control characters, which a damaged file may have put there, are shown as '?'. */
void bp_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, with where to find help; answers BP_EXIT_USAGE. `command` may be NULL. */
int bp_say_usage(const bp_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says an error of the library and answers its exit code. _input: it came from reading a file of the user's. */
int bp_say_error(const bp_arguments *arguments, const bp_error *error);
int bp_say_input_error(const bp_arguments *arguments, const bp_error *error);

/* What a progress line has left on the terminal is cleared before the next message. */
void bp_message_line_is_open(bool open);

#endif
