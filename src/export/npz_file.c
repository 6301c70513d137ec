/* A model's weights, and the numbers of its encoder, as arrays for NumPy; docs/export.md lists them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "error.h"
#include "export.h"
#include "input_scale.h"
#include "layout.h"
#include "memory.h"
#include "network.h"
#include "npz.h"

#define ARRAYS_MAX (2 * BP_LAYERS_MAX + 5)

typedef struct writing {
    bp_allocator allocator;
    const bp_network *network;
    const bp_encoder *encoder; /* may be NULL */
    void *memory;
    size_t memory_size;
    float *W[BP_LAYERS_MAX], *b[BP_LAYERS_MAX];
    double *mean, *scale, *fill;        /* [inputs] */
    double *target_mean, *target_scale; /* [target_count] */
    char names[2 * BP_LAYERS_MAX][16];
    bp_tensor tensors[ARRAYS_MAX];
    size_t count;
} writing;

static void carve(writing *w, bp_arena *arena)
{
    size_t inputs = w->encoder ? w->encoder->inputs : 0, targets = w->encoder ? w->encoder->target_count : 0;

    for (uint32_t i = 0; i < bp_network_layers(w->network); i++) {
        bp_layer_info info = {0};
        (void)bp_network_layer(w->network, i, &info, NULL); /* there is such a layer */
        w->W[i] = bp_arena_take(arena, (size_t)info.inputs * info.outputs, sizeof *w->W[i]);
        w->b[i] = bp_arena_take(arena, info.outputs, sizeof *w->b[i]);
    }
    w->mean = bp_arena_take(arena, inputs, sizeof *w->mean);
    w->scale = bp_arena_take(arena, inputs, sizeof *w->scale);
    w->fill = bp_arena_take(arena, inputs, sizeof *w->fill);
    w->target_mean = bp_arena_take(arena, targets, sizeof *w->target_mean);
    w->target_scale = bp_arena_take(arena, targets, sizeof *w->target_scale);
}

static bp_status take_memory(writing *w, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(w, &arena);
    w->memory = bp_arena_commit(&arena, &w->allocator, &w->memory_size);
    if (!w->memory)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", w->memory_size);
    carve(w, &arena);
    return BP_OK;
}

static void add(writing *w, const char *name, bp_dtype dtype, uint32_t rank, uint64_t rows, uint64_t columns, const void *data)
{
    w->tensors[w->count++] = (bp_tensor){.name = name, .dtype = dtype, .rank = rank, .shape = {rows, columns}, .data = data};
}

static bp_status add_layer(writing *w, uint32_t layer, bp_error *error)
{
    char *weight = w->names[2 * layer], *bias = w->names[2 * layer + 1];
    bp_layer_info info;

    BP_TRY(bp_network_layer(w->network, layer, &info, error));
    BP_TRY(bp_network_get(w->network, layer, w->W[layer], w->b[layer], error));
    snprintf(weight, sizeof *w->names, "W%lu", (unsigned long)layer + 1);
    snprintf(bias, sizeof *w->names, "b%lu", (unsigned long)layer + 1);
    add(w, weight, BP_DTYPE_F32, 2, info.inputs, info.outputs, w->W[layer]);
    add(w, bias, BP_DTYPE_F32, 1, info.outputs, 0, w->b[layer]);
    return BP_OK;
}

static void add_encoder(writing *w, const bp_encoder *encoder)
{
    for (size_t i = 0; i < encoder->inputs; i++) {
        bp_input_scale input = bp_input_scale_of(encoder, i);
        w->mean[i] = input.mean;
        w->scale[i] = input.scale;
        w->fill[i] = input.fill;
    }
    add(w, "mean", BP_DTYPE_F64, 1, encoder->inputs, 0, w->mean);
    add(w, "scale", BP_DTYPE_F64, 1, encoder->inputs, 0, w->scale);
    if (bp_input_scale_fills(encoder))
        add(w, "fill", BP_DTYPE_F64, 1, encoder->inputs, 0, w->fill);
    if (encoder->class_count)
        return;
    for (size_t i = 0; i < encoder->target_count; i++) {
        w->target_mean[i] = encoder->targets[i].mean;
        w->target_scale[i] = encoder->targets[i].scale;
    }
    add(w, "target_mean", BP_DTYPE_F64, 1, encoder->target_count, 0, w->target_mean);
    add(w, "target_scale", BP_DTYPE_F64, 1, encoder->target_count, 0, w->target_scale);
}

static bp_status write(writing *w, const char *path, bp_error *error)
{
    BP_TRY(bp_network_check_encoder(w->network, w->encoder, error));
    BP_TRY(take_memory(w, error));
    for (uint32_t i = 0; i < bp_network_layers(w->network); i++)
        BP_TRY(add_layer(w, i, error));
    if (w->encoder)
        add_encoder(w, w->encoder);
    return bp_npz_write(path, w->tensors, w->count, &w->allocator, error);
}

bp_status bp_export_npz(const char *path, const bp_network *network, const bp_encoder *encoder, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(NULL);
    writing *w = bp_allocate_zeroed(&memory, sizeof *w);

    if (!w)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", path, sizeof *w);
    w->allocator = memory;
    w->network = network;
    w->encoder = encoder;
    bp_status status = write(w, path, error);
    bp_release(&memory, w->memory, w->memory_size);
    bp_release(&memory, w, sizeof *w);
    return status;
}
