/* One run of `backprop train`, in the order in which it happens: data -> network -> fit -> report.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TRAIN_H
#define BP_TRAIN_H

#include <jansson.h>
#include <stdio.h>

#include "command.h"

/* A file of examples. */
typedef struct bp_material {
    bp_dataset *dataset;
    bp_examples *examples;
    uint64_t *index; /* rows that are meant; NULL: all */
    uint64_t count;
} bp_material;

/* How often a checkpoint is saved: one of the three, the others 0. */
typedef struct bp_every {
    uint64_t epochs;
    uint64_t steps;
    double seconds;
} bp_every;

typedef struct bp_train {
    const bp_arguments *arguments;
    bp_settings settings; /* as resolved: task, loss, batch size */
    const char *output;
    bp_every every;

    bp_material training;
    bp_material validation; /* a share of the training file's rows, or a file of its own; count 0: none */
    bp_material test;
    bp_encoder *encoder;
    bp_encoder_info info;
    bp_network *network;
    bp_trainer *trainer; /* while it trains */
    uint32_t threads;    /* it had */
    const char *isa;

    bp_progress progress; /* at the end */
    bool resumed;         /* from a checkpoint that was there */
    bool told;            /* the fit has told its progress: it trains */
    bp_progress first;    /* as soon as it does: where a resumed one began */
    bp_metrics validation_metrics;
    bp_metrics test_metrics;
    bp_progress saved;   /* at the last checkpoint */
    double save_seconds; /* that it took */
    bp_status save_status;
    bp_error save_error;
    FILE *log;          /* NULL: none, or none any more */
    uint64_t log_every; /* steps; 0: epochs alone */
    bool log_failed;
} bp_train;

/* ---- train_data.c */

/* Reads the training and validation files, splits, encodes, and settles task and batch size. With --from the network is there
 * too. */
int bp_train_read(bp_train *train);

/* Reads and encodes another file of examples. */
int bp_train_read_more(bp_train *train, const char *path, const char *target_file, bp_material *material);
void bp_material_free(bp_material *material);

/* ---- train_fit.c */

/* Trains; saves checkpoints; tells its progress. The exit code, with messages said and rests saved. */
int bp_train_fit(bp_train *train);

/* ---- train_config.c */

/* All that the result depends on, as a text for --config and as an object for the log: what differs from nothing said, too, so
 * that a later version with other defaults repeats the run. */
int bp_train_write_config(const bp_train *train);
json_t *bp_train_config(const bp_train *train);

/* ---- train_log.c */

/* Opens --log, where it is asked for: anew, or behind what is there when a run is resumed. Before the training. */
int bp_train_log_open(bp_train *train);

/* Lines for a run's begin, an epoch, a step, and the end by its exit code. A line that cannot be written is told at once, and
 * training goes on without the log. */
void bp_train_log_begin(bp_train *train);
void bp_train_log_progress(bp_train *train, const char *event, const bp_progress *progress);

/* The end's line; closes the log. The exit code: `code`, or failed where the log is not whole. */
int bp_train_log_end(bp_train *train, int code);

/* ---- train_report.c */

/* Metrics of validation and test rows, by the network as it is saved. */
int bp_train_evaluate(bp_train *train);

/* What the user wants to know at the end, on standard output. */
int bp_train_report(const bp_train *train);

/* ---- cmd_train.c */

/* Whether a result can be written there, before it is made. */
int bp_train_check_place(const bp_arguments *arguments, const char *path);

/* The model. */
int bp_train_save(const bp_train *train);
void bp_train_close(bp_train *train);

/* Settings that have no effect without validation rows; `file`: they have a file of their own. */
int bp_train_check_validation(const bp_arguments *arguments, bool file);

/* The settings that training uses, then NULL. */
extern const char *const bp_training_keys[];

bp_rows bp_material_rows(const bp_material *material);

#endif
