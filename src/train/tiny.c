/* SPDX-License-Identifier: Apache-2.0 */
#include "tiny.h"

#include "batch.h"
#include "examples.h"
#include "size.h"

static bp_tiny describe(const bp_trainer *trainer, bp_member member)
{
    const bp_layer *hidden = &trainer->network->layout.layer[0], *output = &trainer->network->layout.layer[1];
    const float *parameters = trainer->network->parameters;

    return (bp_tiny){
        .k = hidden->k,
        .n = hidden->n,
        .activate = trainer->plan.arithmetic.kernels->activate[hidden->activation],
        .loss = (int)trainer->network->loss - BP_SQUARED_ERROR,
        .shape = (float)trainer->network->loss_shape,
        .w1 = parameters + hidden->w,
        .b1 = parameters + hidden->b,
        .w2 = parameters + output->w,
        .b2 = parameters + output->b,
        .scratch = trainer->tiny + member.index * (size_t)BP_TINY_SCRATCH,
    };
}

static bool are_ready(const bp_trainer *trainer, const bp_examples *examples)
{
    return !(trainer->smoothing.keep > 0.0f) && examples->x && examples->x_type == BP_TYPE_F32 && !examples->classes;
}

/* From row `row` of the minibatch on. */
static bp_tiny_rows rows_of(const bp_minibatch *minibatch, size_t row)
{
    const bp_examples *examples = minibatch->examples;

    return (bp_tiny_rows){
        .x = examples->x,
        .x_stride = examples->x_stride / sizeof(float),
        .y = examples->y,
        .y_stride = examples->y_stride,
        .weight = examples->weight,
        .rows = minibatch->rows ? minibatch->rows + row : NULL,
        .first = minibatch->first + row,
    };
}

/* Bytes and classes become floats first, and targets smooth. */
static bp_tiny_rows gathered(const bp_trainer *trainer, const bp_pass *pass, const bp_minibatch *minibatch, size_t row,
                             size_t count)
{
    const uint64_t *rows = minibatch->rows ? minibatch->rows + row : NULL;
    bp_batch batch = {.x = pass->a[0],
                      .y = pass->d[2],
                      .weight = trainer->weight + row,
                      .smoothing = trainer->smoothing,
                      .panel = bp_pass_panel(pass)};

    bp_batch_gather(&batch, trainer->plan.arithmetic.kernels, minibatch->examples, rows, minibatch->first + row, 0, count);
    return (bp_tiny_rows){.x = batch.x, .x_stride = BP_PANEL, .y = batch.y, .y_stride = BP_PANEL, .weight = batch.weight};
}

/* dW and db of the hidden layer as in the layout, dW of the output as a row, db of the output. */
static size_t gradient_floats(const bp_trainer *trainer)
{
    return ((size_t)trainer->network->layout.layer[0].k + 3) * BP_PANEL;
}

static bool shard(bp_trainer *trainer, bp_member member, const bp_tiny *network, const bp_tiny_rows *rows, size_t row, size_t count)
{
    float *gradient = bp_gradients_next(&trainer->gradients, member);
    bool finite = trainer->plan.arithmetic.kernels->tiny(network, rows, count, gradient, trainer->losses + row);

    bp_gradients_push(&trainer->gradients, member, row / trainer->plan.grain, gradient_floats(trainer));
    return finite;
}

bool bp_tiny_rows_phase(bp_trainer *trainer, bp_member member, bp_range range, const bp_minibatch *minibatch)
{
    bp_tiny network = describe(trainer, member);
    bp_tiny_rows rows = rows_of(minibatch, range.first);
    bool ready = are_ready(trainer, minibatch->examples), finite = true;
    size_t count;

    for (size_t row = range.first; row < range.end; row += count) {
        count = bp_size_min(trainer->plan.grain, range.end - row);
        if (!ready)
            rows = gathered(trainer, &trainer->chunk[member.index], minibatch, row, count);
        finite = shard(trainer, member, &network, &rows, row, count) && finite;
        if (rows.rows)
            rows.rows += count;
        else
            rows.first += count;
    }
    return finite;
}

/* Floats of the widest vector: behind a whole one nothing is touched. */
#define VECTOR_MOST 16

/* Behind the last hidden unit a sigmoid is 1/2, not 0, so W has moved there. It must be 0, as all padding is in a checkpoint: then
 * dL/dz, dW and db of the hidden layer are 0 there, too. */
static void clear_padding(float *row, size_t n)
{
    for (size_t i = n; row && i % VECTOR_MOST; i++)
        row[i] = 0.0f;
}

static float *from(float *block, size_t at)
{
    return block ? block + at : NULL;
}

static bp_tiny_part part_at(const bp_trainer *trainer, size_t at)
{
    return (bp_tiny_part){trainer->network->parameters + at, from(trainer->moments.first, at), from(trainer->moments.second, at)};
}

static void update(bp_trainer *trainer, const float *gradient, bool bad[2])
{
    const bp_layer *layer = trainer->network->layout.layer;
    bp_update biases = bp_optimizer_for_biases(&trainer->update);
    bp_tiny_part row = part_at(trainer, layer[1].w);
    bp_tiny_state state = {layer[0].k,
                           layer[0].n,
                           trainer->settings.optimizer == BP_RMSPROP,
                           {part_at(trainer, layer[0].w), part_at(trainer, layer[0].b), row, part_at(trainer, layer[1].b)}};

    trainer->plan.arithmetic.kernels->tiny_update(&state, &trainer->update, &biases, gradient, bad);
    clear_padding(row.w, layer[1].k);
    clear_padding(row.first, layer[1].k);
    clear_padding(row.second, layer[1].k);
}

void bp_tiny_update(bp_trainer *trainer, bp_member member)
{
    bool bad[2];

    update(trainer, bp_gradients_total(&trainer->gradients, member, gradient_floats(trainer)), bad);
    for (uint32_t i = 0; i < 2; i++)
        if (bad[i])
            bp_phase_note_bad(trainer, member, i);
}
