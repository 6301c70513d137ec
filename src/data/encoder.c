/* SPDX-License-Identifier: Apache-2.0 */
#include "encoder.h"

#include <string.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "settings.h"

bp_status bp_encoder_new(const bp_allocator *allocator, bp_encoder **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_encoder *encoder = bp_allocate_zeroed(&memory, sizeof *encoder);

    if (!encoder)
        return bp_fail(error, BP_NO_MEMORY, "memory for an encoder was refused");
    encoder->pool.allocator = memory;
    encoder->threads = 1;
    *result = encoder;
    return BP_OK;
}

void bp_encoder_free(bp_encoder *encoder)
{
    if (!encoder)
        return;
    bp_allocator memory = encoder->pool.allocator;
    bp_pool_release(&encoder->pool);
    bp_release(&memory, encoder, sizeof *encoder);
}

/* --------------------------------------------------------------------------------------------------------- finishing */

/* Names or identifiers taken for categories make inputs without number. */
bp_status bp_encoder_check_categories(const bp_encoder *encoder, const char *path, uint64_t most, bp_error *error)
{
    const bp_feature *widest = NULL;
    size_t inputs = 0;

    for (size_t i = 0; i < encoder->feature_count; i++) {
        const bp_feature *feature = &encoder->features[i];
        if (!feature->categories)
            continue;
        inputs += bp_feature_width(feature);
        widest = !widest || feature->category_count > widest->category_count ? feature : widest;
    }
    if (inputs <= most)
        return BP_OK;
    return bp_fail(error, BP_INVALID,
                   "%s: columns of categories would become %zu inputs, more than %llu; %zu of them are of column \"%.200s\": "
                   "leave it out with --ignore-columns, or raise --max-categories",
                   path, inputs, (unsigned long long)most, bp_feature_width(widest), widest->name);
}

static bp_status count_inputs(bp_encoder *encoder, bp_error *error)
{
    size_t inputs = 0;

    for (size_t i = 0; i < encoder->feature_count; i++) {
        bp_feature *feature = &encoder->features[i];
        size_t width = bp_feature_width(feature);
        if (width > BP_INPUTS_MAX - inputs)
            return bp_fail(error, BP_INVALID, "column \"%.200s\": with it the network would have more than %u inputs",
                           feature->name, (unsigned)BP_INPUTS_MAX);
        feature->first = (uint32_t)inputs;
        inputs += width;
    }
    encoder->inputs = (uint32_t)inputs;
    return inputs ? BP_OK : bp_fail(error, BP_INVALID, "no column is left as an input");
}

/* "column=category"; "missing" and "other" may also be categories: then two inputs have one name. */
static char *name_category(bp_encoder *encoder, const char *column, const char *category, bp_error *error)
{
    size_t left = strlen(column), right = strlen(category);
    char *name = bp_pool_take(&encoder->pool, left + right + 2, error);

    if (!name)
        return NULL;
    memcpy(name, column, left);
    name[left] = '=';
    memcpy(name + left + 1, category, right + 1);
    return name;
}

/* What stands behind the '=' in the name of an input; NULL for the number itself. */
static const char *part_of(const bp_feature *feature, size_t place)
{
    size_t values = feature->categories ? feature->category_count : 1;

    if (place < values)
        return feature->categories ? feature->categories[place] : NULL;
    return place == values && feature->has_missing ? "missing" : "other";
}

static bp_status name_inputs(bp_encoder *encoder, bp_error *error)
{
    encoder->input_names = bp_pool_take_array(&encoder->pool, encoder->inputs, sizeof *encoder->input_names, error);
    if (!encoder->input_names)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < encoder->feature_count; i++) {
        const bp_feature *feature = &encoder->features[i];
        for (size_t place = 0; place < bp_feature_width(feature); place++) {
            const char *part = part_of(feature, place);
            char *name = part ? name_category(encoder, feature->name, part, error) : feature->name;
            if (!name)
                return BP_NO_MEMORY;
            encoder->input_names[feature->first + place] = name;
        }
    }
    return BP_OK;
}

bp_status bp_encoder_finish(bp_encoder *encoder, bp_error *error)
{
    BP_TRY(count_inputs(encoder, error));
    switch (encoder->task) {
    case BP_TASK_BINARY:
        encoder->outputs = 1;
        break;
    case BP_TASK_MULTICLASS:
        encoder->outputs = (uint32_t)encoder->class_count;
        break;
    default:
        encoder->outputs = (uint32_t)encoder->target_count;
    }
    return name_inputs(encoder, error);
}

/* --------------------------------------------------------------------------------------------------------- accessors */

void bp_encoder_describe(const bp_encoder *encoder, bp_encoder_info *info)
{
    *info = (bp_encoder_info){.task = (int32_t)encoder->task,
                              .inputs = encoder->inputs,
                              .outputs = encoder->outputs,
                              .classes = (uint32_t)encoder->class_count,
                              .targets = (uint32_t)encoder->target_count};
}

void bp_encoder_set_threads(bp_encoder *encoder, uint32_t threads)
{
    encoder->threads = threads;
}

const char *bp_encoder_class(const bp_encoder *encoder, uint32_t index)
{
    return index < encoder->class_count ? encoder->classes[index] : NULL;
}

void bp_encoder_settle(const bp_encoder *encoder, uint64_t training_rows, bp_settings *settings)
{
    settings->task = (int32_t)encoder->task;
    if (settings->loss == BP_LOSS_AUTO)
        settings->loss = encoder->task == BP_TASK_REGRESSION ? BP_SQUARED_ERROR
                         : encoder->task == BP_TASK_BINARY   ? BP_BINARY_CROSS_ENTROPY
                                                             : BP_CROSS_ENTROPY;
    if (bp_settings_full_batch(settings))
        settings->batch_size = 0; /* so the model says */
    else if (settings->batch_size == 0)
        settings->batch_size = training_rows;
}

uint32_t bp_encoder_columns(const bp_encoder *encoder)
{
    return (uint32_t)encoder->feature_count;
}

const char *bp_encoder_input(const bp_encoder *encoder, uint32_t index)
{
    return index < encoder->inputs ? encoder->input_names[index] : NULL;
}

const char *bp_encoder_target(const bp_encoder *encoder, uint32_t index)
{
    return index < encoder->target_count ? encoder->targets[index].name : NULL;
}

static BP_OUT_OF_LINE void decode(const bp_encoder *encoder, uint64_t m, double *y)
{
    if (encoder->task != BP_TASK_REGRESSION)
        return;
    for (uint64_t row = 0; row < m; row++)
        for (size_t i = 0; i < encoder->target_count; i++) {
            double *value = &y[row * encoder->target_count + i];
            *value = *value * encoder->targets[i].scale + encoder->targets[i].mean;
        }
}

void bp_encoder_decode(const bp_encoder *encoder, uint64_t m, double *y)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    decode(encoder, m, y);
    bp_float_end(host);
}
