/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "encoder_column.h"
#include "error.h"
#include "float_state.h"
#include "settings.h"

typedef struct fitting {
    bp_encoder *encoder;
    const bp_dataset *dataset;
    bp_rows rows;
    bp_scale scale;
    bp_task task;       /* as asked for */
    bp_byte_sums *sums; /* of the columns beside the last one */
} fitting;

static size_t count_role(const bp_dataset *dataset, bp_role role)
{
    size_t count = 0;

    for (size_t i = 0; i < dataset->column_count; i++)
        count += dataset->columns[i].role == role;
    return count;
}

static const bp_column *first_of_role(const bp_dataset *dataset, bp_role role)
{
    for (size_t i = 0; i < dataset->column_count; i++)
        if (dataset->columns[i].role == role)
            return &dataset->columns[i];
    return NULL;
}

static char *copy_name(bp_encoder *encoder, const char *name, bp_error *error)
{
    return bp_pool_text(&encoder->pool, name, strlen(name), error);
}

/* ------------------------------------------------------------------------------------------------------------- inputs */

static bp_status fit_feature(const fitting *f, const bp_column *column, bp_feature *feature, bp_error *error)
{
    bp_encoder *encoder = f->encoder;

    feature->name = copy_name(encoder, column->name, error);
    if (!feature->name)
        return BP_NO_MEMORY;
    feature->scale = 1;
    if (column->categorical)
        return bp_column_fit_categories(&encoder->pool, column, f->rows, &feature->categories, &feature->category_count, error);
    return bp_column_fit_scale(f->dataset, column, f->rows, f->scale, f->sums, &feature->mean, &feature->scale, error);
}

static bp_status fit_features(const fitting *f, bp_error *error)
{
    bp_encoder *encoder = f->encoder;
    size_t count = count_role(f->dataset, BP_ROLE_INPUT);

    if (!count)
        return bp_fail(error, BP_INVALID, "%s: no column is left as an input", f->dataset->path);
    encoder->features = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->features, error);
    if (!encoder->features)
        return BP_NO_MEMORY;
    memset(encoder->features, 0, count * sizeof *encoder->features);
    for (size_t i = 0; i < f->dataset->column_count; i++)
        if (f->dataset->columns[i].role == BP_ROLE_INPUT)
            BP_TRY(fit_feature(f, &f->dataset->columns[i], &encoder->features[encoder->feature_count++], error));
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------------ targets */

static bp_status check_target(const fitting *f, const bp_column *column, bp_error *error)
{
    for (uint64_t i = 0; column->has_missing && i < f->rows.count; i++) {
        uint64_t row = bp_rows_at(f->rows, i);
        if (column->categorical ? bp_column_code(column, row) < 0 : bp_column_number(column, row) != bp_column_number(column, row))
            return bp_dataset_fail(f->dataset, row, error, "column \"%.200s\": the target is missing", column->name);
    }
    return BP_OK;
}

static bp_status refuse_text(const fitting *f, const bp_column *column, bp_error *error)
{
    const char *why =
        f->task == BP_TASK_REGRESSION ? "a regression needs numbers" : "several targets are a regression, which needs numbers";

    return bp_fail(error, BP_INVALID, "%s: target \"%.200s\" holds text such as \"%.100s\": %s", f->dataset->path, column->name,
                   column->category_count ? column->categories[0] : "", why);
}

/* A regression's targets are standardised under every rule but none, so that the loss has a scale that the defaults know. */
static bp_status fit_regression(const fitting *f, bp_error *error)
{
    bp_encoder *encoder = f->encoder;
    bp_scale rule = f->scale == BP_SCALE_NONE ? BP_SCALE_NONE : BP_SCALE_STANDARD;
    size_t next = 0;

    encoder->task = BP_TASK_REGRESSION;
    for (size_t i = 0; i < f->dataset->column_count; i++) {
        const bp_column *column = &f->dataset->columns[i];
        if (column->role != BP_ROLE_TARGET)
            continue;
        if (column->categorical)
            return refuse_text(f, column, error);
        bp_target *target = &encoder->targets[next++];
        BP_TRY(bp_column_fit_scale(f->dataset, column, f->rows, rule, f->sums, &target->mean, &target->scale, error));
    }
    return BP_OK;
}

static bp_status check_classes(const fitting *f, const bp_column *column, bp_error *error)
{
    const bp_encoder *encoder = f->encoder;
    const char *path = f->dataset->path;

    if (encoder->class_count < 2)
        return bp_fail(error, BP_BAD_FILE, "%s: target \"%.200s\" is \"%.100s\" in every row: one class teaches nothing", path,
                       column->name, encoder->classes[0]);
    if (encoder->class_count > BP_CLASSES_MAX)
        return bp_fail(error, BP_BAD_FILE, "%s: target \"%.200s\" has %zu classes, more than %zu", path, column->name,
                       encoder->class_count, BP_CLASSES_MAX);
    if (f->task == BP_TASK_BINARY && encoder->class_count > 2)
        return bp_fail(error, BP_INVALID, "%s: target \"%.200s\" has %zu classes (\"%.50s\", \"%.50s\", \"%.50s\"...): not binary",
                       path, column->name, encoder->class_count, encoder->classes[0], encoder->classes[1], encoder->classes[2]);
    return BP_OK;
}

static bp_status fit_classes(const fitting *f, bp_error *error)
{
    bp_encoder *encoder = f->encoder;
    const bp_column *column = first_of_role(f->dataset, BP_ROLE_TARGET);

    if (encoder->target_count > 1)
        return bp_fail(error, BP_INVALID, "%s: %zu targets, but classes come from one", f->dataset->path, encoder->target_count);
    if (column->categorical)
        BP_TRY(bp_column_fit_categories(&encoder->pool, column, f->rows, &encoder->classes, &encoder->class_count, error));
    else
        BP_TRY(bp_column_fit_integers(&encoder->pool, f->dataset, column, f->rows, &encoder->class_values, &encoder->classes,
                                      &encoder->class_count, error));
    BP_TRY(check_classes(f, column, error));
    encoder->task = f->task != BP_TASK_AUTO ? f->task : encoder->class_count == 2 ? BP_TASK_BINARY : BP_TASK_MULTICLASS;
    return BP_OK;
}

static bool has_classes(const fitting *f)
{
    if (f->task != BP_TASK_AUTO)
        return f->task != BP_TASK_REGRESSION;
    return f->encoder->target_count == 1 && (f->dataset->integer_classes || first_of_role(f->dataset, BP_ROLE_TARGET)->categorical);
}

static bp_status fit_targets(const fitting *f, bp_error *error)
{
    bp_encoder *encoder = f->encoder;
    size_t count = count_role(f->dataset, BP_ROLE_TARGET);

    if (!count)
        return bp_fail(error, BP_INVALID, "%s: no column is the target", f->dataset->path);
    encoder->targets = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->targets, error);
    if (!encoder->targets)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < f->dataset->column_count; i++) {
        const bp_column *column = &f->dataset->columns[i];
        if (column->role != BP_ROLE_TARGET)
            continue;
        BP_TRY(check_target(f, column, error));
        char *name = copy_name(encoder, column->name, error);
        if (!name)
            return BP_NO_MEMORY;
        encoder->targets[encoder->target_count++] = (bp_target){.name = name, .scale = 1};
    }
    return has_classes(f) ? fit_classes(f, error) : fit_regression(f, error);
}

/* ------------------------------------------------------------------------------------------------------------ weights */

static bp_status fit_weight(const fitting *f, bp_error *error)
{
    bp_encoder *encoder = f->encoder;
    const bp_column *column = first_of_role(f->dataset, BP_ROLE_WEIGHT);

    if (!column)
        return BP_OK;
    if (count_role(f->dataset, BP_ROLE_WEIGHT) > 1)
        return bp_fail(error, BP_INVALID, "%s: more than one column of weights", f->dataset->path);
    if (column->categorical)
        return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" of weights holds text such as \"%.100s\"", f->dataset->path,
                       column->name, column->category_count ? column->categories[0] : "");
    encoder->weight = copy_name(encoder, column->name, error);
    if (!encoder->weight)
        return BP_NO_MEMORY;
    return bp_column_fit_weight(f->dataset, column, f->rows, &encoder->weight_mean, error);
}

/* ---------------------------------------------------------------------------------------------------------------- all */

static bp_status check_rows(const bp_dataset *dataset, bp_rows rows, bp_error *error)
{
    if (!rows.count)
        return bp_fail(error, BP_INVALID, "%s: no rows to fit on", dataset->path);
    for (uint64_t i = 0; rows.index && i < rows.count; i++)
        if (rows.index[i] >= dataset->rows)
            return bp_fail(error, BP_INVALID, "%s: row %llu was chosen of %llu rows", dataset->path,
                           (unsigned long long)rows.index[i], (unsigned long long)dataset->rows);
    return BP_OK;
}

static bp_status fit_all(const fitting *f, bp_error *error)
{
    BP_TRY(fit_targets(f, error));
    BP_TRY(fit_features(f, error));
    BP_TRY(fit_weight(f, error));
    return bp_encoder_finish(f->encoder, error);
}

static BP_OUT_OF_LINE bp_status fit(const bp_dataset *dataset, bp_rows rows, const bp_settings *settings,
                                    const bp_allocator *allocator, bp_encoder **result, bp_error *error)
{
    bp_byte_sums sums = {.count = 0};
    fitting f = {.dataset = dataset, .rows = rows, .sums = &sums};
    bp_settings full;

    bp_settings_complete(settings, &full);
    f.scale = (bp_scale)full.scale;
    f.task = (bp_task)full.task;
    if (!rows.index)
        f.rows.count = dataset->rows;
    BP_TRY(check_rows(dataset, f.rows, error));
    BP_TRY(bp_encoder_new(allocator, &f.encoder, error));
    bp_status status = fit_all(&f, error);
    if (status != BP_OK) {
        bp_encoder_free(f.encoder);
        return status;
    }
    *result = f.encoder;
    return BP_OK;
}

bp_status bp_encoder_fit(const bp_dataset *dataset, bp_rows rows, const bp_settings *settings, const bp_allocator *allocator,
                         bp_encoder **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = fit(dataset, rows, settings, allocator, result, error);
    bp_float_end(host);
    return status;
}
