/* What each column of a data set holds, for people who look before they train.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "size.h"
#include "statistics.h"
#include "window.h"

typedef struct summing {
    const bp_dataset *dataset;
    bp_allocator allocator;
    bp_statistics *statistics;
} summing;

/* ---------------------------------------------------------------------------------------------------------- identifiers */

static int compare_numbers(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}

/* 1 where each is above the one before it, 0 where one is no whole number, -1 where order tells nothing. */
static int judge_order(const bp_column *column, uint64_t rows)
{
    bool ascending = true;
    double last = -INFINITY;

    for (uint64_t row = 0; row < rows; row++) {
        double value = bp_column_number(column, row);
        if (floor(value) != value)
            return 0;
        ascending = ascending && value > last;
        last = value;
    }
    return ascending ? 1 : -1;
}

static bp_status sort_and_compare(const summing *s, const bp_column *column, bool *unique, bp_error *error)
{
    size_t rows = (size_t)s->dataset->rows, bytes;
    double *values = bp_size_mul(rows, sizeof *values, &bytes) ? bp_allocate(&s->allocator, bytes) : NULL;

    if (!values)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory to compare %zu values was refused", s->dataset->path, rows);
    for (size_t row = 0; row < rows; row++)
        values[row] = bp_column_number(column, row);
    qsort(values, rows, sizeof *values, compare_numbers);
    *unique = true;
    for (size_t row = 1; row < rows; row++)
        *unique = *unique && values[row - 1] != values[row];
    bp_release(&s->allocator, values, bytes);
    return BP_OK;
}

static bp_status compare_values(const summing *s, const bp_column *column, bool *unique, bp_error *error)
{
    int order = judge_order(column, s->dataset->rows);

    *unique = order > 0;
    return order < 0 ? sort_and_compare(s, column, unique, error) : BP_OK;
}

/* Of a column that is in a file only: it alone comes into memory. */
static bp_status compare_far_values(const summing *s, size_t index, bool *unique, bp_error *error)
{
    bp_column copy = s->dataset->columns[index];
    size_t bytes = (size_t)s->dataset->rows * copy.stride; /* less than the file's */
    void *elements = bp_allocate(&s->allocator, bytes);

    copy.data = elements;
    bp_status status = elements ? bp_bpd_read_column(s->dataset->bpd, index, elements, error)
                                : bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    if (status == BP_OK)
        status = compare_values(s, &copy, unique, error);
    bp_release(&s->allocator, elements, bytes);
    return status;
}

/* Whole numbers or texts of which no two are the same. Fractions are measured, not given. */
static bp_status find_unique(const summing *s, size_t index, bool *unique, bp_error *error)
{
    const bp_column *column = &s->dataset->columns[index];
    const bp_column_statistics *found = &s->statistics->columns[index];
    uint64_t rows = s->dataset->rows;

    *unique = column->categorical && column->category_count == rows;
    if (column->categorical || found->missing || !(found->high - found->low >= (double)rows - 1))
        return BP_OK;
    if (s->dataset->bpd && !column->data)
        return compare_far_values(s, index, unique, error);
    return compare_values(s, column, unique, error);
}

/* -------------------------------------------------------------------------------------------------------------- columns */

static void insert_frequent(bp_column_summary *summary, uint64_t category, uint64_t rows)
{
    size_t at = summary->frequent_count;

    if (at == BP_FREQUENT && summary->frequent_rows[at - 1] >= rows)
        return;
    at -= at == BP_FREQUENT;
    for (; at && summary->frequent_rows[at - 1] < rows; at--) {
        summary->frequent_rows[at] = summary->frequent_rows[at - 1];
        summary->frequent[at] = summary->frequent[at - 1];
    }
    summary->frequent_rows[at] = rows;
    summary->frequent[at] = category;
    summary->frequent_count += summary->frequent_count < BP_FREQUENT;
}

static void sum_categories(const bp_column *column, const bp_column_statistics *found, bp_column_summary *summary)
{
    uint64_t often = 0;

    for (size_t i = 0; i < column->category_count; i++) {
        summary->rare += found->counts[i] == 1;
        often += found->counts[i] > 1;
        insert_frequent(summary, i, found->counts[i]);
    }
    summary->constant = column->category_count + (found->missing > 0) < 2;
    summary->inputs = often + (summary->rare > 0) + (found->missing > 0);
}

static void sum_numbers(const bp_column_statistics *found, bp_column_summary *summary)
{
    bool any = found->low <= found->high;

    summary->low = any ? found->low : NAN;
    summary->high = any ? found->high : NAN;
    summary->mean = any ? found->mean : NAN;
    summary->deviation = any ? found->deviation : NAN;
    summary->constant = !any || (found->low == found->high && !found->missing);
    summary->inputs = 1 + (found->missing > 0);
}

static bp_status sum_column(const summing *s, size_t index, bp_column_summary *summary, bp_error *error)
{
    const bp_column *column = &s->dataset->columns[index];
    const bp_column_statistics *found = &s->statistics->columns[index];
    bool unique;

    BP_TRY(find_unique(s, index, &unique, error));
    *summary =
        (bp_column_summary){.missing = found->missing, .unique = unique, .low = NAN, .high = NAN, .mean = NAN, .deviation = NAN};
    if (column->categorical)
        sum_categories(column, found, summary);
    else
        sum_numbers(found, summary);
    if (column->role != BP_ROLE_INPUT)
        summary->inputs = 0;
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status sum_columns(const summing *s, bp_column_summary *summaries, bp_error *error)
{
    for (size_t i = 0; i < s->dataset->column_count; i++)
        BP_TRY(sum_column(s, i, &summaries[i], error));
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------------------ all */

static bp_status start_statistics(summing *s, uint32_t threads, bp_error *error)
{
    size_t count = s->dataset->column_count, bytes = bp_size_max(count, 1) * sizeof(unsigned);
    unsigned *want = bp_allocate(&s->allocator, bytes);

    if (!want)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    for (size_t i = 0; i < count; i++)
        want[i] = BP_WANT_VALUES | BP_WANT_DEVIATION;
    bp_status status = bp_statistics_create(s->dataset, want, threads, &s->allocator, &s->statistics, error);
    bp_release(&s->allocator, want, bytes);
    return status;
}

static bp_status take_block(void *context, const bp_dataset *block, bp_rows rows, bp_error *error)
{
    return bp_statistics_add(context, block, rows, error);
}

static bp_status take_statistics(const summing *s, bp_error *error)
{
    do
        BP_TRY(bp_window_walk(s->dataset, (bp_rows){NULL, s->dataset->rows}, take_block, s->statistics, error));
    while (bp_statistics_next(s->statistics));
    return BP_OK;
}

bp_status bp_dataset_summarise(const bp_dataset *dataset, uint32_t threads, const bp_allocator *allocator,
                               bp_column_summary *summaries, bp_error *error)
{
    summing s = {.dataset = dataset, .allocator = bp_allocator_or_default(allocator)};

    BP_TRY(start_statistics(&s, threads, error));
    bp_status status = take_statistics(&s, error);
    if (status == BP_OK) {
        bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
        status = sum_columns(&s, summaries, error);
        bp_float_end(host);
    }
    bp_statistics_free(s.statistics);
    return status;
}
