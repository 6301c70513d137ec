/* SPDX-License-Identifier: Apache-2.0 */
#include "encoder_classes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"
#include "text.h"

#define LISTED 500 /* bytes of class names in a message */

/* ------------------------------------------------------------------------------------------------------ which there are */

static bp_status check_classes(const bp_encoder *encoder, const char *path, const char *name, bp_task asked, bp_error *error)
{
    if (encoder->class_count < 2)
        return bp_fail(error, BP_BAD_FILE, "%s: target \"%.200s\" is \"%.100s\" in every row: one class teaches nothing", path,
                       name, encoder->classes[0]);
    if (encoder->class_count > BP_CLASSES_MAX)
        return bp_fail(error, BP_BAD_FILE, "%s: target \"%.200s\" has %zu classes, more than %zu", path, name, encoder->class_count,
                       BP_CLASSES_MAX);
    if (asked == BP_TASK_BINARY && encoder->class_count > 2)
        return bp_fail(error, BP_INVALID, "%s: target \"%.200s\" has %zu classes (\"%.50s\", \"%.50s\", \"%.50s\"...): not binary",
                       path, name, encoder->class_count, encoder->classes[0], encoder->classes[1], encoder->classes[2]);
    return BP_OK;
}

bp_status bp_classes_take(bp_encoder *encoder, const bp_dataset *shape, const bp_column *column, const bp_column_statistics *found,
                          const bp_integers *integers, bp_task asked, bp_error *error)
{
    if (column->categorical) {
        BP_TRY(bp_column_categories(&encoder->pool, column, found, 1, &encoder->classes, &encoder->class_count, error));
    } else {
        BP_TRY(bp_integers_take(&encoder->pool, integers, &encoder->class_values, &encoder->classes, error));
        encoder->class_count = integers->count;
    }
    BP_TRY(check_classes(encoder, shape->path, column->name, asked, error));
    encoder->task = asked != BP_TASK_AUTO ? asked : encoder->class_count == 2 ? BP_TASK_BINARY : BP_TASK_MULTICLASS;
    return BP_OK;
}

/* -------------------------------------------------------------------------------------------------------- rows of each */

static bp_status begin(bp_class_tally *tally, size_t count, bp_error *error)
{
    size_t bytes;

    if (!bp_size_mul(count, sizeof *tally->classes, &bytes) || !(tally->classes = bp_allocate_zeroed(&tally->allocator, bytes)))
        return bp_fail(error, BP_NO_MEMORY, "memory for the rows of %zu classes was refused", count);
    tally->count = count;
    for (size_t i = 0; i < count; i++)
        bp_sum_start(&tally->classes[i].weights);
    return BP_OK;
}

bp_status bp_class_tally_add(bp_class_tally *tally, const bp_integers *integers, const bp_column *column, const bp_column *weight,
                             bp_rows rows, bp_error *error)
{
    if (!tally->classes)
        BP_TRY(begin(tally, column->categorical ? column->category_count : integers->count, error));
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = bp_rows_at(rows, i);
        int32_t place = column->categorical ? bp_column_code(column, row)
                                            : bp_place_of_number(integers->values, integers->count, bp_column_number(column, row));
        bp_class_sums *own = &tally->classes[place];
        own->rows++;
        bp_sum_add(&own->weights, weight ? bp_column_number(weight, row) : 1.0);
    }
    return BP_OK;
}

void bp_class_tally_release(bp_class_tally *tally)
{
    bp_release(&tally->allocator, tally->classes, tally->count * sizeof *tally->classes);
}

/* ------------------------------------------------------------------------------------------------------ what they weigh */

static bp_status fail_unknown(const bp_encoder *encoder, const char *entry, const char *path, bp_error *error)
{
    char names[LISTED] = "";
    size_t used = 0;

    for (size_t i = 0; i < encoder->class_count && used < LISTED; i++) {
        int length = snprintf(names + used, LISTED - used, "%s%s", i ? ", " : "", encoder->classes[i]);
        used += (size_t)length;
    }
    if (used >= LISTED) {
        size_t end = bp_text_utf8_prefix(names, LISTED - 4);
        strcpy(names + end, "...");
    }
    return bp_fail(error, BP_INVALID,
                   "%s: class-weight \"%.100s\" does not begin with a class and its weight of 0 or more: expected balanced, or "
                   "NAME=W[,NAME=W...]; classes: %s",
                   path, entry, names);
}

/* The class whose name stands before a '=' here, the longest of them, since names may hold '=' and ','; class_count: none. */
static size_t find_entry(const bp_encoder *encoder, const char *text, size_t *length)
{
    size_t found = encoder->class_count;

    *length = 0;
    for (size_t i = 0; i < encoder->class_count; i++) {
        size_t own = strlen(encoder->classes[i]);
        if (strncmp(text, encoder->classes[i], own) == 0 && text[own] == '=' && own + 1 > *length) {
            found = i;
            *length = own + 1;
        }
    }
    return found;
}

/* Classes that are not named weigh 1; -1 until then. */
static bp_status read_weights(const bp_encoder *encoder, const char *setting, const char *path, bp_error *error)
{
    for (size_t i = 0; i < encoder->class_count; i++)
        encoder->class_weights[i] = -1.0;
    for (const char *at = setting; *at;) {
        size_t length, class = find_entry(encoder, at, &length), digits = strcspn(at + length, ",");
        double weight;
        if (class == encoder->class_count || !bp_text_parse_f64(at + length, digits, &weight) || !(weight >= 0.0))
            return fail_unknown(encoder, at, path, error);
        if (encoder->class_weights[class] >= 0.0)
            return bp_fail(error, BP_INVALID, "%s: class-weight \"%.100s\": \"%.100s\" has a weight already", path, at,
                           encoder->classes[class]);
        encoder->class_weights[class] = weight;
        at += length + digits;
        at += *at == ',';
    }
    for (size_t i = 0; i < encoder->class_count; i++)
        if (encoder->class_weights[i] < 0.0)
            encoder->class_weights[i] = 1.0;
    return BP_OK;
}

static uint64_t count_rows(const bp_class_tally *tally)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < tally->count; i++)
        rows += tally->classes[i].rows;
    return rows;
}

/* n / (classes count), whatever the examples weigh: as scikit-learn's compute_class_weight. */
static void balance(const bp_class_tally *tally, double *weights, size_t count)
{
    double n = (double)count_rows(tally);

    for (size_t i = 0, class = 0; i < tally->count; i++)
        if (tally->classes[i].rows)
            weights[class ++] = n / ((double)count * (double)tally->classes[i].rows);
}

/* Mean of the product of examples' and classes' weights. */
static double mean_weight(const bp_class_tally *tally, const double *weights)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t i = 0, class = 0; i < tally->count; i++)
        if (tally->classes[i].rows)
            bp_sum_add(&sum, weights[class ++] * bp_sum_total(&tally->classes[i].weights));
    return bp_sum_total(&sum) / (double)count_rows(tally);
}

bp_status bp_class_tally_weigh(const bp_class_tally *tally, const char *setting, const char *path, bp_encoder *encoder,
                               bp_error *error)
{
    encoder->class_weights = bp_pool_take_array(&encoder->pool, encoder->class_count, sizeof *encoder->class_weights, error);
    if (!encoder->class_weights)
        return BP_NO_MEMORY;
    if (strcmp(setting, "balanced") == 0)
        balance(tally, encoder->class_weights, encoder->class_count);
    else
        BP_TRY(read_weights(encoder, setting, path, error));
    double mean = mean_weight(tally, encoder->class_weights), scale = (encoder->weight ? encoder->weight_mean : 1.0) / mean;
    if (!(mean > 0.0) || !isfinite(mean) || !isfinite(scale))
        return bp_fail(error, BP_INVALID, "%s: class-weight \"%.100s\": the weights' mean over the training rows is %s", path,
                       setting, mean > 0.0 ? "beyond what can be scaled" : "0");
    for (size_t i = 0; i < encoder->class_count; i++)
        encoder->class_weights[i] *= scale;
    return BP_OK;
}
