/* --help, made of the tables of commands, options and settings.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "settings.h"
#include "settings_table.h"

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

/* Where a section of bp_settings begins, and what it is about. */
static const struct section {
    size_t offset;
    const char *title;
} sections[] = {{offsetof(bp_settings, target), "data"},
                {offsetof(bp_settings, hidden), "network"},
                {offsetof(bp_settings, optimizer), "training"},
                {offsetof(bp_settings, threads), "how it is computed, of which the result depends on the precision alone"},
                {sizeof(bp_settings), NULL}};

static void print_setting(const bp_setting *setting)
{
    const char *initial = strcmp(setting->key, "threads") == 0 ? "auto" : setting->initial; /* the program's own default */

    print_entry(0, setting->key, bp_setting_is_switch(setting) ? "[no|yes]" : setting->values, initial, setting->help);
}

static int compare_places(const void *left, const void *right)
{
    const bp_setting_entry *const *a = left, *const *b = right;
    return (*a)->offset < (*b)->offset ? -1 : (*a)->offset > (*b)->offset;
}

/* In the order of bp_settings, where what belongs together stands together; the table's own order is that of their age. */
static void print_settings(const bp_command *command)
{
    const bp_setting_entry *used[BP_SETTINGS];
    size_t count = 0, next = 0;

    for (size_t i = 0; i < BP_SETTINGS; i++)
        if (bp_command_uses(command, bp_setting_table[i].setting.key))
            used[count++] = &bp_setting_table[i];
    qsort(used, count, sizeof *used, compare_places);
    for (const struct section *section = sections; section->title; section++) {
        if (next < count && used[next]->offset < section[1].offset)
            printf("\n%s:\n", section->title);
        for (; next < count && used[next]->offset < section[1].offset; next++)
            print_setting(&used[next]->setting);
    }
}

void bp_help_command(const bp_command *command)
{
    printf("usage: backprop %s%s%s [options]\n\n%s\n\n", command->name, *command->operands ? " " : "", command->operands,
           command->summary);
    for (const bp_option_id *id = command->options; *id != BP_OPTIONS; id++) {
        const bp_option *option = &bp_option_table[*id];
        print_entry(option->letter, option->name, option->values, option->initial, option->help);
    }
    print_settings(command);
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
