/* Rows of a bound data set -> sparse rows of a network's numbers, from columns that are mostly 0, and from categories.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "encoder_bind.h"
#include "entries.h"
#include "error.h"

#define NO_FEATURE UINT32_MAX

/* Bytes of an entry, and how many times as large dense rows must be: one number in eight is not 0 then. At 400 inputs, 64 hidden
 * units, 128 rows and adam on one thread of AVX-512 a step of 20 entries a row takes 105 us sparse and 150 dense, of 50 entries
 * 139 and 140, of 100 entries 200 and 141. */
#define ENTRY_BYTES (sizeof(uint32_t) + sizeof(float))
#define DENSE_GAIN 4

/* Whether 0 stays 0 in every column, and their order is the file's. */
static bool keeps_zeros(const bp_bound *a)
{
    uint32_t last = 0;

    for (size_t i = 0; i < a->encoder->feature_count; i++) {
        const bp_feature *feature = &a->encoder->features[i];
        const bp_column *column = a->features[i].column;
        if (!column->entries || feature->categories || feature->mean != 0 || feature->has_missing)
            return false;
        if (column != a->dataset->absent && i && column->place <= last)
            return false;
        last = column != a->dataset->absent ? column->place : last;
    }
    return true;
}

/* Which feature the column of each place feeds; columns that the encoder does not know feed none. */
static bp_status map_places(bp_bound *a, bp_error *error)
{
    a->feature_of = bp_pool_take_array(&a->pool, a->dataset->column_count, sizeof *a->feature_of, error);
    if (!a->feature_of)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < a->dataset->column_count; i++)
        a->feature_of[i] = NO_FEATURE;
    for (size_t i = 0; i < a->encoder->feature_count; i++)
        if (a->features[i].column != a->dataset->absent)
            a->feature_of[a->features[i].column->place] = (uint32_t)i;
    return BP_OK;
}

static uint64_t count_entries(const bp_bound *a)
{
    const bp_entries *entries = a->dataset->entries;
    uint64_t count = 0;

    for (uint64_t e = 0; e < entries->first[a->dataset->rows]; e++)
        count += a->feature_of[entries->column[e]] != NO_FEATURE;
    return count;
}

/* Numbers that a row has at most that are not 0: of a column's categories one is. */
static size_t most_of_row(const bp_encoder *encoder)
{
    size_t most = 0;

    for (size_t i = 0; i < encoder->feature_count; i++)
        most += encoder->features[i].categories ? 1 : bp_feature_width(&encoder->features[i]);
    return most;
}

static bool is_smaller(const bp_bound *a, double entries)
{
    double dense = (double)a->dataset->rows * a->encoder->inputs * sizeof(float);
    return entries * ENTRY_BYTES * DENSE_GAIN <= dense;
}

static void choose_categories(bp_bound *a)
{
    size_t most = most_of_row(a->encoder);

    a->sparse = !a->borrow && is_smaller(a, (double)a->dataset->rows * (double)most);
    a->row_entries = a->sparse ? most : 0;
    a->entry_count = a->dataset->rows * a->row_entries;
}

bp_status bp_bound_choose(bp_bound *a, bp_error *error)
{
    if (!a->dataset->entries || !keeps_zeros(a)) {
        choose_categories(a);
        return BP_OK;
    }
    BP_TRY(map_places(a, error));
    a->entry_count = count_entries(a);
    a->sparse = is_smaller(a, (double)a->entry_count);
    return BP_OK;
}

/* Every row takes its room: where it has less, entries of +0 in the first column stand before the others, and change nothing. */
static void compress_row(const bp_bound *a, const float *x, uint32_t *column, float *value)
{
    static const float zero = 0;
    size_t left = a->row_entries;

    for (size_t i = a->encoder->inputs; i-- > 0;)
        if (memcmp(&x[i], &zero, sizeof zero) != 0) {
            left--;
            column[left] = (uint32_t)i;
            value[left] = x[i];
        }
    memset(column, 0, left * sizeof *column);
    memset(value, 0, left * sizeof *value);
}

void bp_bound_compress(const bp_bound *a, const bp_destination *to, uint64_t begin, uint64_t end)
{
    for (uint64_t row = begin; row < end; row++) {
        uint64_t first = row * a->row_entries;
        compress_row(a, to->spread + (row - begin) * a->encoder->inputs, to->column + first, to->value + first);
        to->first[row] = first;
        to->first[row + 1] = first + a->row_entries;
    }
}

static bp_status write_entry(const bp_bound *a, uint64_t row, uint64_t e, bp_sparse_row *to, uint32_t *column, float *value,
                             bp_error *error)
{
    const bp_entries *entries = a->dataset->entries;
    uint32_t index = a->feature_of[entries->column[e]];

    if (index == NO_FEATURE)
        return BP_OK;
    const bp_feature *feature = &a->encoder->features[index];
    float scaled = (float)(entries->value[e] / feature->scale);
    if (!isfinite(scaled))
        return bp_dataset_fail(a->dataset, row, error, "column \"%.200s\": %g is too large", feature->name, entries->value[e]);
    column[to->count] = feature->first;
    value[to->count++] = scaled;
    return BP_OK;
}

bp_status bp_bound_write_entries(const bp_bound *a, const bp_destination *to, bp_error *error)
{
    const bp_entries *entries = a->dataset->entries;
    uint64_t next = 0;

    to->first[0] = 0;
    for (uint64_t row = 0; row < a->dataset->rows; row++) {
        bp_sparse_row written = {.count = 0};
        for (uint64_t e = entries->first[row]; e < entries->first[row + 1]; e++)
            BP_TRY(write_entry(a, row, e, &written, to->column + next, to->value + next, error));
        next += written.count;
        to->first[row + 1] = next;
    }
    return BP_OK;
}
