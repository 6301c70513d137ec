/* SPDX-License-Identifier: Apache-2.0 */
#include "idx.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data_kind.h"
#include "dataset_matrix.h"
#include "error.h"
#include "memory.h"
#include "stream.h"

#define DIMENSIONS_MAX 255
_Static_assert(SIZE_MAX / 4 > (UINT64_C(1) << 32) * BP_COLUMNS_MAX * 8, "no header tells of more bytes than can be counted");

typedef struct idx_header {
    unsigned char type;
    size_t element; /* bytes, in the file */
    bp_elements elements;
} idx_header;

/* -------------------------------------------------------------------------------------------------------- the header */

static size_t element_size(unsigned char type)
{
    switch (type) {
    case 0x08: /* u8 */
    case 0x09: /* i8 */
        return 1;
    case 0x0B: /* i16 */
        return 2;
    case 0x0C: /* i32 */
    case 0x0D: /* f32 */
        return 4;
    case 0x0E: /* f64 */
        return 8;
    default:
        return 0;
    }
}

static uint64_t big_endian(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

static bp_status read_exactly(bp_stream *stream, const char *path, size_t at, unsigned char *bytes, size_t size, bp_error *error)
{
    size_t got;

    BP_TRY(bp_stream_read(stream, bytes, size, &got, error));
    if (got < size)
        return bp_fail_offset(error, path, at + got, "truncated: the IDX header ends here, %zu bytes too early", size - got);
    return BP_OK;
}

/* Rows, columns and bytes out of the sizes of the dimensions, none of which is believed yet. Nothing overflows: a size is below
 * 2^32, columns are 2^24 at most before the next size multiplies them, and an element has 8 bytes at most. */
static bp_status multiply_sizes(const char *path, const unsigned char *sizes, size_t dimensions, idx_header *header,
                                bp_error *error)
{
    size_t columns = 1;

    for (size_t i = 0; i < dimensions; i++) {
        size_t size = (size_t)big_endian(sizes + 4 * i, 4);
        if (size == 0)
            return bp_fail_offset(error, path, 4 + 4 * i, "dimension %zu is 0: the file holds no data", i + 1);
        if (i == 0)
            header->elements.rows = size;
        else if ((columns *= size) > BP_COLUMNS_MAX)
            return bp_fail_offset(error, path, 4 + 4 * i, "the header tells of more than %llu columns",
                                  (unsigned long long)BP_COLUMNS_MAX);
    }
    header->elements.columns = columns;
    header->elements.bytes = (size_t)header->elements.rows * columns * header->element;
    return BP_OK;
}

static bp_status read_header(bp_stream *stream, const char *path, idx_header *header, bp_error *error)
{
    unsigned char magic[4], sizes[4 * DIMENSIONS_MAX];

    BP_TRY(read_exactly(stream, path, 0, magic, sizeof magic, error));
    header->type = magic[2];
    header->element = element_size(magic[2]);
    if (magic[0] || magic[1] || !header->element || !magic[3])
        return bp_fail_offset(error, path, 0, "wrong magic %02x%02x%02x%02x: not an IDX file (0000, type 08 to 0e, dimensions)",
                              magic[0], magic[1], magic[2], magic[3]);
    BP_TRY(read_exactly(stream, path, sizeof magic, sizes, (size_t)4 * magic[3], error));
    header->elements.begin = sizeof magic + (size_t)4 * magic[3];
    return multiply_sizes(path, sizes, magic[3], header, error);
}

/* ------------------------------------------------------------------------------------------------------ the elements */

/* Small integers become i32; to is as large as that needs and may be `from` where elements keep their size. */
static void convert_integers(const unsigned char *from, size_t element, size_t count, int32_t *to)
{
    unsigned shift = 32 - 8 * (unsigned)element;

    for (size_t i = 0; i < count; i++) {
        uint32_t high = (uint32_t)big_endian(from + i * element, element) << shift;
        int32_t value;
        memcpy(&value, &high, sizeof value);
        to[i] = value / (int32_t)(UINT32_C(1) << shift); /* exact: the low bits are 0, and the sign is right */
    }
}

static bp_status convert_reals(const char *path, const idx_header *header, unsigned char *bytes, bp_error *error)
{
    for (size_t at = 0; at < header->elements.bytes; at += header->element) {
        double number;
        if (header->element == 4) {
            uint32_t bits = (uint32_t)big_endian(bytes + at, 4);
            float value;
            memcpy(&value, &bits, sizeof value);
            memcpy(bytes + at, &value, sizeof value);
            number = (double)value;
        } else {
            uint64_t bits = big_endian(bytes + at, 8);
            memcpy(&number, &bits, sizeof number);
            memcpy(bytes + at, &number, sizeof number);
        }
        if (isinf(number))
            return bp_fail_offset(error, path, header->elements.begin + at, "row %zu, column %zu: an infinite number",
                                  at / header->element / header->elements.columns + 1,
                                  at / header->element % header->elements.columns + 1);
    }
    return BP_OK;
}

/* Makes a block of the file's elements a matrix of the machine's, owned by the data set. */
static bp_status take_elements(bp_dataset *dataset, const char *path, const idx_header *header, void *block, bp_matrix *matrix,
                               bp_error *error)
{
    bool real = header->type >= 0x0D;
    size_t count = header->elements.bytes / header->element;
    int32_t *integers;

    BP_TRY(bp_pool_adopt(&dataset->pool, block, header->elements.bytes, error));
    matrix->data = block;
    if (header->type == 0x08) {
        matrix->type = BP_TYPE_U8;
    } else if (real) {
        matrix->type = header->element == 4 ? BP_TYPE_F32 : BP_TYPE_F64;
        return convert_reals(path, header, block, error);
    } else {
        integers = header->element == 4 ? block : bp_pool_take_array(&dataset->pool, count, sizeof *integers, error);
        if (!integers)
            return BP_NO_MEMORY;
        convert_integers(block, header->element, count, integers);
        matrix->data = integers;
        matrix->type = BP_TYPE_I32;
    }
    return BP_OK;
}

static bp_status read_matrix(bp_dataset *dataset, const char *path, bp_matrix *matrix, bp_error *error)
{
    bp_stream *stream;
    idx_header header = {0};
    void *block;

    BP_TRY(bp_stream_open(path, &dataset->pool.allocator, &stream, error));
    bp_status status = read_header(stream, path, &header, error);
    if (status == BP_OK)
        status = bp_elements_read(stream, path, &dataset->pool.allocator, &header.elements, &block, error);
    bp_stream_close(stream);
    BP_TRY(status);
    matrix->rows = header.elements.rows;
    matrix->columns = header.elements.columns;
    return take_elements(dataset, path, &header, block, matrix, error);
}

/* -------------------------------------------------------------------------------------------------- finding the labels */

/* "train-images-idx3-ubyte.gz" -> "train-labels-idx1-ubyte.gz". False where the name has no "images". */
static bool labels_name(const char *path, char *name, size_t capacity)
{
    const char *base = strrchr(path, '/');
    const char *images = strstr(base ? base : path, "images");
    size_t length = strlen(path);

    if (!images || length + sizeof ".gz" > capacity)
        return false;
    memcpy(name, path, length + 1);
    char *labels = name + (images - path);
    memcpy(labels, "labels", strlen("labels"));
    char *dimensions = strstr(labels, "idx");
    if (dimensions && dimensions[3] >= '1' && dimensions[3] <= '9')
        dimensions[3] = '1';
    return true;
}

/* The same name packed where it is plain, plain where it is packed. */
static void toggle_gzip(char *name)
{
    size_t plain = bp_plain_length(name);

    if (name[plain])
        name[plain] = 0;
    else
        memcpy(name + plain, ".gz", sizeof ".gz");
}

/* matrix->data stays NULL where there are no targets and need be none. */
static bp_status read_targets(bp_dataset *dataset, const bp_settings *settings, bool optional, bp_matrix *matrix, bp_error *error)
{
    char name[BP_TEXT_MAX];
    bp_error missing = {0};

    if (settings->target_file[0])
        return read_matrix(dataset, settings->target_file, matrix, error);
    if (labels_name(dataset->path, name, sizeof name))
        for (int attempt = 0; attempt < 2; attempt++) {
            bp_status status = read_matrix(dataset, name, matrix, &missing);
            if (status == BP_OK || missing.system != ENOENT) {
                if (error && status != BP_OK)
                    *error = missing;
                return status;
            }
            toggle_gzip(name);
        }
    if (optional)
        return BP_OK;
    return bp_fail(error, BP_INVALID, "%s: no file of labels is beside it by name; say where the targets are with --target-file",
                   dataset->path);
}

/* ------------------------------------------------------------------------------------------------------- the data set */

bp_status bp_idx_read(bp_dataset *dataset, const bp_settings *settings, bool optional, bp_error *error)
{
    bp_matrix x = {0}, y = {0};

    BP_TRY(read_matrix(dataset, dataset->path, &x, error));
    BP_TRY(read_targets(dataset, settings, optional, &y, error));
    BP_TRY(bp_dataset_set_matrices(dataset, &x, &y, "label", error));
    dataset->integer_classes = y.data && y.columns == 1 && (y.type == BP_TYPE_U8 || y.type == BP_TYPE_I32);
    return BP_OK;
}
