/* A command of the program: what it takes, what it does, how it ends.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_COMMAND_H
#define BP_COMMAND_H

#include <stdbool.h>

#include "backprop.h"

/* What the shell gets to see. */
enum {
    BP_EXIT_DONE = 0,
    BP_EXIT_FAILED = 1,
    BP_EXIT_USAGE = 2,
    BP_EXIT_BAD_INPUT = 3,
    BP_EXIT_DIVERGED = 4,
    BP_EXIT_INTERRUPTED = 75
};

/* Options beside the settings, in the order of their table. */
typedef enum bp_option_id {
    BP_OPTION_TEST,
    BP_OPTION_TEST_TARGET_FILE,
    BP_OPTION_VALIDATION,
    BP_OPTION_VALIDATION_TARGET_FILE,
    BP_OPTION_FROM,
    BP_OPTION_OUTPUT_MODEL,
    BP_OPTION_OUTPUT_CSV,
    BP_OPTION_OUTPUT_BPD,
    BP_OPTION_OUTPUT_EXPORT,
    BP_OPTION_NAME,
    BP_OPTION_CHECKPOINT,
    BP_OPTION_CHECKPOINT_EVERY,
    BP_OPTION_RESUME,
    BP_OPTION_LOG,
    BP_OPTION_LOG_EVERY,
    BP_OPTION_WRITE_CONFIG,
    BP_OPTION_FOLDS,
    BP_OPTION_TRIALS,
    BP_OPTION_IMPORTANCE,
    BP_OPTION_REPEATS,
    BP_OPTION_KEEP,
    BP_OPTION_ROW,
    BP_OPTION_LAYERS,
    BP_OPTION_MACHINE,
    BP_OPTION_THRESHOLD,
    BP_OPTION_ENTRIES,
    BP_OPTION_BENCH_THREADS,
    BP_OPTION_BENCH_PRECISION,
    BP_OPTION_SECONDS,
    BP_OPTION_PYTORCH,
    BP_OPTION_JSON,
    BP_OPTION_QUIET,
    BP_OPTION_NO_PROGRESS,
    BP_OPTION_CONFIG,
    BP_OPTION_HELP,
    BP_OPTIONS
} bp_option_id;

typedef struct bp_option {
    const char *name;
    char letter;         /* 0: none */
    const char *values;  /* NULL: a switch */
    const char *initial; /* NULL: none to tell */
    const char *help;
} bp_option;

extern const bp_option bp_option_table[BP_OPTIONS];

typedef struct bp_arguments bp_arguments;

typedef struct bp_command {
    const char *name;
    const char *operands; /* "MODEL DATA", for help */
    const char *summary;
    int least, most;                     /* operands */
    const char *const *settings;         /* keys that it uses, then NULL */
    const bp_option_id *options;         /* then BP_OPTIONS */
    int (*run)(bp_arguments *arguments); /* the exit code */
} bp_command;

/* What the command line and the --config file said. */
struct bp_arguments {
    const bp_command *command;
    bp_settings settings;
    const char *option[BP_OPTIONS]; /* the value's text, "yes" for a switch; NULL: not given */
    char **operands;
    int operand_count;
    char **words; /* of the command line, from the command on */
    int word_count;
    char *config; /* text that values may point into */
};

extern const bp_command bp_command_train, bp_command_cv, bp_command_tune, bp_command_evaluate, bp_command_predict, bp_command_trace,
    bp_command_gradcheck, bp_command_info, bp_command_export, bp_command_pack, bp_command_bench, bp_command_plan;

/* All of them, then NULL. */
extern const bp_command *const bp_commands[];

#endif
