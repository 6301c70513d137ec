/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <string.h>

#include "csv.h"
#include "error.h"
#include "file.h"
#include "float_state.h"
#include "idx.h"
#include "libsvm.h"
#include "npy.h"
#include "stream.h"
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
    const char *path = dataset->path;
    size_t length = bp_stream_plain_length(path);

    if (bp_text_ends_with(path, length, ".libsvm") || bp_text_ends_with(path, length, ".svm"))
        return bp_libsvm_read(dataset, settings, error);
    if (bp_text_ends_with(path, length, ".npy"))
        return bp_npy_read(dataset, settings, need != BP_NEED_TARGET, error);
    if (bp_text_ends_with(path, length, "-ubyte") || bp_text_ends_with(path, length, ".idx"))
        return bp_idx_read(dataset, settings, need != BP_NEED_TARGET, error);
    return refuse_format(path, error);
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
    size_t length = bp_stream_plain_length(path);

    *separator = bp_text_ends_with(path, length, ".tsv") ? '\t' : 0;
    return *separator || strcmp(path, "-") == 0 || bp_text_ends_with(path, length, ".csv");
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
