/* SPDX-License-Identifier: Apache-2.0 */
#include "entries.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "text.h"

double bp_entries_number(const bp_entries *entries, uint64_t row, uint32_t place)
{
    uint64_t low = entries->first[row], high = entries->first[row + 1], end = high;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (entries->column[middle] < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && entries->column[low] == place ? entries->value[low] : 0;
}

bp_status bp_entries_begin(const bp_dataset *dataset, bp_scale scale, const bp_allocator *allocator, double **result,
                           bp_error *error)
{
    if (scale != BP_SCALE_AUTO && scale != BP_SCALE_NONE)
        return bp_fail(
            error, BP_INVALID,
            "%s: its columns are mostly 0, and --scale standard or range would make another number of every 0; --scale auto "
            "divides by the largest magnitude",
            dataset->path);
    *result = bp_allocate_zeroed(allocator, dataset->column_count * sizeof **result);
    return *result ? BP_OK : bp_fail(error, BP_NO_MEMORY, "%s: memory for an encoder was refused", dataset->path);
}

void bp_entries_magnitudes(const bp_entries *entries, bp_rows rows, double *most)
{
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = bp_rows_at(rows, i);
        for (uint64_t e = entries->first[row]; e < entries->first[row + 1]; e++) {
            double magnitude = fabs(entries->value[e]);
            if (magnitude > most[entries->column[e]])
                most[entries->column[e]] = magnitude;
        }
    }
}

const bp_column *bp_entries_find(const bp_dataset *dataset, const char *name)
{
    uint64_t number;

    if (name[0] != 'x' || name[1] == '0' || !bp_text_parse_u64(name + 1, strlen(name + 1), &number))
        return NULL;
    const bp_column *column = number <= dataset->column_count ? &dataset->columns[number - 1] : NULL;
    return column && column->entries ? column : dataset->absent;
}
