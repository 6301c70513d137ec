/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "encoder.h"
#include "error.h"
#include "json_text.h"
#include "memory.h"
#include "text.h"

static const char *const task_names[] = {"auto", "regression", "binary", "multiclass"};

/* ------------------------------------------------------------------------------------------------------------- writing */

/* Text that grows; the first refusal is kept and the rest passed over, so that writing reads as the format does. */
typedef struct writer {
    bp_allocator allocator;
    void *text;
    size_t capacity;
    size_t used;
    bp_status status;
    bp_error *error;
} writer;

static void put_bytes(writer *w, const char *bytes, size_t size)
{
    if (w->status == BP_OK)
        w->status = bp_grow(&w->allocator, &w->text, &w->capacity, w->used + size, w->error);
    if (w->status != BP_OK)
        return;
    memcpy((char *)w->text + w->used, bytes, size);
    w->used += size;
}

static void put(writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

static void put_text(writer *w, const char *text)
{
    char escaped[8];

    put(w, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else
            snprintf(escaped, sizeof escaped, "%c", c);
        put(w, escaped);
    }
    put(w, "\"");
}

/* JSON's -0 is a whole number, and those are read without a sign at 0. */
static void put_number(writer *w, double value)
{
    char number[32];

    bp_text_f64(value, number);
    put(w, strcmp(number, "-0") == 0 ? "-0.0" : number);
}

static void put_texts(writer *w, char *const *texts, size_t count)
{
    put(w, "[");
    for (size_t i = 0; i < count; i++) {
        put(w, i ? "," : "");
        put_text(w, texts[i]);
    }
    put(w, "]");
}

static void put_numbers(writer *w, const char *key, const double *numbers, size_t count)
{
    put(w, key);
    for (size_t i = 0; i < count; i++) {
        put(w, i ? "," : "[");
        put_number(w, numbers[i]);
    }
    put(w, "]");
}

static void put_scaled(writer *w, const char *name, double mean, double scale)
{
    put(w, "{\"mean\":");
    put_number(w, mean);
    put(w, ",\"name\":");
    put_text(w, name);
    put(w, ",\"scale\":");
    put_number(w, scale);
    put(w, "}");
}

/* What is false, or as the mean says, is left out. */
static void put_number_feature(writer *w, const bp_feature *feature)
{
    put(w, "{");
    if (feature->fill != feature->mean) {
        put(w, "\"fill\":");
        put_number(w, feature->fill);
        put(w, ",");
    }
    put(w, "\"mean\":");
    put_number(w, feature->mean);
    put(w, feature->has_missing ? ",\"missing\":true,\"name\":" : ",\"name\":");
    put_text(w, feature->name);
    put(w, ",\"scale\":");
    put_number(w, feature->scale);
    put(w, "}");
}

static void put_feature(writer *w, const bp_feature *feature)
{
    if (!feature->categories) {
        put_number_feature(w, feature);
        return;
    }
    put(w, "{\"categories\":");
    put_texts(w, feature->categories, feature->category_count);
    put(w, feature->has_missing ? ",\"missing\":true,\"name\":" : ",\"name\":");
    put_text(w, feature->name);
    put(w, feature->has_other ? ",\"other\":true}" : "}");
}

static void put_encoder(writer *w, const bp_encoder *encoder)
{
    put(w, "{\"class_type\":");
    put_text(w, !encoder->class_count ? "none" : encoder->class_values ? "integer" : "text");
    if (encoder->class_weights)
        put_numbers(w, ",\"class_weights\":", encoder->class_weights, encoder->class_count);
    put(w, ",\"classes\":");
    put_texts(w, encoder->classes, encoder->class_count);
    put(w, ",\"inputs\":[");
    for (size_t i = 0; i < encoder->feature_count; i++) {
        put(w, i ? "," : "");
        put_feature(w, &encoder->features[i]);
    }
    put(w, "],\"targets\":[");
    for (size_t i = 0; i < encoder->target_count; i++) {
        put(w, i ? "," : "");
        put_scaled(w, encoder->targets[i].name, encoder->targets[i].mean, encoder->targets[i].scale);
    }
    put(w, "],\"task\":");
    put_text(w, task_names[encoder->task]);
    if (encoder->weight) {
        put(w, ",\"weight\":");
        put_scaled(w, encoder->weight, 0, encoder->weight_mean);
    }
    put(w, "}");
}

bp_status bp_encoder_to_json(const bp_encoder *encoder, const bp_allocator *allocator, char **text, size_t *size, bp_error *error)
{
    writer w = {.allocator = bp_allocator_or_default(allocator), .error = error};
    char *exact = NULL;

    put_encoder(&w, encoder);
    if (w.status == BP_OK) { /* the block that is handed out has the size that it will be given back with */
        exact = bp_allocate(&w.allocator, w.used + 1);
        if (!exact)
            w.status = bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", w.used + 1);
    }
    if (exact) {
        memcpy(exact, w.text, w.used);
        exact[w.used] = 0;
        *text = exact;
        *size = w.used;
    }
    bp_release(&w.allocator, w.text, w.capacity);
    return w.status;
}

/* ------------------------------------------------------------------------------------------------------------- reading */

static bp_status fail(bp_error *error, const char *what)
{
    return bp_fail(error, BP_BAD_FILE, "the encoder is damaged: %s", what);
}

static bp_status get_text(bp_pool *pool, const json_t *value, const char *what, char **text, bp_error *error)
{
    if (!json_is_string(value))
        return fail(error, what);
    *text = bp_pool_text(pool, json_string_value(value), json_string_length(value), error);
    return *text ? BP_OK : BP_NO_MEMORY;
}

static bp_status get_texts(bp_pool *pool, const json_t *list, const char *what, char ***texts, size_t *count, bp_error *error)
{
    if (!json_is_array(list))
        return fail(error, what);
    size_t size = json_array_size(list);
    *texts = bp_pool_take_array(pool, size, sizeof **texts, error);
    if (!*texts)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < size; i++)
        BP_TRY(get_text(pool, json_array_get(list, i), what, &(*texts)[i], error));
    *count = size;
    return BP_OK;
}

static bp_status check_sorted(char *const *texts, size_t count, const char *what, bp_error *error)
{
    for (size_t i = 1; i < count; i++)
        if (strcmp(texts[i - 1], texts[i]) >= 0)
            return fail(error, what);
    return BP_OK;
}

/* No number is infinite: JSON beyond f64 has been refused. */
static bool read_number(const json_t *value, double *number)
{
    *number = json_number_value(value);
    return json_is_number(value);
}

static bp_status get_scaled(bp_pool *pool, const json_t *object, char **name, double *mean, double *scale, bp_error *error)
{
    BP_TRY(get_text(pool, json_object_get(object, "name"), "a column without a name", name, error));
    if (!read_number(json_object_get(object, "mean"), mean) || !read_number(json_object_get(object, "scale"), scale))
        return fail(error, "a column without mean and scale");
    return *scale > 0 ? BP_OK : fail(error, "a scale that cannot be");
}

static bp_status get_flag(const json_t *object, const char *key, bool *flag, bp_error *error)
{
    const json_t *value = json_object_get(object, key);

    *flag = json_is_true(value);
    return !value || *flag || json_typeof(value) == JSON_FALSE ? BP_OK : fail(error, "a flag that is neither true nor false");
}

static bp_status get_number_feature(bp_pool *pool, const json_t *object, bp_feature *feature, bp_error *error)
{
    const json_t *fill = json_object_get(object, "fill");

    BP_TRY(get_scaled(pool, object, &feature->name, &feature->mean, &feature->scale, error));
    feature->fill = feature->mean;
    return !fill || read_number(fill, &feature->fill) ? BP_OK : fail(error, "a fill that is no number");
}

static bp_status get_feature(bp_pool *pool, const json_t *object, bp_feature *feature, bp_error *error)
{
    const json_t *categories = json_object_get(object, "categories");

    BP_TRY(get_flag(object, "missing", &feature->has_missing, error));
    if (!categories)
        return get_number_feature(pool, object, feature, error);
    feature->scale = 1;
    BP_TRY(get_flag(object, "other", &feature->has_other, error));
    BP_TRY(get_text(pool, json_object_get(object, "name"), "a column without a name", &feature->name, error));
    BP_TRY(
        get_texts(pool, categories, "categories that are no list of texts", &feature->categories, &feature->category_count, error));
    return check_sorted(feature->categories, feature->category_count, "categories that are not sorted", error);
}

static bp_status get_features(bp_encoder *encoder, const json_t *list, bp_error *error)
{
    size_t count = json_array_size(list);

    if (!count)
        return fail(error, "no inputs");
    encoder->features = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->features, error);
    if (!encoder->features)
        return BP_NO_MEMORY;
    memset(encoder->features, 0, count * sizeof *encoder->features);
    encoder->feature_count = count;
    for (size_t i = 0; i < count; i++)
        BP_TRY(get_feature(&encoder->pool, json_array_get(list, i), &encoder->features[i], error));
    return BP_OK;
}

static bp_status get_targets(bp_encoder *encoder, const json_t *list, bp_error *error)
{
    size_t count = json_array_size(list);

    if (!count || count > BP_INPUTS_MAX)
        return fail(error, "no targets, or too many");
    encoder->targets = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->targets, error);
    if (!encoder->targets)
        return BP_NO_MEMORY;
    encoder->target_count = count;
    for (size_t i = 0; i < count; i++) {
        bp_target *target = &encoder->targets[i];
        BP_TRY(get_scaled(&encoder->pool, json_array_get(list, i), &target->name, &target->mean, &target->scale, error));
    }
    return BP_OK;
}

static bp_status get_class_values(bp_encoder *encoder, bp_error *error)
{
    size_t count = encoder->class_count;

    encoder->class_values = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->class_values, error);
    if (!encoder->class_values)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const char *name = encoder->classes[i];
        if (!bp_text_parse_f64(name, strlen(name), &encoder->class_values[i]) ||
            (i && encoder->class_values[i - 1] >= encoder->class_values[i]))
            return fail(error, "classes that are no ascending whole numbers");
    }
    return BP_OK;
}

static bp_status get_classes(bp_encoder *encoder, const json_t *root, bp_error *error)
{
    const char *type = json_string_value(json_object_get(root, "class_type"));
    const char *what = "classes that are no list of texts";

    BP_TRY(get_texts(&encoder->pool, json_object_get(root, "classes"), what, &encoder->classes, &encoder->class_count, error));
    if (encoder->task == BP_TASK_REGRESSION)
        return encoder->class_count ? fail(error, "a regression with classes") : BP_OK;
    if (encoder->class_count < 2 || encoder->class_count > BP_CLASSES_MAX || encoder->target_count != 1 ||
        (encoder->task == BP_TASK_BINARY && encoder->class_count != 2))
        return fail(error, "classes that do not fit the task");
    if (type && strcmp(type, "integer") == 0)
        return get_class_values(encoder, error);
    return check_sorted(encoder->classes, encoder->class_count, "classes that are not sorted", error);
}

static bp_status get_class_weights(bp_encoder *encoder, const json_t *list, bp_error *error)
{
    size_t count = encoder->class_count;

    if (!list)
        return BP_OK;
    if (json_typeof(list) != JSON_ARRAY || json_array_size(list) != count || count == 0)
        return fail(error, "weights that are not one for each class");
    encoder->class_weights = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->class_weights, error);
    if (!encoder->class_weights)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        double *weight = &encoder->class_weights[i];
        if (!read_number(json_array_get(list, i), weight) || *weight < 0)
            return fail(error, "a class's weight that cannot be");
    }
    return BP_OK;
}

static bp_status get_task(bp_encoder *encoder, const json_t *value, bp_error *error)
{
    const char *name = json_string_value(value);

    for (int task = BP_TASK_REGRESSION; name && task <= BP_TASK_MULTICLASS; task++)
        if (strcmp(name, task_names[task]) == 0) {
            encoder->task = (bp_task)task;
            return BP_OK;
        }
    return fail(error, "no task that is known");
}

static bp_status get_encoder(bp_encoder *encoder, const json_t *root, bp_error *error)
{
    const json_t *weight = json_object_get(root, "weight");
    double zero;

    BP_TRY(get_task(encoder, json_object_get(root, "task"), error));
    BP_TRY(get_features(encoder, json_object_get(root, "inputs"), error));
    BP_TRY(get_targets(encoder, json_object_get(root, "targets"), error));
    BP_TRY(get_classes(encoder, root, error));
    BP_TRY(get_class_weights(encoder, json_object_get(root, "class_weights"), error));
    if (weight)
        BP_TRY(get_scaled(&encoder->pool, weight, &encoder->weight, &zero, &encoder->weight_mean, error));
    bp_status status = bp_encoder_finish(encoder, error);
    return status == BP_INVALID ? fail(error, "no inputs, or too many") : status;
}

bp_status bp_encoder_from_json(const char *text, size_t size, const bp_allocator *allocator, bp_encoder **result, bp_error *error)
{
    bp_encoder *encoder;
    json_error_t cause;
    json_t *root;
    bp_status status = bp_json_parse(text, size, &root, &cause);

    if (status == BP_NO_MEMORY)
        return bp_fail(error, BP_NO_MEMORY, "memory for the encoder's %zu bytes was refused", size);
    if (status != BP_OK)
        return bp_fail(error, BP_BAD_FILE, "the encoder is damaged: %s", cause.text);
    status = bp_encoder_new(allocator, &encoder, error);
    if (status == BP_OK) {
        status = get_encoder(encoder, root, error);
        if (status == BP_OK)
            *result = encoder;
        else
            bp_encoder_free(encoder);
    }
    json_decref(root);
    return status;
}
