/* SPDX-License-Identifier: Apache-2.0 */
#include "encoder_bind.h"

#include <stdio.h>
#include <string.h>

#include "encoder_column.h"
#include "entries.h"
#include "error.h"
#include "text.h"

#define LISTED 500 /* bytes of column names in a message */

/* ----------------------------------------------------------------------------------------------------- finding columns */

static bp_status fail_missing(const bp_bound *a, bp_error *error)
{
    const bp_encoder *encoder = a->encoder;
    char names[LISTED] = "";
    size_t used = 0, missing = 0;

    for (size_t i = 0; i < encoder->feature_count; i++) {
        const char *name = encoder->features[i].name;
        if (a->features[i].column)
            continue;
        missing++;
        if (used + strlen(name) + 8 < LISTED) {
            used += (size_t)snprintf(names + used, LISTED - used, "%s%s", used ? ", " : "", name);
        } else if (used < LISTED) {
            strcpy(names + used, ", ...");
            used = LISTED;
        }
    }
    return bp_fail(error, BP_BAD_FILE, "%s: %zu of %zu input columns are missing: %s", a->dataset->path, missing,
                   encoder->feature_count, names);
}

/* Columns that only have places fit all together or not at all: 28 x 28 images are not the first part of larger ones. */
static bp_status check_count(const bp_bound *a, bp_error *error)
{
    size_t found = 0;

    if (!a->dataset->numbered)
        return BP_OK;
    for (size_t i = 0; i < a->dataset->column_count; i++)
        found += a->dataset->columns[i].role == BP_ROLE_INPUT;
    if (found == a->encoder->feature_count)
        return BP_OK;
    return bp_fail(error, BP_BAD_FILE, "%s: %zu columns expected, %zu found", a->dataset->path, a->encoder->feature_count, found);
}

static bp_status find_features(bp_bound *a, bp_error *error)
{
    bool complete = true;

    BP_TRY(check_count(a, error));
    for (size_t i = 0; i < a->encoder->feature_count; i++) {
        const char *name = a->encoder->features[i].name;
        const bp_column *column = a->dataset->entries ? bp_entries_find(a->dataset, name) : bp_dataset_find(a->dataset, name, i);
        a->features[i] = (bp_binding){.column = column};
        complete = complete && a->features[i].column;
    }
    return complete ? BP_OK : fail_missing(a, error);
}

static bp_status find_targets(bp_bound *a, bp_error *error)
{
    const bp_encoder *encoder = a->encoder;

    for (size_t i = 0; i < encoder->target_count; i++) {
        const bp_column *column = bp_dataset_find(a->dataset, encoder->targets[i].name, encoder->feature_count + i);
        if (!column)
            return bp_fail(error, BP_BAD_FILE, "%s: the target column \"%.200s\" is missing%s", a->dataset->path,
                           encoder->targets[i].name,
                           a->dataset->numbered ? "; --target-file says where targets are in a file of their own" : "");
        a->targets[i] = (bp_binding){.column = column};
    }
    if (encoder->weight) /* a file without weights counts every row alike */
        a->weight = bp_dataset_find(a->dataset, encoder->weight, 0);
    a->weighs = a->weight || encoder->class_weights;
    return BP_OK;
}

/* -------------------------------------------------------------------------------------------------- categories, classes */

/* The place of `text` among names sorted by bytes, -1 where it is none. */
static int32_t find_name(char *const *names, size_t count, const char *text)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names[middle], text);
        if (order == 0)
            return (int32_t)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static int32_t find_class(const bp_encoder *encoder, const char *text)
{
    double value;

    if (!encoder->class_values)
        return find_name(encoder->classes, encoder->class_count, text);
    return bp_text_parse_f64(text, strlen(text), &value) ? bp_place_of_number(encoder->class_values, encoder->class_count, value)
                                                         : -1;
}

static int32_t find_category(const bp_feature *feature, const char *text)
{
    int32_t found = find_name(feature->categories, feature->category_count, text);
    return found >= 0 ? found : bp_feature_other(feature);
}

int32_t bp_bound_category(const bp_bound *a, size_t feature, uint64_t row, bp_strange *strange)
{
    const bp_feature *f = &a->encoder->features[feature];
    const bp_binding *b = &a->features[feature];
    char number[32];
    const char *text = bp_column_text(b->column, row, number);

    if (!*text) {
        strange->missing += !f->has_missing;
        return bp_feature_missing(f);
    }
    int32_t place = b->map ? b->map[bp_column_code(b->column, row)] : find_category(f, text);
    strange->categories += place < 0;
    return place;
}

int32_t bp_bound_class(const bp_bound *a, uint64_t row)
{
    const bp_encoder *encoder = a->encoder;
    const bp_binding *b = &a->targets[0];

    char number[32];

    if (b->map) {
        int32_t code = bp_column_code(b->column, row);
        return code < 0 ? -1 : b->map[code];
    }
    if (encoder->class_values)
        return bp_place_of_number(encoder->class_values, encoder->class_count, bp_column_number(b->column, row));
    return find_name(encoder->classes, encoder->class_count, bp_column_text(b->column, row, number));
}

static bp_status make_map(bp_bound *a, bp_binding *b, bp_error *error)
{
    if (!b->column->categorical)
        return BP_OK;
    b->map = bp_pool_take_array(&a->pool, b->column->category_count, sizeof *b->map, error);
    return b->map ? BP_OK : BP_NO_MEMORY;
}

static bp_status map_feature(bp_bound *a, const bp_feature *feature, bp_binding *b, bp_error *error)
{
    if (!feature->categories)
        return BP_OK;
    BP_TRY(make_map(a, b, error));
    for (size_t i = 0; b->map && i < b->column->category_count; i++)
        b->map[i] = find_category(feature, b->column->categories[i]);
    return BP_OK;
}

static bp_status map_target(bp_bound *a, bp_error *error)
{
    bp_binding *b = &a->targets[0];

    if (!a->encoder->class_count)
        return BP_OK;
    BP_TRY(make_map(a, b, error));
    for (size_t i = 0; b->map && i < b->column->category_count; i++)
        b->map[i] = find_class(a->encoder, b->column->categories[i]);
    return BP_OK;
}

/* Numbers were learned, but the column has text: name the first row that is to blame. */
static bp_status refuse_text(const bp_bound *a, const bp_column *column, bp_error *error)
{
    double value;

    for (uint64_t row = 0; row < a->dataset->rows; row++) {
        int32_t code = bp_column_code(column, row);
        const char *text = code < 0 ? "" : column->categories[code];
        if (code >= 0 && !bp_text_parse_f64(text, strlen(text), &value))
            return bp_dataset_fail(a->dataset, row, error, "column \"%.200s\": \"%.100s\" where the model learned numbers",
                                   column->name, text);
    }
    return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" is categorical where the model learned numbers", a->dataset->path,
                   column->name);
}

static bp_status check_kinds(const bp_bound *a, bp_error *error)
{
    for (size_t i = 0; i < a->encoder->feature_count; i++)
        if (!a->encoder->features[i].categories && a->features[i].column->categorical)
            return refuse_text(a, a->features[i].column, error);
    for (size_t i = 0; a->with_targets && i < a->encoder->target_count; i++)
        if (!a->encoder->class_count && a->targets[i].column->categorical)
            return refuse_text(a, a->targets[i].column, error);
    if (a->weight && a->weight->categorical)
        return refuse_text(a, a->weight, error);
    return BP_OK;
}

/* Numbers of one type beside each other in the order of the features. */
static bool is_matrix(const bp_bound *a)
{
    const bp_column *first = a->features[0].column;
    size_t size = bp_type_size(first->type);

    if (first->entries)
        return false;
    for (size_t i = 0; i < a->encoder->feature_count; i++) {
        const bp_column *column = a->features[i].column;
        if (a->encoder->features[i].categories || a->encoder->features[i].has_missing || column->categorical ||
            column->type != first->type || column->stride != first->stride || column->data != (const char *)first->data + i * size)
            return false;
    }
    return true;
}

/* Bytes that are all divided by the same number: no copy is needed. */
static bool can_borrow(const bp_bound *a)
{
    double scale = a->encoder->features[0].scale;

    for (size_t i = 0; i < a->encoder->feature_count; i++)
        if (a->encoder->features[i].mean != 0 || a->encoder->features[i].scale != scale)
            return false;
    return a->matrix && a->features[0].column->type == BP_TYPE_U8 && (double)(float)scale == scale;
}

bp_status bp_encoder_bind(bp_bound *a, bp_error *error)
{
    size_t features = a->encoder->feature_count;

    a->features = bp_pool_take_array(&a->pool, features, sizeof *a->features, error);
    a->targets = a->features ? bp_pool_take_array(&a->pool, a->encoder->target_count, sizeof *a->targets, error) : NULL;
    if (!a->targets)
        return BP_NO_MEMORY;
    BP_TRY(find_features(a, error));
    if (a->with_targets)
        BP_TRY(find_targets(a, error));
    BP_TRY(check_kinds(a, error));
    for (size_t i = 0; i < features; i++)
        BP_TRY(map_feature(a, &a->encoder->features[i], &a->features[i], error));
    if (a->with_targets)
        BP_TRY(map_target(a, error));
    a->matrix = is_matrix(a);
    a->borrow = can_borrow(a);
    return BP_OK;
}
