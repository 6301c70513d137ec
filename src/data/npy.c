/* SPDX-License-Identifier: Apache-2.0 */
#include "npy.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "npy_header.h"
#include "stream.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are converted as on a little-endian machine"
#endif

#define EXACT ((int64_t)1 << 53) /* whole numbers up to here are doubles */

/* The elements of a file, in a block of their own. */
typedef struct npy {
    const char *path;
    bp_npy_header header;
    unsigned char *block;
    size_t count;
    bp_error *error;
} npy;

static bp_status fail_element(const npy *n, size_t index, const char *what)
{
    const bp_elements *e = &n->header.elements;
    unsigned long long slow = n->header.fortran ? e->rows : e->columns, row = index / slow, column = index % slow;

    return bp_fail_offset(n->error, n->path, e->begin + index * bp_npy_size(n->header.kind), "row %llu, column %llu: %s",
                          (n->header.fortran ? column : row) + 1, (n->header.fortran ? row : column) + 1, what);
}

static void swap_bytes(const npy *n)
{
    size_t size = bp_npy_size(n->header.kind);

    for (unsigned char *at = n->block, *end = at + n->header.elements.bytes; at < end; at += size)
        for (size_t i = 0; i < size / 2; i++) {
            unsigned char byte = at[i];
            at[i] = at[size - 1 - i];
            at[size - 1 - i] = byte;
        }
}

static bp_status check_f4(const npy *n)
{
    for (size_t i = 0; i < n->count; i++) {
        float value;
        memcpy(&value, n->block + i * sizeof value, sizeof value);
        if (isinf(value))
            return fail_element(n, i, "an infinite number");
    }
    return BP_OK;
}

static bp_status check_f8(const npy *n)
{
    for (size_t i = 0; i < n->count; i++) {
        double value;
        memcpy(&value, n->block + i * sizeof value, sizeof value);
        if (isinf(value))
            return fail_element(n, i, "an infinite number");
    }
    return BP_OK;
}

static int64_t whole_at(const npy *n, size_t i)
{
    int64_t value;

    memcpy(&value, n->block + i * sizeof value, sizeof value);
    return value;
}

/* In place: as i32 where all fit, else as f64. */
static bp_status convert_i8(const npy *n, bp_type *type)
{
    bool narrow = true;

    for (size_t i = 0; i < n->count; i++) {
        int64_t value = whole_at(n, i);
        narrow = narrow && value >= INT32_MIN && value <= INT32_MAX;
        if (value < -EXACT || value > EXACT)
            return fail_element(n, i, "a whole number beyond 2^53, which is not exact as f64; numpy's astype(float) rounds");
    }
    *type = narrow ? BP_TYPE_I32 : BP_TYPE_F64;
    for (size_t i = 0; i < n->count; i++) {
        int64_t value = whole_at(n, i);
        int32_t small = (int32_t)value;
        double real = (double)value;
        if (narrow)
            memcpy(n->block + i * sizeof small, &small, sizeof small);
        else
            memcpy(n->block + i * sizeof real, &real, sizeof real);
    }
    return BP_OK;
}

static bp_status convert(const npy *n, bp_type *type)
{
    if (n->header.swapped)
        swap_bytes(n);
    switch (n->header.kind) {
    case BP_NPY_U1:
        *type = BP_TYPE_U8;
        return BP_OK;
    case BP_NPY_I4:
        *type = BP_TYPE_I32;
        return BP_OK;
    case BP_NPY_F4:
        *type = BP_TYPE_F32;
        return check_f4(n);
    case BP_NPY_F8:
        *type = BP_TYPE_F64;
        return check_f8(n);
    default:
        return convert_i8(n, type);
    }
}

/* The header, and the elements as they stand; the data set owns them. */
static bp_status read_file(bp_dataset *dataset, const char *path, npy *n, bp_error *error)
{
    bp_stream *stream;
    void *block;

    BP_TRY(bp_stream_open(path, &dataset->pool.allocator, &stream, error));
    bp_status status = bp_npy_read_header(stream, path, &n->header, error);
    if (status == BP_OK)
        status = bp_elements_read(stream, path, &dataset->pool.allocator, &n->header.elements, &block, error);
    bp_stream_close(stream);
    BP_TRY(status);
    n->block = block;
    n->count = n->header.elements.bytes / bp_npy_size(n->header.kind);
    return bp_pool_adopt(&dataset->pool, block, n->header.elements.bytes, error);
}

static bp_status read_matrix(bp_dataset *dataset, const char *path, bp_matrix *matrix, bp_error *error)
{
    npy n = {.path = path, .error = error};

    BP_TRY(read_file(dataset, path, &n, error));
    *matrix = (bp_matrix){
        .data = n.block,
        .rows = n.header.elements.rows,
        .columns = n.header.elements.columns,
        .by_columns = n.header.fortran && n.header.elements.columns > 1,
    };
    return convert(&n, &matrix->type);
}

bp_status bp_npy_read(bp_dataset *dataset, const bp_settings *settings, bool optional, bp_error *error)
{
    bp_matrix x = {0}, y = {0};

    BP_TRY(read_matrix(dataset, dataset->path, &x, error));
    if (settings->target_file[0])
        BP_TRY(read_matrix(dataset, settings->target_file, &y, error));
    else if (!settings->target[0] && !optional)
        return bp_fail(error, BP_INVALID, "%s: say where the targets are with --target-file, or which of x1, x2, ... with --target",
                       dataset->path);
    return bp_dataset_set_matrices(dataset, &x, &y, "y", error);
}
