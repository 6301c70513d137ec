/* Files of every kind and one handle of each, for calls to be made on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_WORLD_H
#define BP_TEST_WORLD_H

#include "backprop.h"
#include "refusing.h"

enum { WORLD_ROWS = 120, WORLD_INPUTS = 6, WORLD_OUTPUTS = 3, WORLD_BATCH = 32 };

typedef struct world {
    refusing memory;
    bp_allocator allocator; /* over it; all handles are from it */
    bp_settings settings;
    bp_dataset *dataset; /* data.csv: two numbers with gaps, a column of categories, a class of three */
    bp_encoder *encoder;
    bp_examples *examples; /* [WORLD_ROWS, WORLD_INPUTS] */
    bp_network *network;
    bp_network *other; /* with the same layers */
    bp_trainer *trainer;
    bp_workspace *workspace;
    bp_evaluation *evaluation;
    bp_trace *trace;
    void *model; /* bytes of a model file */
    size_t model_size;
    float x[WORLD_ROWS * WORLD_INPUTS];
    float y[WORLD_ROWS * WORLD_OUTPUTS];
    uint64_t index[2][WORLD_ROWS];
    uint32_t fold[WORLD_ROWS];
} world;

/* In the scratch directory: data.csv, data.csv.gz, data.npy, data.svm, data-images-idx3-ubyte and its labels, data.bpd, model,
 * checkpoint. `threads` is the settings'. */
world *world_begin(uint32_t threads);

/* Asserts that nothing of the allocator's is left. */
void world_end(world *w);

#endif
