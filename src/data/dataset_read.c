/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset_read.h"

#include <stdio.h>
#include <string.h>

#include "bpd.h"
#include "data_kind.h"
#include "dataset_rows.h"
#include "error.h"
#include "float_state.h"
#include "nearest.h"
#include "reader.h"
#include "settings.h"
#include "size.h"

#define LISTED 600 /* bytes of column names in a message: room for the rest of the sentence stays */
#define NAMED 100  /* of one that there is not */

/* ------------------------------------------------------------------------------------------------------------- names */

/* "a, b, c", cut with "..." where it gets long. */
static void list_columns(const bp_dataset *dataset, char text[LISTED])
{
    size_t used = 0;

    text[0] = 0;
    for (size_t i = 0; i < dataset->column_count; i++) {
        const char *name = dataset->columns[i].name;
        if (used + strlen(name) + 8 > LISTED) {
            snprintf(text + used, LISTED - used, ", ...");
            return;
        }
        used += (size_t)snprintf(text + used, LISTED - used, "%s%s", i ? ", " : "", name);
    }
}

static bp_column *find_span(const bp_dataset *dataset, const char *name, size_t length)
{
    for (size_t i = 0; i < dataset->column_count; i++)
        if (strncmp(dataset->columns[i].name, name, length) == 0 && dataset->columns[i].name[length] == 0)
            return &dataset->columns[i];
    return NULL;
}

/* The column that a slip or two would turn into `name`. */
static const char *nearest_column(const bp_dataset *dataset, const char *name)
{
    const char *nearest = NULL;

    for (size_t i = 0; i < dataset->column_count; i++)
        nearest = bp_nearer_name(name, nearest, dataset->columns[i].name);
    return nearest;
}

static bp_status fail_unknown(const bp_dataset *dataset, const char *key, const char *name, size_t length, bp_error *error)
{
    char columns[LISTED], own[NAMED + 1];

    list_columns(dataset, columns);
    snprintf(own, sizeof own, "%.*s", (int)bp_size_min(length, NAMED), name);
    const char *nearest = nearest_column(dataset, own);
    return bp_fail(error, BP_INVALID, "%s: no column is named \"%s\" (%s)%s%s%scolumns: %s", dataset->path, own, key,
                   nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"? " : "; ", columns);
}

bp_status bp_dataset_next_named(const bp_dataset *dataset, const char *key, bool lenient, const char **list, bp_column **column,
                                bp_error *error)
{
    for (;;) {
        *list += strspn(*list, ", ");
        size_t length = strlen(*list);
        *column = length ? find_span(dataset, *list, length) : NULL;
        if (!*column && length) {
            length = strcspn(*list, ",");
            *column = find_span(dataset, *list, length);
        }
        if (length && !*column && !lenient)
            return fail_unknown(dataset, key, *list, length, error);
        *list += length;
        if (*column || !length)
            return BP_OK;
    }
}

/* ------------------------------------------------------------------------------------------------------------- roles */

static bp_status set_role(const bp_dataset *dataset, const char *key, const char *list, bp_role role, bool lenient, bp_error *error)
{
    bp_column *column;

    for (;;) {
        BP_TRY(bp_dataset_next_named(dataset, key, lenient, &list, &column, error));
        if (!column)
            return BP_OK;
        if (column->role != BP_ROLE_INPUT && column->role != role)
            return bp_fail(error, BP_INVALID, "%s: column \"%s\" has two uses, %s is the second", dataset->path, column->name, key);
        column->role = role;
    }
}

static bool has_target(const bp_dataset *dataset)
{
    for (size_t i = 0; i < dataset->column_count; i++)
        if (dataset->columns[i].role == BP_ROLE_TARGET)
            return true;
    return false;
}

static void drop_targets(const bp_dataset *dataset)
{
    for (size_t i = 0; i < dataset->column_count; i++)
        if (dataset->columns[i].role == BP_ROLE_TARGET)
            dataset->columns[i].role = BP_ROLE_UNUSED;
}

/* Columns of a target file that --target leaves out are not used; the named ones come back. */
static bp_status choose_targets(const bp_dataset *dataset, const char *list, bool lenient, bp_error *error)
{
    const char *rest = list;
    bp_column *column;

    drop_targets(dataset);
    for (;;) {
        BP_TRY(bp_dataset_next_named(dataset, "target", lenient, &rest, &column, error));
        if (!column)
            return BP_OK;
        column->role = BP_ROLE_TARGET;
    }
}

bp_status bp_dataset_set_roles(bp_dataset *dataset, const bp_settings *settings, bp_need need, bp_error *error)
{
    char columns[LISTED];
    bool lenient = need == BP_NEED_NOTHING;

    if (settings->target[0])
        BP_TRY(choose_targets(dataset, settings->target, lenient, error));
    BP_TRY(set_role(dataset, "ignore-columns", settings->ignore_columns, BP_ROLE_UNUSED, lenient, error));
    BP_TRY(set_role(dataset, "group", settings->group, BP_ROLE_UNUSED, lenient, error));
    BP_TRY(set_role(dataset, "weight-column", settings->weight_column, BP_ROLE_WEIGHT, lenient, error));
    if (need != BP_NEED_TARGET || has_target(dataset))
        return BP_OK;
    list_columns(dataset, columns);
    return bp_fail(error, BP_INVALID, "%s: say which column is the target with --target; columns: %s", dataset->path, columns);
}

/* ------------------------------------------------------------------------------------------------------------- files */

static BP_OUT_OF_LINE bp_status read_packed(const char *path, const bp_settings *settings, const bp_allocator *allocator,
                                            bp_dataset **result, bp_error *error)
{
    if (settings->target_file[0])
        return bp_fail(error, BP_INVALID, "%s: a .bpd file holds its targets: target-file belongs to packing", path);
    return bp_bpd_read(path, settings, allocator, result, error);
}

static bp_status read_by_name(const char *path, const bp_settings *settings, bp_need need, const bp_allocator *allocator,
                              bp_dataset **result, bp_error *error)
{
    if (bp_data_kind_of(path) != BP_DATA_BPD || path[bp_plain_length(path)])
        return bp_reader_read(path, settings, need, allocator, result, error);
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = read_packed(path, settings, allocator, result, error);
    bp_float_end(host);
    return status;
}

bp_status bp_dataset_read(const char *path, const bp_settings *settings, int need, const bp_allocator *allocator,
                          bp_dataset **result, bp_error *error)
{
    bp_settings full;
    bp_dataset *dataset;

    if (need < BP_NEED_TARGET || need > BP_NEED_NAMES)
        return bp_fail(error, BP_INVALID, "%s: need %d is no bp_need", path, need);
    bp_settings_complete(settings, &full);
    BP_TRY(read_by_name(path, &full, (bp_need)need, allocator, &dataset, error));
    bp_status status = bp_dataset_set_roles(dataset, &full, (bp_need)need, error);
    if (status == BP_OK)
        status = bp_bpd_fetch(dataset, &full, error);
    if (status == BP_OK && full.missing_targets == BP_MISSING_TARGETS_SKIP)
        status = bp_dataset_skip_rows(dataset, error);
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return BP_OK;
}
