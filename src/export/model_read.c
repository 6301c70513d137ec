/* Reads a model file, which anybody may have made.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "error.h"
#include "float_state.h"
#include "layout.h"
#include "memory.h"
#include "model.h"
#include "safetensors.h"
#include "settings.h"
#include "size.h"
#include "text.h"

/* A model on its way from file to handles. */
typedef struct loading {
    bp_allocator allocator;
    const bp_safetensors *file;
    bp_settings settings;                   /* the network's own: hidden, activation, loss, dropout, precision */
    const bp_tensor *weight[BP_LAYERS_MAX]; /* [n, k], found and looked at by check_layer */
    const bp_tensor *bias[BP_LAYERS_MAX];   /* [n] */
    uint32_t layers;
    uint32_t inputs;
    uint32_t outputs;
    bp_network *network;
    bp_encoder *encoder;
} loading;

/* ----------------------------------------------------------------------------------------------------------- format */

static bp_status fail(const loading *l, bp_error *error, const char *what, const char *more)
{
    return bp_fail(error, BP_BAD_FILE, "%s: %s%.500s", l->file->path, what, more);
}

static bp_status check_format(const loading *l, bp_error *error)
{
    const char *format = bp_safetensors_text(l->file, "format"), *version = bp_safetensors_text(l->file, "version");
    uint64_t number;

    if (!format)
        return fail(l, error, "safetensors, but no model of backprop: __metadata__ has no \"format\"", "");
    if (strcmp(format, BP_MODEL_FORMAT) != 0)
        return fail(l, error, "not a model; its format is ", format);
    if (!version || !bp_text_parse_u64(version, strlen(version), &number) || number < 1)
        return fail(l, error, "__metadata__ has no \"version\" that is a number", "");
    BP_TRY(bp_check_version(l->file->path, "model", number, 1, BP_MODEL_VERSION, error));
    return bp_safetensors_verify(l->file, error);
}

/* ------------------------------------------------------------------------------------------------------------ shape */

static bp_status read_name(loading *l, const char *key, bp_error *error)
{
    const char *text = bp_safetensors_text(l->file, key);
    bp_error cause;

    if (!text)
        return fail(l, error, "__metadata__ lacks ", key);
    if (bp_settings_set(&l->settings, key, text, &cause) != BP_OK)
        return fail(l, error, "__metadata__: ", cause.text);
    return BP_OK;
}

static bp_status find_tensor(const loading *l, uint32_t layer, const char *part, const bp_tensor **result, bp_error *error)
{
    bp_model_name name;

    bp_model_name_tensor(name, layer, (bp_activation)l->settings.activation, l->settings.dropout, part);
    *result = bp_safetensors_tensor(l->file, name);
    return *result ? BP_OK : fail(l, error, "lacks the tensor ", name);
}

static bool is_width(uint64_t width)
{
    return width > 0 && width <= BP_WIDTH_MAX;
}

/* `weight` [n, k] and `bias` [n] of one layer, where k is known but for the first. */
static bp_status check_layer(loading *l, uint32_t layer, uint64_t k, uint64_t *n, bp_error *error)
{
    BP_TRY(find_tensor(l, layer, "weight", &l->weight[layer], error));
    BP_TRY(find_tensor(l, layer, "bias", &l->bias[layer], error));
    const bp_tensor *weight = l->weight[layer], *bias = l->bias[layer];
    if (weight->dtype != BP_DTYPE_F32 || bias->dtype != BP_DTYPE_F32)
        return fail(l, error, "has to hold F32, but does not in ", weight->dtype != BP_DTYPE_F32 ? weight->name : bias->name);
    if (weight->rank != 2 || !is_width(weight->shape[0]) || !is_width(weight->shape[1]))
        return fail(l, error, "has to hold a matrix of up to 2^24 rows and columns, but does not in ", weight->name);
    if (weight->shape[1] != k && layer > 0)
        return bp_fail_offset(error, l->file->path, bp_safetensors_offset(l->file, weight),
                              "%s takes %llu inputs, but the layer before gives %llu", weight->name,
                              (unsigned long long)weight->shape[1], (unsigned long long)k);
    if (bias->rank != 1 || bias->shape[0] != weight->shape[0])
        return fail(l, error, "has to hold one bias for each output, but does not in ", bias->name);
    *n = weight->shape[0];
    return BP_OK;
}

/* Sizes of all layers into the settings, by which the network is then made. */
static bp_status read_shape(loading *l, bp_error *error)
{
    uint64_t n = 0;

    BP_TRY(read_name(l, "activation", error));
    BP_TRY(read_name(l, "loss", error));
    if (bp_safetensors_text(l->file, "dropout"))
        BP_TRY(read_name(l, "dropout", error));
    if (l->file->tensor_count % 2 || l->file->tensor_count < 2 || l->file->tensor_count > 2 * BP_LAYERS_MAX)
        return bp_fail(error, BP_BAD_FILE, "%s: %zu tensors, where a weight and a bias for 1 to %d layers are needed",
                       l->file->path, l->file->tensor_count, BP_LAYERS_MAX);
    l->layers = (uint32_t)(l->file->tensor_count / 2);
    for (uint32_t layer = 0; layer < l->layers; layer++) {
        BP_TRY(check_layer(l, layer, n, &n, error));
        if (layer + 1 < l->layers)
            l->settings.hidden[layer] = (uint32_t)n;
    }
    l->settings.hidden_count = l->layers - 1;
    l->inputs = (uint32_t)l->weight[0]->shape[1];
    l->outputs = (uint32_t)n;
    return BP_OK;
}

/* ---------------------------------------------------------------------------------------------------------- weights */

/* The bytes may stand anywhere, so floats are copied out before they are looked at. */
static bp_status read_finite(const loading *l, const bp_tensor *tensor, size_t index, float *value, bp_error *error)
{
    memcpy(value, (const char *)tensor->data + index * sizeof *value, sizeof *value);
    if (!isfinite(*value))
        return bp_fail_offset(error, l->file->path, bp_safetensors_offset(l->file, tensor) + index * sizeof *value,
                              "%s has a value that is not finite", tensor->name);
    return BP_OK;
}

/* W [k, n] from weight [n, k], and b [n]. */
static bp_status read_layer(const loading *l, uint32_t layer, float *W, float *b, bp_error *error)
{
    const bp_tensor *weight = l->weight[layer], *bias = l->bias[layer];
    size_t n = (size_t)weight->shape[0], k = (size_t)weight->shape[1];
    for (size_t column = 0; column < n; column++) {
        BP_TRY(read_finite(l, bias, column, &b[column], error));
        for (size_t row = 0; row < k; row++)
            BP_TRY(read_finite(l, weight, column * k + row, &W[row * n + column], error));
    }
    return bp_network_set(l->network, layer, W, b, error);
}

/* Products cannot overflow: the bytes of each weight are in the file. */
static size_t largest_layer(const loading *l)
{
    size_t largest = 0;

    for (uint32_t layer = 0; layer < l->layers; layer++) {
        size_t k = layer > 0 ? l->settings.hidden[layer - 1] : l->inputs;
        size_t n = layer + 1 < l->layers ? l->settings.hidden[layer] : l->outputs;
        largest = bp_size_max(largest, (k + 1) * n * sizeof(float));
    }
    return largest;
}

/* What makes no sense as an argument is a fault of the file here. */
static bp_status make_network(loading *l, bp_error *error)
{
    bp_error cause;

    l->settings.given = 0;
    bp_status status = bp_network_create(&l->settings, l->inputs, l->outputs, &l->allocator, &l->network, &cause);
    if (status == BP_OK)
        return BP_OK;
    return bp_fail(error, status == BP_INVALID ? BP_BAD_FILE : status, "%s: %.800s", l->file->path, cause.text);
}

static bp_status load_network(loading *l, bp_error *error)
{
    size_t size = largest_layer(l);

    BP_TRY(make_network(l, error));
    bp_status status = BP_OK;
    float *scratch = bp_allocate(&l->allocator, size);
    if (!scratch)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", l->file->path, size);
    for (uint32_t layer = 0; layer < l->layers && status == BP_OK; layer++) {
        size_t n = layer + 1 < l->layers ? l->settings.hidden[layer] : l->outputs;
        status = read_layer(l, layer, scratch + n, scratch, error);
    }
    bp_release(&l->allocator, scratch, size);
    return status;
}

/* ---------------------------------------------------------------------------------------------- encoder and settings */

static bp_status check_task(const loading *l, const bp_encoder_info *info, bp_error *error)
{
    const char *text = bp_safetensors_text(l->file, "task");
    char task[32];
    bp_settings names;

    bp_settings_init(&names, sizeof names);
    names.task = info->task;
    (void)bp_settings_get(&names, "task", task, sizeof task, NULL); /* there is such a key */
    if (!text || strcmp(text, task) != 0)
        return fail(l, error, "__metadata__: \"task\" does not say what the encoder does: ", task);
    return BP_OK;
}

static bp_status load_encoder(loading *l, bp_error *error)
{
    const char *text = bp_safetensors_text(l->file, "encoder");
    bp_encoder_info info;
    bp_error cause;

    if (!text)
        return BP_OK;
    bp_status status = bp_encoder_from_json(text, strlen(text), &l->allocator, &l->encoder, &cause);
    if (status != BP_OK)
        return bp_fail(error, status, "%s: encoder: %.800s", l->file->path, cause.text);
    bp_encoder_describe(l->encoder, &info);
    if (info.inputs != l->inputs || info.outputs != l->outputs)
        return bp_fail(error, BP_BAD_FILE, "%s: the encoder is for %lu inputs and %lu outputs, the network has %lu and %lu",
                       l->file->path, (unsigned long)info.inputs, (unsigned long)info.outputs, (unsigned long)l->inputs,
                       (unsigned long)l->outputs);
    return check_task(l, &info, error);
}

/* Every "setting.KEY" of the file into *settings; keys that are not ours belong to nobody else. */
static bp_status read_settings(const loading *l, bp_settings *settings, bp_error *error)
{
    const size_t prefix = strlen(BP_MODEL_SETTING);
    bp_error cause;

    for (size_t i = 0; i < l->file->pair_count; i++) {
        const bp_pair *pair = &l->file->metadata[i];
        if (strncmp(pair->key, BP_MODEL_SETTING, prefix) != 0)
            continue;
        const bp_setting *setting = bp_setting_find(pair->key + prefix, NULL);
        if (!setting || !bp_model_keeps(setting))
            return fail(l, error, "__metadata__ has a setting that this version of backprop does not know: ", pair->key);
        if (bp_settings_set(settings, setting->key, pair->value, &cause) != BP_OK)
            return fail(l, error, "__metadata__: " BP_MODEL_SETTING, cause.text);
    }
    return BP_OK;
}

/* The caller's settings with what the file says; what the caller said by hand remains noted in `given`, and nothing else. */
static bp_status merge_settings(const loading *l, const bp_settings *callers, bp_settings *full, bp_error *error)
{
    bp_settings_complete(callers, full);
    full->precision = BP_F32; /* of a file that does not say, as the next two */
    full->huber_delta = 1.0;
    full->quantile = 0.5;
    BP_TRY(read_settings(l, full, error));
    memcpy(full->hidden, l->settings.hidden, sizeof full->hidden);
    full->hidden_count = l->settings.hidden_count;
    full->activation = l->settings.activation;
    full->loss = l->settings.loss;
    full->dropout = l->settings.dropout;
    full->size = callers->size;
    full->given = callers->given;
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------------- whole */

static bp_status load(loading *l, const bp_settings *callers, bp_settings *merged, bp_error *error)
{
    BP_TRY(check_format(l, error));
    BP_TRY(read_shape(l, error));
    BP_TRY(merge_settings(l, callers, merged, error));
    l->settings.precision = merged->precision;
    l->settings.huber_delta = merged->huber_delta;
    l->settings.quantile = merged->quantile;
    BP_TRY(load_network(l, error));
    return load_encoder(l, error);
}

/* Everything is read, even where the caller takes a part of it: a damaged model is refused by all. */
static BP_OUT_OF_LINE bp_status take_model(const bp_safetensors *file, const bp_allocator *allocator, bp_network **network,
                                           bp_encoder **encoder, bp_settings *settings, bp_error *error)
{
    loading l = {.allocator = bp_allocator_or_default(allocator), .file = file};
    bp_settings merged;

    bp_settings_init(&l.settings, sizeof l.settings);
    bp_status status = load(&l, settings ? settings : &l.settings, &merged, error);
    if (status == BP_OK && settings)
        memcpy(settings, &merged, bp_size_min((size_t)settings->size, sizeof merged));
    if (status == BP_OK && network) {
        *network = l.network;
        l.network = NULL;
    }
    if (status == BP_OK && encoder) {
        *encoder = l.encoder;
        l.encoder = NULL;
    }
    bp_network_free(l.network);
    bp_encoder_free(l.encoder);
    return status;
}

static bp_status open_model(const bp_safetensors *file, const bp_allocator *allocator, bp_network **network, bp_encoder **encoder,
                            bp_settings *settings, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = take_model(file, allocator, network, encoder, settings, error);
    bp_float_end(host);
    return status;
}

bp_status bp_model_load(const char *path, const bp_allocator *allocator, bp_network **network, bp_encoder **encoder,
                        bp_settings *settings, bp_error *error)
{
    bp_safetensors *file;

    if (!path)
        return bp_fail(error, BP_INVALID, "a model needs a path");
    BP_TRY(bp_safetensors_read(path, allocator, &file, error));
    bp_status status = open_model(file, allocator, network, encoder, settings, error);
    bp_safetensors_free(file);
    return status;
}

bp_status bp_model_parse(const void *bytes, size_t size, const bp_allocator *allocator, bp_network **network, bp_encoder **encoder,
                         bp_settings *settings, bp_error *error)
{
    bp_safetensors *file;

    if (!bytes)
        return bp_fail(error, BP_INVALID, "a model needs bytes");
    BP_TRY(bp_safetensors_parse(bytes, size, NULL, allocator, &file, error));
    bp_status status = open_model(file, allocator, network, encoder, settings, error);
    bp_safetensors_free(file);
    return status;
}
