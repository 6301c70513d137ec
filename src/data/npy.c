/* SPDX-License-Identifier: Apache-2.0 */
#include "npy.h"

#include "error.h"
#include "memory.h"
#include "npy_elements.h"
#include "stream.h"

/* The header, and the elements as they stand; the data set owns them. */
static bp_status read_file(bp_dataset *dataset, const char *path, bp_npy_header *header, void **block, bp_error *error)
{
    bp_stream *stream;

    BP_TRY(bp_stream_open(path, &dataset->pool.allocator, &stream, error));
    bp_status status = bp_npy_read_header(stream, path, header, error);
    if (status == BP_OK)
        status = bp_elements_read(stream, path, &dataset->pool.allocator, &header->elements, block, error);
    bp_stream_close(stream);
    BP_TRY(status);
    return bp_pool_adopt(&dataset->pool, *block, header->elements.bytes, error);
}

bp_status bp_npy_read_matrix(bp_dataset *dataset, const char *path, bp_matrix *matrix, bp_error *error)
{
    bp_npy_header header;
    bool narrow = true;
    void *elements;

    BP_TRY(read_file(dataset, path, &header, &elements, error));
    bp_npy_block block = {path, &header, elements, 0, header.elements.bytes / bp_npy_size(header.kind)};
    BP_TRY(bp_npy_check(&block, &narrow, error));
    *matrix = (bp_matrix){
        .data = elements,
        .type = bp_npy_type(header.kind, narrow),
        .rows = header.elements.rows,
        .columns = header.elements.columns,
        .by_columns = header.fortran && header.elements.columns > 1,
    };
    bp_npy_convert(&block, matrix->type);
    return BP_OK;
}

bp_status bp_npy_read(bp_dataset *dataset, const bp_settings *settings, bool optional, bp_error *error)
{
    bp_matrix x = {0}, y = {0};

    BP_TRY(bp_npy_read_matrix(dataset, dataset->path, &x, error));
    if (settings->target_file[0])
        BP_TRY(bp_npy_read_matrix(dataset, settings->target_file, &y, error));
    else if (!settings->target[0] && !optional)
        return bp_fail(error, BP_INVALID, "%s: say where the targets are with --target-file, or which of x1, x2, ... with --target",
                       dataset->path);
    return bp_dataset_set_matrices(dataset, &x, &y, "y", error);
}
