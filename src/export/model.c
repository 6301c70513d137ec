/* Writes the model file: weights [out, in] as torch has them, and everything else as text.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <math.h>
#include <string.h>

#include "encoder.h"
#include "error.h"
#include "memory.h"
#include "network.h"
#include "safetensors.h"
#include "settings.h"

#define SETTINGS_MAX 64 /* bp_settings.given has that many bits */
#define PAIRS_MAX (9 + SETTINGS_MAX)

typedef struct setting_text {
    char key[64];
    char value[BP_TEXT_MAX];
} setting_text;

/* All that stands between a network and its file; freed as a whole. */
typedef struct saving {
    bp_allocator allocator;
    const bp_network *network;
    void *memory; /* [memory_size]: what the arena carves */
    size_t memory_size;
    float *scratch;         /* [k, n] of the largest layer */
    float *values;          /* every tensor */
    setting_text *settings; /* [SETTINGS_MAX] */
    char *encoder;          /* [encoder_size + 1], JSON */
    size_t encoder_size;
    bp_model_name names[2 * BP_LAYERS_MAX];
    bp_tensor tensors[2 * BP_LAYERS_MAX];
    size_t tensor_count;
    bp_pair pairs[PAIRS_MAX];
    size_t pair_count;
    char activation[32];
    char loss[32];
    char dropout[32];
    char task[32];
} saving;

bp_activation bp_model_activation(const bp_network *network)
{
    bp_layer_info info = {0};

    if (bp_network_layers(network) > 1)
        (void)bp_network_layer(network, 0, &info, NULL); /* there is a layer 0 */
    return (bp_activation)info.activation;
}

double bp_model_dropout(const bp_network *network)
{
    return bp_network_layers(network) > 1 ? network->dropout : 0.0;
}

bool bp_model_keeps(const bp_setting *setting)
{
    return setting->fixes_result && strcmp(setting->key, "hidden") != 0 && strcmp(setting->key, "activation") != 0 &&
           strcmp(setting->key, "loss") != 0 && strcmp(setting->key, "dropout") != 0;
}

/* ---------------------------------------------------------------------------------------------------------- tensors */

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* [k, n] to [n, k] */
static void transpose(const float *from, size_t k, size_t n, float *to)
{
    for (size_t column = 0; column < n; column++)
        for (size_t row = 0; row < k; row++)
            to[column * k + row] = from[row * n + column];
}

static void add_tensor(saving *s, uint32_t layer, const char *part, const float *data, uint32_t rank, uint64_t rows,
                       uint64_t columns)
{
    size_t i = s->tensor_count++;

    bp_model_name_tensor(s->names[i], layer, bp_model_activation(s->network), bp_model_dropout(s->network), part);
    s->tensors[i] = (bp_tensor){.name = s->names[i], .dtype = BP_DTYPE_F32, .rank = rank, .shape = {rows, columns}, .data = data};
}

/* Carves scratch and values: over an empty arena to measure, then over memory. */
static void carve(saving *s, bp_arena *arena)
{
    size_t largest = 0, all = 0;

    for (uint32_t layer = 0; layer < bp_network_layers(s->network); layer++) {
        bp_layer_info info = {0};
        (void)bp_network_layer(s->network, layer, &info, NULL); /* there is such a layer */
        size_t weights = (size_t)info.inputs * info.outputs;
        largest = weights > largest ? weights : largest;
        all += weights + info.outputs;
    }
    s->scratch = bp_arena_take(arena, largest, sizeof *s->scratch);
    s->values = bp_arena_take(arena, all, sizeof *s->values);
    s->settings = bp_arena_take(arena, SETTINGS_MAX, sizeof *s->settings);
}

static bp_status take_memory(saving *s, const char *path, bp_error *error)
{
    bp_arena arena = {0};

    carve(s, &arena);
    s->memory = bp_arena_commit(&arena, &s->allocator, &s->memory_size);
    if (!s->memory)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", path, s->memory_size);
    carve(s, &arena);
    return BP_OK;
}

/* A model that could not be loaded again is not written. */
static bp_status gather_tensors(saving *s, bp_error *error)
{
    float *values = s->values;

    for (uint32_t layer = 0; layer < bp_network_layers(s->network); layer++) {
        bp_layer_info info;
        BP_TRY(bp_network_layer(s->network, layer, &info, error));
        size_t k = info.inputs, n = info.outputs;
        BP_TRY(bp_network_get(s->network, layer, s->scratch, values + k * n, error));
        transpose(s->scratch, k, n, values);
        if (!all_finite(values, k * n + n))
            return bp_fail(error, BP_INVALID, "a weight or bias of layer %lu is not finite", (unsigned long)layer + 1);
        add_tensor(s, layer, "weight", values, 2, n, k);
        add_tensor(s, layer, "bias", values + k * n, 1, n, 0);
        values += k * n + n;
    }
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------- metadata */

static void add_pair(saving *s, const char *key, const char *value)
{
    s->pairs[s->pair_count++] = (bp_pair){key, value};
}

static bp_status describe_network(saving *s, bp_error *error)
{
    bp_settings names;

    bp_settings_init(&names, sizeof names);
    names.activation = (int32_t)bp_model_activation(s->network);
    names.loss = (int32_t)bp_network_loss(s->network);
    BP_TRY(bp_settings_get(&names, "activation", s->activation, sizeof s->activation, error));
    BP_TRY(bp_settings_get(&names, "loss", s->loss, sizeof s->loss, error));
    names.dropout = bp_model_dropout(s->network);
    BP_TRY(bp_settings_get(&names, "dropout", s->dropout, sizeof s->dropout, error));
    add_pair(s, "activation", s->activation);
    add_pair(s, "loss", s->loss);
    if (names.dropout > 0.0)
        add_pair(s, "dropout", s->dropout);
    return BP_OK;
}

static bp_status describe_encoder(saving *s, const bp_encoder *encoder, bp_error *error)
{
    bp_encoder_info info;
    bp_settings names;

    BP_TRY(bp_network_check_encoder(s->network, encoder, error)); /* the reader would refuse the pair */
    bp_encoder_describe(encoder, &info);
    bp_settings_init(&names, sizeof names);
    names.task = info.task;
    BP_TRY(bp_settings_get(&names, "task", s->task, sizeof s->task, error));
    BP_TRY(bp_encoder_to_json(encoder, &s->allocator, &s->encoder, &s->encoder_size, error));
    add_pair(s, "task", s->task);
    add_pair(s, "encoder", s->encoder);
    return BP_OK;
}

/* What is the network's, whatever the settings say. */
static void take_own(const bp_network *network, bp_settings *settings)
{
    settings->precision = (int32_t)bp_network_precision(network);
    if (bp_network_loss(network) == BP_HUBER)
        settings->huber_delta = bp_network_loss_shape(network);
    if (bp_network_loss(network) == BP_QUANTILE)
        settings->quantile = bp_network_loss_shape(network);
}

static bp_status describe_settings(saving *s, const bp_settings *settings, bp_error *error)
{
    bp_settings full;
    setting_text *text = s->settings;

    bp_settings_complete(settings, &full);
    full.given = 0; /* what was said without effect is no reason not to save */
    take_own(s->network, &full);
    BP_TRY(bp_settings_check(&full, error));
    for (size_t i = 0; bp_setting_at(i); i++) {
        const bp_setting *setting = bp_setting_at(i);
        if (!bp_model_keeps(setting))
            continue;
        snprintf(text->key, sizeof text->key, BP_MODEL_SETTING "%s", setting->key);
        BP_TRY(bp_settings_get(&full, setting->key, text->value, sizeof text->value, error));
        add_pair(s, text->key, text->value);
        text++;
    }
    return BP_OK;
}

/* Where there are no settings: what the network has of its own, unless it is the default, which a file that says nothing has. */
static bp_status describe_own(saving *s, bp_error *error)
{
    static const char *const keys[] = {"precision", "huber-delta", "quantile"};
    bp_settings own;
    setting_text *text = s->settings;

    bp_settings_init(&own, sizeof own);
    take_own(s->network, &own);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        BP_TRY(bp_settings_get(&own, keys[i], text->value, sizeof text->value, error));
        if (strcmp(text->value, bp_setting_find(keys[i], NULL)->initial) == 0)
            continue;
        snprintf(text->key, sizeof text->key, BP_MODEL_SETTING "%s", keys[i]);
        add_pair(s, text->key, text->value);
        text++;
    }
    return BP_OK;
}

static bp_status save(saving *s, const char *path, const bp_encoder *encoder, const bp_settings *settings, bp_error *error)
{
    char version[16];

    BP_TRY(take_memory(s, path, error));
    BP_TRY(gather_tensors(s, error));
    snprintf(version, sizeof version, "%d", BP_MODEL_VERSION);
    add_pair(s, "format", BP_MODEL_FORMAT);
    add_pair(s, "version", version);
    BP_TRY(describe_network(s, error));
    if (encoder)
        BP_TRY(describe_encoder(s, encoder, error));
    BP_TRY(settings ? describe_settings(s, settings, error) : describe_own(s, error));
    return bp_safetensors_write(path, s->tensors, s->tensor_count, s->pairs, s->pair_count, &s->allocator, error);
}

bp_status bp_model_save(const char *path, const bp_network *network, const bp_encoder *encoder, const bp_settings *settings,
                        bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(NULL);

    if (!path || !network)
        return bp_fail(error, BP_INVALID, "a model needs a path and a network");
    saving *s = bp_allocate_zeroed(&memory, sizeof *s);
    if (!s)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", path, sizeof *s);
    s->allocator = memory;
    s->network = network;
    bp_status status = save(s, path, encoder, settings, error);
    bp_release(&memory, s->encoder, s->encoder_size + 1);
    bp_release(&memory, s->memory, s->memory_size);
    bp_release(&memory, s, sizeof *s);
    return status;
}
