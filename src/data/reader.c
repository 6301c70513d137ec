/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include "csv.h"
#include "data_kind.h"
#include "error.h"
#include "file.h"
#include "float_state.h"
#include "idx.h"
#include "libsvm.h"
#include "npy.h"
#include "text.h"

/* A path that leads nowhere, or to a directory, is a better reason than its name. */
static bp_status refuse_format(const char *path, bp_error *error)
{
    int fd;

    BP_TRY(bp_file_open_read(path, &fd, NULL, error));
    bp_file_close(fd);
    return bp_fail(error, BP_BAD_FILE,
                   "%s: its name does not tell what it is: .csv, .tsv, .npy, .libsvm, .svm, *-ubyte and .idx are read, each also "
                   "with .gz, and .bpd",
                   path);
}

static bp_status fill(bp_dataset *dataset, const bp_settings *settings, bp_need need, bp_error *error)
{
    switch (bp_data_kind_of(dataset->path)) {
    case BP_DATA_LIBSVM:
        return bp_libsvm_read(dataset, settings, error);
    case BP_DATA_NPY:
        return bp_npy_read(dataset, settings, need != BP_NEED_TARGET, error);
    case BP_DATA_IDX:
        return bp_idx_read(dataset, settings, need != BP_NEED_TARGET, error);
    default:
        return refuse_format(dataset->path, error);
    }
}

static BP_OUT_OF_LINE bp_status read_binary(const char *path, const bp_settings *settings, bp_need need,
                                            const bp_allocator *allocator, bp_dataset **result, bp_error *error)
{
    bp_dataset *dataset;

    BP_TRY(bp_dataset_new(path, allocator, &dataset, error));
    bp_status status = fill(dataset, settings, need, error);
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return BP_OK;
}

bool bp_reader_is_csv(const char *path, char *separator)
{
    *separator = bp_text_ends_with(path, bp_plain_length(path), ".tsv") ? '\t' : 0;
    return bp_data_kind_of(path) == BP_DATA_CSV;
}

/* CSV is read by a team, so it begins the floating-point state where it needs it. */
bp_status bp_reader_read(const char *path, const bp_settings *settings, bp_need need, const bp_allocator *allocator,
                         bp_dataset **result, bp_error *error)
{
    char separator;

    if (bp_reader_is_csv(path, &separator))
        return bp_csv_read(path, separator, settings, need == BP_NEED_NOTHING, allocator, result, error);
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = read_binary(path, settings, need, allocator, result, error);
    bp_float_end(host);
    return status;
}
