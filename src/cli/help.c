/* --help, made of the tables of commands, options and settings.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "settings.h"

#define HELP_COLUMN 34

static void print_entry(char letter, const char *name, const char *values, const char *initial, const char *help)
{
    char dash[8] = "", head[200];
    int length;

    if (letter)
        snprintf(dash, sizeof dash, "-%c, ", letter);
    length = snprintf(head, sizeof head, "  %s--%s%s%s", dash, name, values ? " " : "", values ? values : "");
    if (length < HELP_COLUMN)
        printf("%-*s%s", HELP_COLUMN, head, help);
    else
        printf("%s\n%*s%s", head, HELP_COLUMN, "", help);
    printf(initial && *initial ? " (%s)\n" : "\n", initial);
}

static void print_setting(const bp_command *command, const bp_setting *setting)
{
    const char *initial = strcmp(setting->key, "threads") == 0 ? "auto" : setting->initial; /* the program's own default */

    if (bp_command_uses(command, setting->key))
        print_entry(0, setting->key, bp_setting_is_switch(setting) ? "[no|yes]" : setting->values, initial, setting->help);
}

void bp_help_command(const bp_command *command)
{
    printf("usage: backprop %s%s%s [options]\n\n%s\n\n", command->name, *command->operands ? " " : "", command->operands,
           command->summary);
    for (const bp_option_id *id = command->options; *id != BP_OPTIONS; id++) {
        const bp_option *option = &bp_option_table[*id];
        print_entry(option->letter, option->name, option->values, option->initial, option->help);
    }
    if (*command->settings)
        printf("\nsettings (default):\n");
    for (size_t i = 0; bp_setting_at(i); i++)
        print_setting(command, bp_setting_at(i));
}

void bp_help_program(void)
{
    printf("usage: backprop COMMAND [options]\n\nTrains feed-forward networks on CPUs.\n\n");
    for (const bp_command *const *command = bp_commands; *command; command++)
        printf("  %-10s %-18s %s\n", (*command)->name, (*command)->operands, (*command)->summary);
    printf("\n  --help     of a command: its options\n  --version\n\n"
           "exit codes: 0 done, 1 failed, 2 usage, 3 bad input file, 4 diverged, 75 interrupted\n"
           "environment: BACKPROP_ISA is the default of --isa; NO_COLOR\n");
}
