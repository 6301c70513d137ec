/* From a command line to arguments.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_OPTIONS_H
#define BP_OPTIONS_H

#include "command.h"

/* Reads argv[1] ... argv[argc - 1], argv[0] being the command's name. True where the command can run; else *code is the exit
 * code, and everything has been said. `arguments` is to be freed in both cases. */
bool bp_arguments_read(bp_arguments *arguments, const bp_command *command, int argc, char **argv, int *code);
void bp_arguments_free(bp_arguments *arguments);

/* One option by its name, from the command line or from line `line` of --config; `text` is borrowed. False after an error
 * has been said, with *code set. */
bool bp_arguments_set(bp_arguments *arguments, const char *place, const char *name, const char *text, int *code);

/* Reads --config FILE. */
bool bp_config_read(bp_arguments *arguments, const char *path, int *code);

/* Whether a command has an option or uses a setting. */
bool bp_command_has(const bp_command *command, bp_option_id option);
bool bp_command_uses(const bp_command *command, const char *key);

/* The option that a command knows by that name; BP_OPTIONS where there is none. */
bp_option_id bp_command_option(const bp_command *command, const char *name);

/* What a name stands for where the command does not know it: the text of a message. */
void bp_option_unknown(const bp_command *command, const char *name, char *text, size_t capacity);

/* What was given for an option, or its default. */
const char *bp_option_text(const bp_arguments *arguments, bp_option_id option);

/* --help, on standard output. */
void bp_help_program(void);
void bp_help_command(const bp_command *command);

/* A setting whose values are yes and no, so that its option may stand without a value. */
bool bp_setting_is_switch(const bp_setting *setting);

/* A list of whole numbers "1,2,3" into values [capacity]; how many, 0 where it is no such list or too long. */
size_t bp_option_list(const char *text, uint64_t least, uint64_t most, uint64_t *values, size_t capacity);

#endif
