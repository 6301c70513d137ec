/* The plan: how steps are computed, decided before the first one from layout, batch size and machine.
 *
 * Work on parameters is cut in tiles of 32 x 32: tile t of a layer is rows 32 i ... of W's panel j, with j = t / k_panels
 * and i = t % k_panels; it is contiguous in memory. The tile with i = 0 carries the panel's biases too. Of a narrow layer, which
 * has W^T, the tile is that: n rows of columns 32 i ...
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PLAN_H
#define BP_PLAN_H

#include <stdbool.h>

#include "cost.h"
#include "cpu.h"
#include "layout.h"
#include "machine.h"
#include "team.h"
#include "weights.h"

typedef struct bp_layer_plan {
    size_t shard_rows;      /* R: fixed by (k, n, batch size) alone, since bits depend on it */
    bool buffered;          /* gradient by buffers; else by tiles */
    size_t first_tile;      /* of all layers' tiles */
    double tile_cost;       /* multiply-adds of one tile and row */
    unsigned forward_parts; /* of the rows: the threads of each divide the panels, see grid.h */
    unsigned backward_parts;
} bp_layer_plan;

typedef struct bp_plan {
    bp_arithmetic arithmetic;
    unsigned threads;
    size_t batch;     /* rows of a minibatch, at most */
    size_t grain;     /* threads' rows are cut at multiples of it */
    size_t chunk;     /* rows that a thread takes through the network at a time; 0: all of its rows at once */
    bool tiny;        /* shards take the path of tiny.h */
    bool split;       /* the step is, see split_step.h; else fused */
    double dropout;   /* share that is left out */
    bool full;        /* all rows make one update */
    bool searches;    /* lbfgs, see lbfgs.h: an update is not the step's */
    bool clips;       /* the gradient's norm is limited */
    size_t group;     /* minibatches of an update */
    bool packs_whole; /* in mixed precision: each thread packs all weights once a step */
    size_t tiles;
    bp_layer_plan layer[BP_LAYERS_MAX];
    unsigned blocks;     /* gradient buffers of a thread; 0 where no layer is buffered */
    unsigned levels;     /* tiles' sums that are alive at once */
    unsigned moments;    /* of the optimizer, for each parameter */
    double microseconds; /* a step's expected time on one thread */
    bp_cost cost;        /* a step's, as planned */
    char threads_reason[240];
    char gradient_reason[200];
} bp_plan;

/* One tile: where it lies in the flat block, and its gradient. */
typedef struct bp_tile {
    uint32_t layer;
    size_t i, j;      /* rows 32 i ... of panel j */
    size_t rows;      /* of W, up to 32, or of W^T */
    size_t w;         /* first float in the flat block; 32 rows floats */
    size_t b;         /* the panel's biases in the flat block, for i = 0 */
    uint32_t touched; /* rows, bit by bit, that the update has to look at */
    float *dW;        /* [rows][32] */
    float *db;        /* [32], NULL unless i = 0 */
} bp_tile;

/* Settings used: batch_size, threads, exact_threads, gradient, isa, and the optimizer's. For a machine, or for this one where
 * it is NULL: it is looked at only if more than one thread may pay. BP_INVALID where the isa does not run here. */
bp_status bp_plan_make(const bp_layout *layout, const bp_settings *settings, const bp_machine *machine, bp_plan *plan,
                       bp_error *error);

/* Shards of a layer in a minibatch of m rows. */
size_t bp_plan_shards(const bp_layer_plan *layer, size_t m);

/* All tiles of a layer. */
bp_range bp_plan_layer_tiles(const bp_plan *plan, const bp_layout *layout, uint32_t layer);

/* Rows of 32 floats of tile (i, j), and the first of them among the layer's. */
static inline size_t bp_tile_rows(const bp_layer *layer, size_t i)
{
    size_t rest = layer->k - i * BP_PANEL;
    return layer->narrow ? layer->n : rest < BP_PANEL ? rest : BP_PANEL;
}

static inline size_t bp_tile_line(const bp_layer *layer, size_t i, size_t j)
{
    return layer->narrow ? i * layer->n : j * layer->k + i * BP_PANEL;
}

/* Tile `number`, without its gradient. */
bp_tile bp_plan_tile(const bp_plan *plan, const bp_layout *layout, size_t number);

/* The plan as text, as bp_trainer_plan gives it. */
size_t bp_plan_text(const bp_plan *plan, const bp_layout *layout, char *text, size_t capacity);

#endif
