/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "encoder_classes.h"
#include "entries.h"
#include "error.h"
#include "fitting.h"
#include "float_state.h"
#include "memory.h"
#include "settings.h"

#define TWICE 2 /* times that a category has to occur for an input of its own */

struct bp_fitting {
    bp_allocator allocator;
    const bp_dataset *shape;
    bp_encoder *encoder; /* with names at first, with numbers at the end */
    bp_statistics *statistics;
    bp_integers integers;   /* classes */
    const bp_column *class; /* the column of classes; NULL in a regression */
    const bp_column *weight;
    const char *class_weight; /* the setting; empty: all alike */
    bp_class_tally tally;     /* of the second pass, with class weights */
    unsigned passes;          /* that are over */
    bool refines;             /* statistics want the running pass */
    bp_scale scale;
    bp_task task; /* as asked for */
    bool counts;  /* targets are 0 or more, and stay as they are: loss poisson */
    uint64_t most_categories;
    double *magnitudes; /* [column_count], of columns with entries; NULL where there are none */
};

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

static const bp_column_statistics *found_in(const bp_fitting *f, const bp_column *column)
{
    return &f->statistics->columns[column - f->shape->columns];
}

/* A regression's targets are standardised under every rule but none, so that the loss has a scale that the defaults know. */
static bp_scale target_scale(const bp_fitting *f)
{
    return f->scale == BP_SCALE_NONE || f->counts ? BP_SCALE_NONE : BP_SCALE_STANDARD;
}

/* -------------------------------------------------------------------------------------------------------- before the rows */

static bp_status name_features(const bp_fitting *f, bp_error *error)
{
    bp_encoder *encoder = f->encoder;
    size_t count = count_role(f->shape, BP_ROLE_INPUT);

    if (!count)
        return bp_fail(error, BP_INVALID, "%s: no column is left as an input", f->shape->path);
    encoder->features = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->features, error);
    if (!encoder->features)
        return BP_NO_MEMORY;
    memset(encoder->features, 0, count * sizeof *encoder->features);
    for (size_t i = 0; i < f->shape->column_count; i++) {
        const bp_column *column = &f->shape->columns[i];
        if (column->role != BP_ROLE_INPUT)
            continue;
        char *name = copy_name(encoder, column->name, error);
        if (!name)
            return BP_NO_MEMORY;
        encoder->features[encoder->feature_count++] = (bp_feature){.name = name, .scale = 1};
    }
    return BP_OK;
}

static bp_status name_targets(const bp_fitting *f, bp_error *error)
{
    bp_encoder *encoder = f->encoder;
    size_t count = count_role(f->shape, BP_ROLE_TARGET);

    if (!count)
        return bp_fail(error, BP_INVALID, "%s: no column is the target", f->shape->path);
    encoder->targets = bp_pool_take_array(&encoder->pool, count, sizeof *encoder->targets, error);
    if (!encoder->targets)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < f->shape->column_count; i++) {
        const bp_column *column = &f->shape->columns[i];
        if (column->role != BP_ROLE_TARGET)
            continue;
        char *name = copy_name(encoder, column->name, error);
        if (!name)
            return BP_NO_MEMORY;
        encoder->targets[encoder->target_count++] = (bp_target){.name = name, .scale = 1};
    }
    return BP_OK;
}

static bp_status refuse_text(const bp_fitting *f, const bp_column *column, bp_error *error)
{
    const char *why =
        f->task == BP_TASK_REGRESSION ? "a regression needs numbers" : "several targets are a regression, which needs numbers";

    return bp_fail(error, BP_INVALID, "%s: target \"%.200s\" holds text such as \"%.100s\": %s", f->shape->path, column->name,
                   column->category_count ? column->categories[0] : "", why);
}

static bool has_classes(const bp_fitting *f)
{
    if (f->task != BP_TASK_AUTO)
        return f->task != BP_TASK_REGRESSION;
    return f->encoder->target_count == 1 && (f->shape->integer_classes || first_of_role(f->shape, BP_ROLE_TARGET)->categorical);
}

static bp_status choose_task(bp_fitting *f, bp_error *error)
{
    if (!has_classes(f) && *f->class_weight)
        return bp_fail(error, BP_INVALID, "%s: class-weight has no effect: the target is taken as numbers, not as classes",
                       f->shape->path);
    if (has_classes(f)) {
        f->class = first_of_role(f->shape, BP_ROLE_TARGET);
        return f->encoder->target_count == 1 ? BP_OK
                                             : bp_fail(error, BP_INVALID, "%s: %zu targets, but classes come from one",
                                                       f->shape->path, f->encoder->target_count);
    }
    f->encoder->task = BP_TASK_REGRESSION;
    for (size_t i = 0; i < f->shape->column_count; i++)
        if (f->shape->columns[i].role == BP_ROLE_TARGET && f->shape->columns[i].categorical)
            return refuse_text(f, &f->shape->columns[i], error);
    return BP_OK;
}

static bp_status name_weight(bp_fitting *f, bp_error *error)
{
    const bp_column *column = first_of_role(f->shape, BP_ROLE_WEIGHT);

    if (!column)
        return BP_OK;
    if (count_role(f->shape, BP_ROLE_WEIGHT) > 1)
        return bp_fail(error, BP_INVALID, "%s: more than one column of weights", f->shape->path);
    if (column->categorical)
        return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\" of weights holds text such as \"%.100s\"", f->shape->path,
                       column->name, column->category_count ? column->categories[0] : "");
    f->weight = column;
    f->encoder->weight = copy_name(f->encoder, column->name, error);
    return f->encoder->weight ? BP_OK : BP_NO_MEMORY;
}

/* What has to be known of a column, as a sum of BP_WANT_ and BP_REFUSE_. */
static unsigned want_numbers(const bp_column *column, bp_scale rule)
{
    if (column->entries || !bp_column_needs_range(column, rule))
        return 0;
    return BP_WANT_VALUES | BP_REFUSE_INFINITE | (bp_column_needs_deviation(column, rule) ? BP_WANT_DEVIATION : 0);
}

static unsigned want_of(const bp_fitting *f, const bp_column *column)
{
    switch (column->role) {
    case BP_ROLE_INPUT:
        return column->categorical ? BP_WANT_VALUES : want_numbers(column, f->scale);
    case BP_ROLE_TARGET:
        if (f->class)
            return column->categorical ? BP_WANT_VALUES | BP_REFUSE_MISSING : 0;
        return BP_REFUSE_MISSING | want_numbers(column, target_scale(f)) |
               (f->counts ? (unsigned)BP_WANT_VALUES | BP_REFUSE_NEGATIVE : 0u);
    case BP_ROLE_WEIGHT:
        return BP_WANT_VALUES | BP_REFUSE_MISSING | BP_REFUSE_INFINITE | BP_REFUSE_NEGATIVE;
    default:
        return 0;
    }
}

static bp_status start_statistics(bp_fitting *f, unsigned threads, bp_error *error)
{
    size_t count = f->shape->column_count, bytes = count * sizeof(unsigned);
    unsigned *want = bp_allocate(&f->allocator, bytes);

    if (!want)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    for (size_t i = 0; i < count; i++)
        want[i] = want_of(f, &f->shape->columns[i]);
    bp_status status = bp_statistics_create(f->shape, want, threads, &f->allocator, &f->statistics, error);
    bp_release(&f->allocator, want, bytes);
    return status;
}

static bp_status start(bp_fitting *f, const bp_settings *settings, bp_error *error)
{
    bp_settings full;

    bp_settings_complete(settings, &full);
    f->scale = (bp_scale)full.scale;
    f->task = (bp_task)full.task;
    f->counts = full.loss == BP_POISSON;
    f->most_categories = full.max_categories;
    f->integers.allocator = f->tally.allocator = f->allocator;
    f->refines = true;
    BP_TRY(bp_encoder_new(&f->allocator, &f->encoder, error));
    bp_encoder_set_threads(f->encoder, full.threads);
    f->class_weight = bp_pool_text(&f->encoder->pool, full.class_weight, strlen(full.class_weight), error);
    if (!f->class_weight)
        return BP_NO_MEMORY;
    BP_TRY(name_targets(f, error));
    BP_TRY(choose_task(f, error));
    BP_TRY(name_features(f, error));
    BP_TRY(name_weight(f, error));
    if (f->shape->entries)
        BP_TRY(bp_entries_begin(f->shape, f->scale, &f->allocator, &f->magnitudes, error));
    return start_statistics(f, full.threads, error);
}

static BP_OUT_OF_LINE bp_status create(const bp_dataset *shape, const bp_settings *settings, const bp_allocator *allocator,
                                       bp_fitting **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_fitting *f = bp_allocate_zeroed(&memory, sizeof *f);

    if (!f)
        return bp_fail(error, BP_NO_MEMORY, "memory for an encoder was refused");
    f->allocator = memory;
    f->shape = shape;
    bp_status status = start(f, settings, error);
    if (status != BP_OK) {
        bp_fitting_free(f);
        return status;
    }
    *result = f;
    return BP_OK;
}

bp_status bp_fitting_create(const bp_dataset *shape, const bp_settings *settings, const bp_allocator *allocator,
                            bp_fitting **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = create(shape, settings, allocator, result, error);
    bp_float_end(host);
    return status;
}

void bp_fitting_free(bp_fitting *f)
{
    if (!f)
        return;
    bp_allocator memory = f->allocator;
    bp_encoder_free(f->encoder);
    bp_statistics_free(f->statistics);
    bp_integers_release(&f->integers);
    bp_class_tally_release(&f->tally);
    bp_release(&memory, f->magnitudes, f->shape->column_count * sizeof *f->magnitudes);
    bp_release(&memory, f, sizeof *f);
}

/* --------------------------------------------------------------------------------------------------------------- the rows */

static BP_OUT_OF_LINE bp_status add_classes(bp_fitting *f, const bp_dataset *block, bp_rows rows, bp_error *error)
{
    if (!f->class || (f->passes == 0 && f->class->categorical) || (f->passes && !*f->class_weight))
        return BP_OK;
    size_t class = (size_t)(f->class - f->shape->columns);
    if (f->passes == 0)
        return bp_integers_add(&f->integers, block, class, rows, error);
    const bp_column *weight = f->weight ? &block->columns[f->weight - f->shape->columns] : NULL;
    return bp_class_tally_add(&f->tally, &f->integers, &block->columns[class], weight, rows, error);
}

bp_status bp_fitting_add(bp_fitting *f, const bp_dataset *block, bp_rows rows, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = add_classes(f, block, rows, error);
    if (f->magnitudes)
        bp_entries_magnitudes(block->entries, rows, f->magnitudes);
    bp_float_end(host);
    return status == BP_OK && f->refines ? bp_statistics_add(f->statistics, block, rows, error) : status;
}

bool bp_fitting_again(bp_fitting *f)
{
    if (f->refines)
        f->refines = bp_statistics_next(f->statistics);
    f->passes++;
    return f->refines || (f->passes == 1 && *f->class_weight);
}

/* --------------------------------------------------------------------------------------------------------- after the rows */

static bp_status end_targets(const bp_fitting *f, bp_error *error)
{
    bp_target *target = f->encoder->targets;
    bp_scaling scaling;

    if (f->class)
        return bp_classes_take(f->encoder, f->shape, f->class, found_in(f, f->class), &f->integers, f->task, error);
    for (size_t i = 0; i < f->shape->column_count; i++) {
        const bp_column *column = &f->shape->columns[i];
        if (column->role != BP_ROLE_TARGET)
            continue;
        BP_TRY(bp_column_scale(f->shape->path, column, found_in(f, column), target_scale(f), &scaling, error));
        target->mean = scaling.mean;
        target->scale = scaling.scale;
        target++;
    }
    return BP_OK;
}

static bp_status end_feature(const bp_fitting *f, const bp_column *column, bp_feature *feature, bp_error *error)
{
    const bp_column_statistics *found = found_in(f, column);
    bp_scaling scaling;

    if (column->entries) {
        if (f->scale == BP_SCALE_AUTO && f->magnitudes[column->place] > 0)
            feature->scale = f->magnitudes[column->place];
        return BP_OK;
    }
    feature->has_missing = found->missing > 0;
    if (column->categorical) {
        for (size_t i = 0; i < column->category_count; i++)
            feature->has_other = feature->has_other || (found->counts[i] > 0 && found->counts[i] < TWICE);
        return bp_column_categories(&f->encoder->pool, column, found, TWICE, &feature->categories, &feature->category_count, error);
    }
    BP_TRY(bp_column_scale(f->shape->path, column, found, f->scale, &scaling, error));
    feature->mean = scaling.mean;
    feature->scale = scaling.scale;
    feature->fill = scaling.fill;
    return BP_OK;
}

static bp_status end_features(const bp_fitting *f, bp_error *error)
{
    bp_feature *feature = f->encoder->features;

    for (size_t i = 0; i < f->shape->column_count; i++)
        if (f->shape->columns[i].role == BP_ROLE_INPUT)
            BP_TRY(end_feature(f, &f->shape->columns[i], feature++, error));
    return BP_OK;
}

static bp_status end_weight(const bp_fitting *f, bp_error *error)
{
    double mean;

    if (!f->weight)
        return BP_OK;
    mean = found_in(f, f->weight)->mean;
    f->encoder->weight_mean = mean;
    if (mean > 0 && isfinite(mean))
        return BP_OK;
    return bp_fail(error, BP_BAD_FILE, "%s: column \"%.200s\": the weights' mean is %s", f->shape->path, f->weight->name,
                   mean > 0 ? "infinite" : "0");
}

static BP_OUT_OF_LINE bp_status end(bp_fitting *f, bp_encoder **result, bp_error *error)
{
    BP_TRY(end_targets(f, error));
    BP_TRY(end_features(f, error));
    BP_TRY(bp_encoder_check_categories(f->encoder, f->shape->path, f->most_categories, error));
    BP_TRY(end_weight(f, error));
    if (*f->class_weight)
        BP_TRY(bp_class_tally_weigh(&f->tally, f->class_weight, f->shape->path, f->encoder, error));
    BP_TRY(bp_encoder_finish(f->encoder, error));
    *result = f->encoder;
    f->encoder = NULL;
    return BP_OK;
}

bp_status bp_fitting_end(bp_fitting *f, bp_encoder **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = end(f, result, error);
    bp_float_end(host);
    return status;
}
