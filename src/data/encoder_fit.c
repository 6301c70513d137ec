/* Fitting an encoder to rows of one data set: one block where it is in memory, else block after block.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "fitting.h"

#include "error.h"
#include "window.h"

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

static bp_status take_block(void *context, const bp_dataset *block, bp_rows rows, bp_error *error)
{
    return bp_fitting_add(context, block, rows, error);
}

static bp_status fit_rows(bp_fitting *f, const bp_dataset *dataset, bp_rows rows, bp_encoder **result, bp_error *error)
{
    do
        BP_TRY(bp_window_walk(dataset, rows, take_block, f, error));
    while (bp_fitting_again(f));
    return bp_fitting_end(f, result, error);
}

bp_status bp_encoder_fit(const bp_dataset *dataset, bp_rows rows, const bp_settings *settings, const bp_allocator *allocator,
                         bp_encoder **result, bp_error *error)
{
    bp_fitting *f;

    if (!rows.index)
        rows.count = dataset->rows;
    BP_TRY(check_rows(dataset, rows, error));
    BP_TRY(bp_fitting_create(dataset, settings, allocator, &f, error));
    bp_status status = fit_rows(f, dataset, rows, result, error);
    bp_fitting_free(f);
    return status;
}
