/* A model and data to use it on: what evaluate, predict and trace begin with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SUBJECT_H
#define BP_SUBJECT_H

#include "command.h"

typedef struct bp_subject {
    bp_network *network;
    bp_encoder *encoder;
    bp_encoder_info info;
    bp_dataset *dataset;
    bp_examples *examples;
} bp_subject;

/* Loads operand 0, a model, reads operand 1 as the model's data were read, and encodes it. The exit code. */
int bp_subject_open(bp_subject *subject, const bp_arguments *arguments, bool with_targets);
void bp_subject_close(bp_subject *subject);

/* A model with its encoder; settings may be NULL. The exit code. */
int bp_subject_load(const bp_arguments *arguments, const char *path, bp_network **network, bp_encoder **encoder,
                    bp_settings *settings);

/* Says how many rows of the file at `path` were left out. */
void bp_say_skipped(const bp_dataset *dataset, const char *path);

/* Says how many values of the file at `path` the encoder had no place for. */
void bp_say_strange(const bp_examples *examples, const char *path);

/* Fills each of `keys` (then NULL) that was not given with what the model was made with. */
void bp_settings_inherit(bp_settings *settings, const bp_settings *model, const char *const *keys);

/* How a model's data are to be read, for bp_settings_inherit. */
extern const char *const bp_reading_keys[];

#endif
