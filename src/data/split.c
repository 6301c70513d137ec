/* Which rows train and which validate, and which fold each is in: within each class, by a random key of each row; or whole groups
 * of rows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "error.h"
#include "float_state.h"
#include "groups.h"
#include "memory.h"
#include "settings.h"
#include "size.h"

typedef struct candidate {
    double class; /* category, or value of a target of numbers; 0 for all where there are no classes */
    uint64_t key;
    uint64_t row;
} candidate;

static const bp_column *stratum_column(const bp_dataset *dataset, bp_task task)
{
    const bp_column *found = NULL;

    for (size_t i = 0; i < dataset->column_count; i++)
        if (dataset->columns[i].role == BP_ROLE_TARGET) {
            if (found)
                return NULL; /* several targets are a regression */
            found = &dataset->columns[i];
        }
    if (!found || task == BP_TASK_REGRESSION)
        return NULL;
    return found->categorical || dataset->integer_classes || task != BP_TASK_AUTO ? found : NULL;
}

static double class_of(const bp_column *column, uint64_t row)
{
    if (!column)
        return 0;
    double class = column->categorical ? bp_column_code(column, row) : bp_column_number(column, row);
    return isnan(class) ? HUGE_VAL : class; /* missing: a class of its own, so that the order is total */
}

static int compare_candidates(const void *left, const void *right)
{
    const candidate *l = left, *r = right;

    if (l->class != r->class)
        return l->class < r->class ? -1 : 1;
    if (l->key != r->key)
        return l->key < r->key ? -1 : 1;
    return (l->row > r->row) - (l->row < r->row);
}

static int compare_rows(const void *left, const void *right)
{
    uint64_t l = *(const uint64_t *)left, r = *(const uint64_t *)right;
    return (l > r) - (l < r);
}

static void fill_candidates(const bp_dataset *dataset, const bp_settings *settings, bp_rows rows, candidate *list)
{
    const bp_column *column = stratum_column(dataset, (bp_task)settings->task);

    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = rows.index ? rows.index[i] : i;
        list[i] = (candidate){class_of(column, row), bp_split_key(settings->seed, row), row};
    }
    qsort(list, rows.count, sizeof *list, compare_candidates);
}

/* The rows as candidates, by class and key; *bytes to release. */
static candidate *list_candidates(const bp_dataset *dataset, const bp_settings *settings, bp_rows rows, size_t *bytes,
                                  bp_error *error)
{
    candidate *list = NULL;

    if (bp_size_mul((size_t)rows.count, sizeof *list, bytes))
        list = bp_allocate(&dataset->pool.allocator, *bytes);
    if (list)
        fill_candidates(dataset, settings, rows, list);
    else
        bp_fail(error, BP_NO_MEMORY, "memory to split %llu rows was refused", (unsigned long long)rows.count);
    return list;
}

static uint64_t class_end(const candidate *list, uint64_t begin, uint64_t rows)
{
    uint64_t end = begin + 1;

    while (end < rows && list[end].class == list[begin].class)
        end++;
    return end;
}

/* A class keeps a row to train on. */
static uint64_t share(uint64_t count, double fraction)
{
    uint64_t wanted = (uint64_t)floor((double)count * fraction + 0.5);
    return wanted < count ? wanted : count - 1;
}

/* Where every class is too small for a share, the largest gives one row, if it has two. */
static uint64_t give_one(const candidate *list, uint64_t rows, uint64_t *validation)
{
    uint64_t largest = 0, size = 1;

    for (uint64_t begin = 0, end; begin < rows; begin = end) {
        end = class_end(list, begin, rows);
        if (end - begin > size) {
            size = end - begin;
            largest = begin;
        }
    }
    if (size < 2)
        return 0;
    validation[0] = list[largest].row;
    return 1;
}

static uint64_t choose(const candidate *list, uint64_t rows, double fraction, uint64_t *validation)
{
    uint64_t count = 0;

    for (uint64_t begin = 0, end; begin < rows; begin = end) {
        end = class_end(list, begin, rows);
        uint64_t wanted = share(end - begin, fraction);
        for (uint64_t i = 0; i < wanted; i++)
            validation[count++] = list[begin + i].row;
    }
    return count ? count : give_one(list, rows, validation);
}

/* Groups in their random order, while what they have too much is less than what would be missing; the smallest where none fits. */
static uint64_t choose_groups(const bp_groups *groups, uint64_t rows, double fraction, uint64_t *validation)
{
    uint64_t wanted = share(rows, fraction), count = 0, smallest = 0;
    size_t taken = 0;

    for (size_t i = 0; i < groups->count; i++) {
        const bp_group *group = &groups->list[i];
        if (group->count < groups->list[smallest].count)
            smallest = i;
        if (taken + 1 >= groups->count || count + group->count / 2 >= wanted)
            continue;
        memcpy(validation + count, groups->members + group->first, group->count * sizeof *validation);
        count += group->count;
        taken++;
    }
    if (count || groups->count < 2)
        return count;
    memcpy(validation, groups->members + groups->list[smallest].first, groups->list[smallest].count * sizeof *validation);
    return groups->list[smallest].count;
}

static uint64_t complement(const uint64_t *validation, uint64_t count, bp_rows rows, uint64_t *training)
{
    uint64_t next = 0, kept = 0;

    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = rows.index ? rows.index[i] : i;
        if (next < count && validation[next] == row)
            next++;
        else
            training[kept++] = row;
    }
    return kept;
}

static bp_status pick_groups(const bp_dataset *dataset, const bp_settings *settings, bp_rows rows, uint64_t *validation,
                             uint64_t *count, bp_error *error)
{
    bp_groups groups;

    BP_TRY(bp_groups_find(dataset, settings, rows, &groups, error));
    *count = choose_groups(&groups, rows.count, settings->validation_split, validation);
    bp_groups_free(dataset, &groups);
    return BP_OK;
}

static bp_status pick_rows(const bp_dataset *dataset, const bp_settings *settings, bp_rows rows, uint64_t *validation,
                           uint64_t *count, bp_error *error)
{
    size_t bytes;
    candidate *list = list_candidates(dataset, settings, rows, &bytes, error);

    if (!list)
        return BP_NO_MEMORY;
    *count = choose(list, rows.count, settings->validation_split, validation);
    bp_release(&dataset->pool.allocator, list, bytes);
    return BP_OK;
}

static bp_status check_rows(const bp_dataset *dataset, bp_rows rows, bp_error *error)
{
    for (uint64_t i = 0; rows.index && i < rows.count; i++)
        if (rows.index[i] >= dataset->rows || (i > 0 && rows.index[i] <= rows.index[i - 1]))
            return bp_fail(error, BP_INVALID, "row %llu in place %llu: rows to split are ascending, below %llu",
                           (unsigned long long)rows.index[i], (unsigned long long)i, (unsigned long long)dataset->rows);
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status split(const bp_dataset *dataset, bp_rows rows, const bp_settings *settings, uint64_t *training,
                                      uint64_t *training_count, uint64_t *validation, uint64_t *validation_count, bp_error *error)
{
    bp_settings full;
    uint64_t count = 0;

    bp_settings_complete(settings, &full);
    if (!(full.validation_split >= 0 && full.validation_split < 1))
        return bp_fail(error, BP_INVALID, "validation-split is %g, not in [0, 1)", full.validation_split);
    if (!rows.index)
        rows.count = dataset->rows;
    BP_TRY(check_rows(dataset, rows, error));
    if (full.validation_split > 0) {
        BP_TRY((full.group[0] ? pick_groups : pick_rows)(dataset, &full, rows, validation, &count, error));
        qsort(validation, count, sizeof *validation, compare_rows);
    }
    *validation_count = count;
    *training_count = complement(validation, count, rows, training);
    return BP_OK;
}

bp_status bp_dataset_split(const bp_dataset *dataset, bp_rows rows, const bp_settings *settings, uint64_t *training,
                           uint64_t *training_count, uint64_t *validation, uint64_t *validation_count, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = split(dataset, rows, settings, training, training_count, validation, validation_count, error);
    bp_float_end(host);
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- folds */

static int compare_sizes(const void *left, const void *right)
{
    const bp_group *l = left, *r = right;

    if (l->count != r->count)
        return l->count > r->count ? -1 : 1;
    return (l->key > r->key) - (l->key < r->key);
}

/* Large groups first, each to the fold with the fewest rows. */
static bp_status deal_groups(const bp_dataset *dataset, const bp_settings *settings, uint32_t folds, uint64_t *sizes,
                             uint32_t *fold, bp_error *error)
{
    bp_groups groups;

    BP_TRY(bp_groups_find(dataset, settings, (bp_rows){NULL, dataset->rows}, &groups, error));
    bp_status status = groups.count >= folds
                           ? BP_OK
                           : bp_fail(error, BP_INVALID, "%u folds of %zu groups: a fold needs one at least", folds, groups.count);
    qsort(groups.list, groups.count, sizeof *groups.list, compare_sizes);
    for (size_t g = 0; g < groups.count && status == BP_OK; g++) {
        uint32_t least = 0;
        for (uint32_t f = 1; f < folds; f++)
            if (sizes[f] < sizes[least])
                least = f;
        sizes[least] += groups.list[g].count;
        for (uint64_t i = 0; i < groups.list[g].count; i++)
            fold[groups.members[groups.list[g].first + i]] = least;
    }
    bp_groups_free(dataset, &groups);
    return status;
}

/* A class of one row would be unknown where it is in the fold that is left out. */
static bp_status check_classes(const bp_dataset *dataset, const bp_settings *settings, const candidate *list, bp_error *error)
{
    const bp_column *column = stratum_column(dataset, (bp_task)settings->task);
    char number[32];

    for (uint64_t begin = 0, end; column && begin < dataset->rows; begin = end) {
        end = class_end(list, begin, dataset->rows);
        if (end - begin < 2)
            return bp_dataset_fail(dataset, list[begin].row, error, "class \"%.200s\" has this row alone; folds need two at least",
                                   bp_column_text(column, list[begin].row, number));
    }
    return BP_OK;
}

/* Round and round, class after class. */
static bp_status deal_rows(const bp_dataset *dataset, const bp_settings *settings, uint32_t folds, uint32_t *fold, bp_error *error)
{
    size_t bytes;
    candidate *list = list_candidates(dataset, settings, (bp_rows){NULL, dataset->rows}, &bytes, error);

    if (!list)
        return BP_NO_MEMORY;
    bp_status status = check_classes(dataset, settings, list, error);
    for (uint64_t i = 0; i < dataset->rows; i++)
        fold[list[i].row] = (uint32_t)(i % folds);
    bp_release(&dataset->pool.allocator, list, bytes);
    return status;
}

static BP_OUT_OF_LINE bp_status deal(const bp_dataset *dataset, const bp_settings *settings, uint32_t folds, uint32_t *fold,
                                     bp_error *error)
{
    uint64_t sizes[BP_FOLDS_MAX] = {0};
    bp_settings full;

    bp_settings_complete(settings, &full);
    if (folds < 2 || folds > BP_FOLDS_MAX)
        return bp_fail(error, BP_INVALID, "%u folds: 2 to %d are possible", folds, BP_FOLDS_MAX);
    if (folds > dataset->rows)
        return bp_fail(error, BP_INVALID, "%u folds of %llu rows: a fold needs one at least", folds,
                       (unsigned long long)dataset->rows);
    return full.group[0] ? deal_groups(dataset, &full, folds, sizes, fold, error) : deal_rows(dataset, &full, folds, fold, error);
}

bp_status bp_dataset_folds(const bp_dataset *dataset, const bp_settings *settings, uint32_t folds, uint32_t *fold, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = deal(dataset, settings, folds, fold, error);
    bp_float_end(host);
    return status;
}
