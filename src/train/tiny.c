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
        .activate = trainer->plan.kernels->activate[hidden->activation],
        .logistic = trainer->network->loss == BP_BINARY_CROSS_ENTROPY,
        .w1 = parameters + hidden->w,
        .b1 = parameters + hidden->b,
        .w2 = trainer->transposed[1],
        .b2 = parameters + output->b,
        .scratch = trainer->tiny + member.index * (size_t)BP_TINY_SCRATCH,
    };
}

static bool are_floats(const bp_examples *examples)
{
    return examples->x_type == BP_TYPE_F32 && !examples->classes;
}

static bp_tiny_rows rows_of(const bp_minibatch *minibatch)
{
    const bp_examples *examples = minibatch->examples;

    return (bp_tiny_rows){
        .x = examples->x,
        .x_stride = examples->x_stride / sizeof(float),
        .y = examples->y,
        .y_stride = examples->y_stride,
        .weight = examples->weight,
        .rows = minibatch->rows,
        .first = minibatch->first,
    };
}

/* Bytes and classes become floats first. */
static bp_tiny_rows gathered(const bp_trainer *trainer, const bp_pass *pass, const bp_minibatch *minibatch, size_t row,
                             size_t count)
{
    const uint64_t *rows = minibatch->rows ? minibatch->rows + row : NULL;
    bp_batch batch = {.x = pass->a[0], .y = pass->d[2], .weight = trainer->weight + row, .panel = bp_pass_panel(pass)};

    bp_batch_gather(&batch, trainer->plan.kernels, minibatch->examples, rows, minibatch->first + row, 0, count);
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
    bool finite = trainer->plan.kernels->tiny(network, rows, count, gradient, trainer->losses + row);

    bp_gradients_push(&trainer->gradients, member, row / trainer->plan.grain, gradient_floats(trainer));
    return finite;
}

bool bp_tiny_rows_phase(bp_trainer *trainer, bp_member member, bp_range range, const bp_minibatch *minibatch)
{
    const bp_pass *pass = &trainer->chunk[member.index];
    bp_tiny network = describe(trainer, member);
    bp_tiny_rows rows = rows_of(minibatch);
    bool ready = are_floats(minibatch->examples), finite = true;

    for (size_t row = range.first; row < range.end; row += trainer->plan.grain) {
        size_t count = bp_size_min(trainer->plan.grain, range.end - row);
        bp_tiny_rows part = rows;
        if (!ready)
            part = gathered(trainer, pass, minibatch, row, count);
        else if (part.rows)
            part.rows += row;
        else
            part.first += row;
        finite = shard(trainer, member, &network, &part, row, count) && finite;
    }
    return finite;
}

/* What is updated together: where it lies in the flat block, in memory, and its gradient. */
typedef struct part {
    uint32_t layer;
    size_t at, count;
    float *w;
    const float *gradient;
    bp_moments moments;
} part;

static void update(bp_trainer *trainer, bp_member member, const part *p, const bp_update *numbers)
{
    if (bp_optimizer_update(trainer->plan.kernels, (bp_optimizer)trainer->settings.optimizer, &p->moments, numbers, p->at, p->count,
                            p->w, p->gradient))
        bp_phase_note_bad(trainer, member, p->layer);
}

/* Column 0 of [n][32] into a row, and back. */
static void take_column(const float *column, size_t n, float row[BP_TINY_WIDTH])
{
    for (size_t i = 0; i < BP_TINY_WIDTH; i++)
        row[i] = i < n ? column[i * BP_PANEL] : 0.0f;
}

static void put_column(const float row[BP_TINY_WIDTH], size_t n, float *column)
{
    for (size_t i = 0; i < n; i++)
        column[i * BP_PANEL] = row[i];
}

/* W of the output is a column in parameters and moments: it is updated as the row that W^T is. */
static void update_output_weights(bp_trainer *trainer, bp_member member, const float *gradient)
{
    const bp_layer *layer = &trainer->network->layout.layer[1];
    float *row = trainer->transposed[1], first[BP_TINY_WIDTH], second[BP_TINY_WIDTH];
    const bp_moments *all = &trainer->moments;
    part p = {1, 0, BP_TINY_WIDTH, row, gradient, {all->first ? first : NULL, all->second ? second : NULL}};

    if (all->first)
        take_column(all->first + layer->w, layer->k, first);
    if (all->second)
        take_column(all->second + layer->w, layer->k, second);
    update(trainer, member, &p, &trainer->update);
    put_column(row, layer->k, trainer->network->parameters + layer->w);
    if (all->first)
        put_column(first, layer->k, all->first + layer->w);
    if (all->second)
        put_column(second, layer->k, all->second + layer->w);
}

void bp_tiny_update(bp_trainer *trainer, bp_member member)
{
    const bp_layer *layer = trainer->network->layout.layer;
    const bp_update biases = bp_optimizer_for_biases(&trainer->update);
    const float *dW = bp_gradients_total(&trainer->gradients, member, gradient_floats(trainer)), *db = dW + layer[0].k * BP_PANEL;
    float *parameters = trainer->network->parameters;
    bp_moments moments = trainer->moments;

    update(trainer, member, &(part){0, layer[0].w, layer[0].k * BP_PANEL, parameters + layer[0].w, dW, moments}, &trainer->update);
    update(trainer, member, &(part){0, layer[0].b, BP_PANEL, parameters + layer[0].b, db, moments}, &biases);
    update_output_weights(trainer, member, db + BP_PANEL);
    update(trainer, member, &(part){1, layer[1].b, BP_PANEL, parameters + layer[1].b, db + 2 * BP_PANEL, moments}, &biases);
}
