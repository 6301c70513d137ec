/* Which rows train and which validate: within each class, by a random key of each row.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "random.h"
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

static void fill_candidates(const bp_dataset *dataset, const bp_settings *settings, candidate *list)
{
    const bp_column *column = stratum_column(dataset, (bp_task)settings->task);

    for (uint64_t row = 0; row < dataset->rows; row++) {
        philox4x32_ctr_t bits = bp_random(settings->seed, BP_STREAM_SPLIT, 0, 0, row);
        list[row] = (candidate){class_of(column, row), (uint64_t)bits.v[1] << 32 | bits.v[0], row};
    }
    qsort(list, dataset->rows, sizeof *list, compare_candidates);
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

static uint64_t complement(const uint64_t *validation, uint64_t count, uint64_t rows, uint64_t *training)
{
    uint64_t next = 0, kept = 0;

    for (uint64_t row = 0; row < rows; row++) {
        if (next < count && validation[next] == row)
            next++;
        else
            training[kept++] = row;
    }
    return kept;
}

static BP_OUT_OF_LINE bp_status split(const bp_dataset *dataset, const bp_settings *settings, uint64_t *training,
                                      uint64_t *training_count, uint64_t *validation, uint64_t *validation_count, bp_error *error)
{
    bp_settings full;
    size_t bytes;
    candidate *list = NULL;
    uint64_t count = 0;

    bp_settings_complete(settings, &full);
    if (!(full.validation_split >= 0 && full.validation_split < 1))
        return bp_fail(error, BP_INVALID, "validation-split is %g, not in [0, 1)", full.validation_split);
    if (full.validation_split > 0) {
        if (bp_size_mul((size_t)dataset->rows, sizeof *list, &bytes))
            list = bp_allocate(&dataset->pool.allocator, bytes);
        if (!list)
            return bp_fail(error, BP_NO_MEMORY, "memory to split %llu rows was refused", (unsigned long long)dataset->rows);
        fill_candidates(dataset, &full, list);
        count = choose(list, dataset->rows, full.validation_split, validation);
        bp_release(&dataset->pool.allocator, list, bytes);
        qsort(validation, count, sizeof *validation, compare_rows);
    }
    *validation_count = count;
    *training_count = complement(validation, count, dataset->rows, training);
    return BP_OK;
}

bp_status bp_dataset_split(const bp_dataset *dataset, const bp_settings *settings, uint64_t *training, uint64_t *training_count,
                           uint64_t *validation, uint64_t *validation_count, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = split(dataset, settings, training, training_count, validation, validation_count, error);
    bp_float_end(host);
    return status;
}
