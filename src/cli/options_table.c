/* The options that are not settings.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

/* The threshold: an f32 chain of n terms errs by some 6e-8 sqrt(n) of the largest entry, and relative errors are over 1e-3 of
 * that at least, so 1e-4 is usual (784-512-10: 3e-4); a wrong formula errs by tenths. */
const bp_option bp_option_table[BP_OPTIONS] = {
    [BP_OPTION_TEST] = {"test", 0, "FILE", NULL, "data to evaluate once, at the end"},
    [BP_OPTION_TEST_TARGET_FILE] = {"test-target-file", 0, "FILE", NULL,
                                    "targets of the test data, where they are in a file of their own"},
    [BP_OPTION_VALIDATION] = {"validation", 0, "FILE", NULL, "data to evaluate after each epoch, instead of --validation-split"},
    [BP_OPTION_VALIDATION_TARGET_FILE] = {"validation-target-file", 0, "FILE", NULL, "targets of the validation data"},
    [BP_OPTION_FROM] = {"from", 0, "MODEL", NULL, "begin with this model's network and encoder"},
    [BP_OPTION_OUTPUT_MODEL] = {"output", 'o', "FILE", "model.safetensors", "the model"},
    [BP_OPTION_OUTPUT_CSV] = {"output", 'o', "FILE", NULL, "predictions as CSV, instead of standard output"},
    [BP_OPTION_OUTPUT_BPD] = {"output", 'o', "FILE.bpd", NULL, "the file to write"},
    [BP_OPTION_OUTPUT_EXPORT] = {"output", 'o', "FILE", NULL,
                                 "what the model becomes, by the end of the name: .c, .npz, .onnx, .safetensors"},
    [BP_OPTION_NAME] = {"name", 0, "NAME", NULL, "what all names in the C source begin with, instead of the file's name"},
    [BP_OPTION_CHECKPOINT] = {"checkpoint", 0, "FILE", NULL, "save what is needed to go on, now and then and when interrupted"},
    [BP_OPTION_CHECKPOINT_EVERY] = {"checkpoint-every", 0, "Nepoch|Nsteps|Ns", "60s",
                                    "how often, in epochs, steps or seconds; 60s grow where saving takes over 1 % of them"},
    [BP_OPTION_RESUME] = {"resume", 0, NULL, NULL, "go on from --checkpoint, if it is there"},
    [BP_OPTION_LOG] = {"log", 0, "FILE", NULL, "a JSON object a line: the run's settings, each epoch, how it ended"},
    [BP_OPTION_LOG_EVERY] = {"log-every", 0, "N", NULL, "a line after every N steps too"},
    [BP_OPTION_WRITE_CONFIG] = {"write-config", 0, "FILE", NULL, "all that the result depends on, for --config to repeat the run"},
    [BP_OPTION_FOLDS] = {"folds", 0, "K", "5", "parts of the rows, each of which is left out once"},
    [BP_OPTION_TRIALS] = {"trials", 0, "N", "27", "settings to try; a third of them goes on each time"},
    [BP_OPTION_IMPORTANCE] = {"importance", 0, NULL, NULL,
                              "what --metric (auto: accuracy, or r2) loses when a column's values are shuffled"},
    [BP_OPTION_REPEATS] = {"repeats", 0, "N", "5", "shuffles of each column, with --importance"},
    [BP_OPTION_KEEP] = {"keep", 0, "NAME[,NAME...]", NULL, "columns of the data to copy in front of the predictions"},
    [BP_OPTION_ROW] = {"row", 0, "N", "1", "the example, counted from 1"},
    [BP_OPTION_LAYERS] = {"layers", 0, "N,N[,N...]", NULL, "units of every layer, inputs and outputs included"},
    [BP_OPTION_MACHINE] = {"machine", 0, "TEXT", NULL,
                           "plan for another machine, told as hwloc does: 'package:2 [numa] core:32 pu:2'"},
    [BP_OPTION_THRESHOLD] = {"threshold", 0, "F", "0.001", "largest relative error to pass"},
    [BP_OPTION_ENTRIES] = {"entries", 0, "N", "200", "parameters of each layer to compare with differences; 0: all"},
    [BP_OPTION_BENCH_THREADS] = {"threads", 0, "N|auto[,N|auto...]", "auto", "numbers of threads to measure, in turns"},
    [BP_OPTION_BENCH_PRECISION] = {"precision", 0, "NAME[,NAME...]", "f32", "precisions to measure: f32, bf16, bf16x2, bf16x3"},
    [BP_OPTION_SECONDS] = {"seconds", 0, "F", "2", "time to measure each combination"},
    [BP_OPTION_PYTORCH] = {"pytorch", 0, NULL, NULL, "print the equal network for PyTorch, and its scaler"},
    [BP_OPTION_JSON] = {"json", 0, NULL, NULL, "results as JSON"},
    [BP_OPTION_QUIET] = {"quiet", 'q', NULL, NULL, "say nothing but errors"},
    [BP_OPTION_NO_PROGRESS] = {"no-progress", 0, NULL, NULL, "no progress line, even on a terminal"},
    [BP_OPTION_CONFIG] = {"config", 0, "FILE", NULL, "read options from lines 'key = value'; the command line wins"},
    [BP_OPTION_HELP] = {"help", 'h', NULL, NULL, "this text"},
};
