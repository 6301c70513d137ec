/* Writes safetensors, so that equal tensors and pairs give equal bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "hash.h"
#include "memory.h"
#include "safetensors.h"
#include "size.h"
#include "text.h"

/* Everything that a write builds; freed as a whole. */
typedef struct writing {
    bp_allocator allocator;
    json_t *json;
    unsigned char *header; /* [header_size]: the length, the text, spaces */
    size_t header_size;
    bp_file_piece *pieces; /* [piece_count]: the header, then the tensors in their order */
    size_t piece_count;
    size_t pieces_size; /* bytes */
    size_t data_size;
} writing;

static void free_writing(writing *w)
{
    json_decref(w->json);
    bp_release(&w->allocator, w->header, w->header_size);
    bp_release(&w->allocator, w->pieces, w->pieces_size);
}

static bp_status check_utf8(const char *text, const char *key, bp_error *error)
{
    size_t length = strlen(text);

    if (bp_text_utf8_prefix(text, length) == length)
        return BP_OK;
    return bp_fail(error, BP_INVALID, "\"%.100s\" cannot be written: not UTF-8", key);
}

/* Takes `value`, which is NULL where memory for it was refused. jansson also refuses text that is not UTF-8 by a mere NULL,
 * so texts are looked at before. */
static bp_status add_new(json_t *object, const char *key, json_t *value, bp_error *error)
{
    bp_status status = check_utf8(key, key, error);

    if (status == BP_OK && json_object_get(object, key))
        status = bp_fail(error, BP_INVALID, "\"%.100s\" is to be written twice", key);
    if (status != BP_OK) {
        json_decref(value);
        return status;
    }
    if (json_object_set_new(object, key, value))
        return bp_fail(error, BP_NO_MEMORY, "memory to describe \"%.100s\" was refused", key);
    return BP_OK;
}

static bp_status describe_metadata(writing *w, const bp_pair *pairs, size_t count, bp_error *error)
{
    json_t *metadata = json_object();

    BP_TRY(add_new(w->json, "__metadata__", metadata, error)); /* which owns it from here on */
    BP_TRY(add_new(metadata, "checksum", json_string("00000000000000000000000000000000"), error));
    for (size_t i = 0; i < count; i++) {
        BP_TRY(check_utf8(pairs[i].value, pairs[i].key, error));
        BP_TRY(add_new(metadata, pairs[i].key, json_string(pairs[i].value), error));
    }
    return BP_OK;
}

static json_t *make_shape(const bp_tensor *tensor)
{
    json_t *shape = json_array();

    for (uint32_t i = 0; shape && i < tensor->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]))) {
            json_decref(shape);
            return NULL;
        }
    return shape;
}

/* Adds one tensor behind those that are there. */
static bp_status describe_tensor(writing *w, const bp_tensor *tensor, bp_error *error)
{
    size_t bytes, begin = w->data_size;

    if (!bp_tensor_bytes(tensor, &bytes) || !bp_size_add(begin, bytes, &w->data_size) || w->data_size > INT64_MAX)
        return bp_fail(error, BP_INVALID, "\"%.100s\" is too large for a file", tensor->name);
    json_t *entry = json_pack("{s:s, s:o*, s:[I, I]}", "dtype", bp_dtype_name(tensor->dtype), "shape", make_shape(tensor),
                              "data_offsets", (json_int_t)begin, (json_int_t)w->data_size);
    if (!entry || json_object_size(entry) != 3) {
        json_decref(entry);
        return bp_fail(error, BP_NO_MEMORY, "memory to describe \"%.100s\" was refused", tensor->name);
    }
    w->pieces[w->piece_count++] = (bp_file_piece){tensor->data, bytes};
    return add_new(w->json, tensor->name, entry, error);
}

static bp_status describe_tensors(writing *w, const bp_tensor *tensors, size_t count, bp_error *error)
{
    size_t pieces;

    if (!bp_size_add(count, 1, &pieces) || !bp_size_mul(pieces, sizeof *w->pieces, &w->pieces_size) ||
        !(w->pieces = bp_allocate(&w->allocator, w->pieces_size)))
        return bp_fail(error, BP_NO_MEMORY, "memory for %zu tensors was refused", count);
    w->piece_count = 1; /* the header's place */
    for (size_t size = 8; size > 0; size /= 2)
        for (size_t i = 0; i < count; i++)
            if (bp_dtype_size(tensors[i].dtype) == size)
                BP_TRY(describe_tensor(w, &tensors[i], error));
    return BP_OK;
}

static bp_status dump_header(writing *w, const char *path, bp_error *error)
{
    size_t text = json_dumpb(w->json, NULL, 0, JSON_COMPACT);

    if (text == 0)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for the header was refused", path);
    if (text > BP_SAFETENSORS_HEADER_MAX - BP_SAFETENSORS_ALIGNMENT)
        return bp_fail(error, BP_INVALID,
                       "%s: names, categories and all else in its header would have %zu bytes, and %d at most can be read again: "
                       "fewer columns fit",
                       path, text, BP_SAFETENSORS_HEADER_MAX);
    w->header_size = bp_size_round_up(8 + text, BP_SAFETENSORS_ALIGNMENT);
    w->header = bp_allocate(&w->allocator, w->header_size);
    if (!w->header)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", path, w->header_size);
    for (size_t i = 0; i < 8; i++)
        w->header[i] = (unsigned char)((uint64_t)(w->header_size - 8) >> 8 * i);
    memset(w->header + 8, ' ', w->header_size - 8);
    if (json_dumpb(w->json, (char *)w->header + 8, text, JSON_COMPACT) != text)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for the header was refused", path);
    w->pieces[0] = (bp_file_piece){w->header, w->header_size};
    return BP_OK;
}

/* The digits stand as zeros while all is hashed, then as they are. */
static void sign(writing *w)
{
    char digits[BP_HASH_DIGITS + 1];
    bp_hash hash;

    bp_hash_begin(&hash);
    for (size_t i = 0; i < w->piece_count; i++)
        bp_hash_add(&hash, w->pieces[i].data, w->pieces[i].size);
    bp_hash_digits(&hash, digits);
    memcpy(w->header + BP_SAFETENSORS_DIGITS, digits, BP_HASH_DIGITS);
}

static bp_status build(writing *w, const char *path, const bp_tensor *tensors, size_t tensor_count, const bp_pair *metadata,
                       size_t pair_count, bp_error *error)
{
    w->json = json_object();
    if (!w->json)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for the header was refused", path);
    BP_TRY(describe_metadata(w, metadata, pair_count, error));
    BP_TRY(describe_tensors(w, tensors, tensor_count, error));
    BP_TRY(dump_header(w, path, error));
    sign(w);
    return BP_OK;
}

bp_status bp_safetensors_write(const char *path, const bp_tensor *tensors, size_t tensor_count, const bp_pair *metadata,
                               size_t pair_count, const bp_allocator *allocator, bp_error *error)
{
    writing w = {.allocator = bp_allocator_or_default(allocator)};
    bp_status status = build(&w, path, tensors, tensor_count, metadata, pair_count, error);

    if (status == BP_OK)
        status = bp_file_replace(path, w.pieces, w.piece_count, error);
    free_writing(&w);
    return status;
}
