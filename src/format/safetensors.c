/* Reads safetensors out of bytes that nobody vouches for.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "safetensors.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "hash.h"
#include "json_text.h"
#include "memory.h"
#include "size.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [BP_DTYPE_F64] = {"F64", 8},   [BP_DTYPE_I64] = {"I64", 8}, [BP_DTYPE_U64] = {"U64", 8}, [BP_DTYPE_F32] = {"F32", 4},
    [BP_DTYPE_I32] = {"I32", 4},   [BP_DTYPE_U32] = {"U32", 4}, [BP_DTYPE_F16] = {"F16", 2}, [BP_DTYPE_BF16] = {"BF16", 2},
    [BP_DTYPE_I16] = {"I16", 2},   [BP_DTYPE_U16] = {"U16", 2}, [BP_DTYPE_I8] = {"I8", 1},   [BP_DTYPE_U8] = {"U8", 1},
    [BP_DTYPE_BOOL] = {"BOOL", 1},
};

const char *bp_dtype_name(bp_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t bp_dtype_size(bp_dtype dtype)
{
    return dtypes[dtype].size;
}

int bp_tensor_bytes(const bp_tensor *tensor, size_t *bytes)
{
    *bytes = bp_dtype_size(tensor->dtype);
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (!bp_size_mul(*bytes, tensor->shape[i], bytes))
            return 0;
    return 1;
}

static bool find_dtype(const char *name, bp_dtype *dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            *dtype = (bp_dtype)i;
            return true;
        }
    return false;
}

/* ----------------------------------------------------------------------------------------------------------- header */

static uint64_t read_u64(const unsigned char *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Sets data_begin and json. The length is looked at before anything is allocated. */
static bp_status parse_header(bp_safetensors *file, bp_error *error)
{
    json_error_t problem;
    json_t *root;

    if (file->size < 8)
        return bp_fail_offset(error, file->path, file->size, "ends within the header's length: not safetensors");
    uint64_t length = read_u64(file->bytes);
    if (length > BP_SAFETENSORS_HEADER_MAX)
        return bp_fail_offset(error, file->path, 0, "a header of %llu bytes, more than %d: not safetensors, or damaged",
                              (unsigned long long)length, BP_SAFETENSORS_HEADER_MAX);
    if (length > file->size - 8)
        return bp_fail_offset(error, file->path, file->size, "the file ends within its header of %llu bytes",
                              (unsigned long long)length);
    file->data_begin = 8 + (size_t)length;
    if (length == 0 || file->bytes[8] != '{')
        return bp_fail_offset(error, file->path, 8, "the header does not begin with '{': not safetensors");
    bp_status status = bp_json_parse((const char *)file->bytes + 8, (size_t)length, &root, &problem);

    if (status == BP_NO_MEMORY)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for the header of %llu bytes was refused", file->path,
                       (unsigned long long)length);
    if (status != BP_OK)
        return bp_fail_offset(error, file->path, 8 + (problem.position > 0 ? (uint64_t)problem.position : 0), "header: %s",
                              problem.text);
    file->json = root;
    return BP_OK;
}

static bp_status parse_metadata(bp_safetensors *file, json_t *metadata, bp_error *error)
{
    const char *key;
    json_t *value;

    if (json_typeof(metadata) != JSON_OBJECT)
        return bp_fail_offset(error, file->path, 8, "header: __metadata__ is no object");
    file->metadata = bp_allocate(&file->allocator, json_object_size(metadata) * sizeof *file->metadata);
    if (!file->metadata)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for %zu pairs of metadata was refused", file->path,
                       json_object_size(metadata));
    json_object_foreach(metadata, key, value)
    {
        if (json_typeof(value) != JSON_STRING)
            return bp_fail_offset(error, file->path, 8, "header: __metadata__ has \"%.100s\", which is no string", key);
        file->metadata[file->pair_count++] = (bp_pair){key, json_string_value(value)};
    }
    return BP_OK;
}

/* A whole number that is not negative. */
static bool read_count(const json_t *value, uint64_t *count)
{
    if (json_typeof(value) != JSON_INTEGER || json_integer_value(value) < 0)
        return false;
    *count = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_shape(const json_t *shape, bp_tensor *tensor)
{
    if (!json_is_array(shape) || json_array_size(shape) > BP_RANK_MAX)
        return false;
    tensor->rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (!read_count(json_array_get(shape, i), &tensor->shape[i]))
            return false;
    return true;
}

static bp_status parse_tensor(bp_safetensors *file, const char *name, const json_t *entry, bp_tensor *tensor, bp_error *error)
{
    const json_t *offsets = json_object_get(entry, "data_offsets"), *dtype = json_object_get(entry, "dtype");
    size_t bytes, room = file->size - file->data_begin;
    uint64_t begin, end;

    tensor->name = name;
    if (json_object_size(entry) != 3 || !json_is_string(dtype) || json_array_size(offsets) != 2)
        return bp_fail_offset(error, file->path, 8, "header: \"%.100s\" needs dtype, shape and two data_offsets, nothing else",
                              name);
    if (!find_dtype(json_string_value(dtype), &tensor->dtype))
        return bp_fail_offset(error, file->path, 8, "header: \"%.100s\" has the unknown dtype \"%.20s\"", name,
                              json_string_value(dtype));
    if (!read_shape(json_object_get(entry, "shape"), tensor))
        return bp_fail_offset(error, file->path, 8, "header: \"%.100s\" needs a shape of at most %d whole numbers", name,
                              BP_RANK_MAX);
    if (!read_count(json_array_get(offsets, 0), &begin) || !read_count(json_array_get(offsets, 1), &end) || begin > end ||
        end > room)
        return bp_fail_offset(error, file->path, 8, "header: \"%.100s\" has data_offsets outside of the %zu bytes of data", name,
                              room);
    if (!bp_tensor_bytes(tensor, &bytes) || bytes != end - begin)
        return bp_fail_offset(error, file->path, 8, "header: \"%.100s\" has %llu bytes, which its dtype and shape do not give",
                              name, (unsigned long long)(end - begin));
    tensor->data = file->bytes + file->data_begin + begin;
    tensor->size = bytes;
    return BP_OK;
}

/* By place; an empty tensor before the one that begins where it lies. */
static int compare_places(const void *left, const void *right)
{
    const bp_tensor *a = left, *b = right;

    if (a->data != b->data)
        return (const unsigned char *)a->data < (const unsigned char *)b->data ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

/* Each tensor begins where the one before ended, and the last one ends with the file. */
static bp_status check_places(const bp_safetensors *file, bp_error *error)
{
    uint64_t end = file->data_begin;

    for (size_t i = 0; i < file->tensor_count; i++) {
        uint64_t begin = bp_safetensors_offset(file, &file->tensors[i]);
        if (begin != end)
            return bp_fail_offset(error, file->path, begin < end ? begin : end, "\"%.100s\" begins %s the tensor before it ends",
                                  file->tensors[i].name, begin < end ? "before" : "after");
        end += file->tensors[i].size;
    }
    if (end != file->size)
        return bp_fail_offset(error, file->path, end, "%llu bytes follow the last tensor", (unsigned long long)(file->size - end));
    return BP_OK;
}

static bp_status parse_entries(bp_safetensors *file, bp_error *error)
{
    const char *name;
    json_t *entry;

    file->tensors = bp_allocate_zeroed(&file->allocator, json_object_size(file->json) * sizeof *file->tensors);
    if (!file->tensors)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for %zu tensors was refused", file->path, json_object_size(file->json));
    json_object_foreach(file->json, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            BP_TRY(parse_metadata(file, entry, error));
        } else {
            BP_TRY(parse_tensor(file, name, entry, &file->tensors[file->tensor_count], error));
            file->tensor_count++;
        }
    }
    qsort(file->tensors, file->tensor_count, sizeof *file->tensors, compare_places);
    return check_places(file, error);
}

bp_status bp_safetensors_parse(const void *bytes, size_t size, const char *path, const bp_allocator *allocator,
                               bp_safetensors **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_safetensors *file = bp_allocate_zeroed(&memory, sizeof *file);

    if (!file)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", sizeof *file);
    file->allocator = memory;
    file->path = path ? path : "bytes in memory";
    file->bytes = bytes;
    file->size = size;
    bp_status status = parse_header(file, error);
    if (status == BP_OK)
        status = parse_entries(file, error);
    if (status != BP_OK) {
        bp_safetensors_free(file);
        return status;
    }
    *result = file;
    return BP_OK;
}

bp_status bp_safetensors_read(const char *path, const bp_allocator *allocator, bp_safetensors **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    void *bytes;
    size_t size;

    BP_TRY(bp_file_read_whole(path, &memory, SIZE_MAX / 2, &bytes, &size, error));
    bp_status status = bp_safetensors_parse(bytes, size, path, &memory, result, error);
    if (status == BP_OK)
        (*result)->owned = bytes;
    else
        bp_release(&memory, bytes, size);
    return status;
}

void bp_safetensors_free(bp_safetensors *file)
{
    if (!file)
        return;
    bp_allocator memory = file->allocator;
    if (file->tensors)
        bp_release(&memory, file->tensors, json_object_size(file->json) * sizeof *file->tensors);
    if (file->metadata)
        bp_release(&memory, file->metadata, json_object_size(json_object_get(file->json, "__metadata__")) * sizeof *file->metadata);
    json_decref(file->json);
    bp_release(&memory, file->owned, file->size);
    bp_release(&memory, file, sizeof *file);
}

/* ----------------------------------------------------------------------------------------------------------- asking */

bp_status bp_safetensors_verify(const bp_safetensors *file, bp_error *error)
{
    static const char zeros[BP_HASH_DIGITS] = "00000000000000000000000000000000";
    const size_t at = BP_SAFETENSORS_DIGITS, behind = at + BP_HASH_DIGITS;
    char digits[BP_HASH_DIGITS + 1];
    bp_hash hash;

    if (file->data_begin <= behind || memcmp(file->bytes + 8, BP_SAFETENSORS_OPENING, at - 8) != 0 || file->bytes[behind] != '"')
        return bp_fail_offset(error, file->path, 8, "no checksum at its place");
    bp_hash_begin(&hash);
    bp_hash_add(&hash, file->bytes, at);
    bp_hash_add(&hash, zeros, sizeof zeros);
    bp_hash_add(&hash, file->bytes + behind, file->size - behind);
    bp_hash_digits(&hash, digits);
    if (memcmp(digits, file->bytes + at, BP_HASH_DIGITS) != 0)
        return bp_fail_offset(error, file->path, at, "damaged: the checksum says %.32s, the content gives %s",
                              (const char *)file->bytes + at, digits);
    return BP_OK;
}

const bp_tensor *bp_safetensors_tensor(const bp_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *bp_safetensors_text(const bp_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->pair_count; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}

uint64_t bp_safetensors_offset(const bp_safetensors *file, const bp_tensor *tensor)
{
    return (uint64_t)((const unsigned char *)tensor->data - file->bytes);
}

bp_status bp_safetensors_expect(const bp_safetensors *file, const char *name, bp_dtype dtype, uint32_t rank, const uint64_t *shape,
                                const bp_tensor **result, bp_error *error)
{
    const bp_tensor *tensor = bp_safetensors_tensor(file, name);

    if (!tensor)
        return bp_fail(error, BP_BAD_FILE, "%s: has no tensor \"%.100s\"", file->path, name);
    if (tensor->dtype != dtype)
        return bp_fail_offset(error, file->path, bp_safetensors_offset(file, tensor), "\"%.100s\" is %s, not %s", name,
                              bp_dtype_name(tensor->dtype), bp_dtype_name(dtype));
    if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof *shape) != 0)
        return bp_fail_offset(error, file->path, bp_safetensors_offset(file, tensor), "\"%.100s\" has another shape than expected",
                              name);
    *result = tensor;
    return BP_OK;
}
