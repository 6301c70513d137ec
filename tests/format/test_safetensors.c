/* Tests of safetensors: what is written reads back, equal things give equal bytes, nothing hostile gets through.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "refusing.h"
#include "safetensors.h"
#include "scratch.h"

TestSuite(safetensors, .init = scratch_begin, .fini = scratch_end);

static const float weights[6] = {1, 2, 3, 4, 5, 6};
static const double doubles[2] = {0.1, -0.0};
static const uint64_t counts[1] = {UINT64_MAX};
static const uint8_t bytes3[3] = {7, 8, 9};

static const bp_tensor tensors[] = {
    {.name = "bytes", .dtype = BP_DTYPE_U8, .rank = 1, .shape = {3}, .data = bytes3},
    {.name = "w", .dtype = BP_DTYPE_F32, .rank = 2, .shape = {2, 3}, .data = weights},
    {.name = "doubles", .dtype = BP_DTYPE_F64, .rank = 1, .shape = {2}, .data = doubles},
    {.name = "empty", .dtype = BP_DTYPE_F32, .rank = 2, .shape = {0, 3}, .data = NULL},
    {.name = "count", .dtype = BP_DTYPE_U64, .rank = 0, .data = counts},
};
static const bp_pair pairs[] = {{"zeta", "last letter first"}, {"alpha", "\"quoted\" \\ \xc3\xa9\n"}, {"none", ""}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void write_example(const char *path)
{
    bp_error error;
    cr_assert_eq(bp_safetensors_write(path, tensors, COUNT(tensors), pairs, COUNT(pairs), NULL, &error), BP_OK, "%s", error.text);
}

Test(safetensors, what_is_written_reads_back)
{
    bp_safetensors *file;
    bp_error error;

    write_example("file");
    cr_assert_eq(bp_safetensors_read("file", NULL, &file, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_safetensors_verify(file, &error), BP_OK, "%s", error.text);
    cr_assert_eq(file->tensor_count, COUNT(tensors));
    for (size_t i = 0; i < COUNT(tensors); i++) {
        const bp_tensor *tensor;
        cr_assert_eq(
            bp_safetensors_expect(file, tensors[i].name, tensors[i].dtype, tensors[i].rank, tensors[i].shape, &tensor, &error),
            BP_OK, "%s", error.text);
        cr_assert(!tensor->size || memcmp(tensor->data, tensors[i].data, tensor->size) == 0);
        cr_assert_eq(bp_safetensors_offset(file, tensor) % bp_dtype_size(tensor->dtype), 0, "%s is not aligned", tensor->name);
    }
    cr_assert_eq(file->data_begin % BP_SAFETENSORS_ALIGNMENT, 0);
    cr_assert_eq(file->pair_count, COUNT(pairs) + 1);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        cr_assert_str_eq(file->metadata[i + 1].key, pairs[i].key);
        cr_assert_str_eq(bp_safetensors_text(file, pairs[i].key), pairs[i].value);
    }
    cr_assert_null(bp_safetensors_tensor(file, "alpha"));
    cr_assert_null(bp_safetensors_text(file, "w"));
    bp_safetensors_free(file);
}

/* The bytes as the format's description has them, so that a change of the writer is seen; the digits come from libxxhash itself. */
Test(safetensors, a_file_has_these_bytes)
{
    static const char header[] = "{\"__metadata__\":{\"checksum\":\"24b0c91e561c9eac240b0ba2b90b1a27\",\"k\":\"v\"},"
                                 "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    bp_tensor tensor = {.name = "w", .dtype = BP_DTYPE_F32, .rank = 1, .shape = {2}, .data = weights};
    unsigned char golden[8 + 184 + 8];
    size_t size;

    memset(golden, ' ', sizeof golden);
    memcpy(golden, "\xb8\0\0\0\0\0\0\0", 8);
    memcpy(golden + 8, header, strlen(header));
    memcpy(golden + 192, "\0\0\x80\x3f\0\0\0\x40", 8);
    cr_assert_eq(bp_safetensors_write("file", &tensor, 1, &(bp_pair){"k", "v"}, 1, NULL, NULL), BP_OK);
    unsigned char *written = scratch_read("file", &size);
    cr_assert_eq(size, sizeof golden);
    cr_assert_eq(memcmp(written, golden, size), 0, "%.*s", (int)(size - 16), (const char *)written + 8);
    free(written);
}

Test(safetensors, equal_arguments_give_equal_files)
{
    size_t size, again;

    write_example("one");
    write_example("two");
    unsigned char *one = scratch_read("one", &size), *two = scratch_read("two", &again);
    cr_assert_eq(size, again);
    cr_assert_eq(memcmp(one, two, size), 0);
    free(one);
    free(two);
}

Test(safetensors, names_that_stand_twice_and_foreign_text_are_not_written)
{
    bp_tensor twice[] = {tensors[1], tensors[1]}, latin = tensors[1], metadata = tensors[1], huge = tensors[1];

    latin.name = "\xe9";
    metadata.name = "__metadata__";
    huge.shape[0] = UINT64_MAX / 2;
    cr_assert_eq(bp_safetensors_write("file", twice, 2, NULL, 0, NULL, NULL), BP_INVALID);
    cr_assert_eq(bp_safetensors_write("file", &latin, 1, NULL, 0, NULL, NULL), BP_INVALID);
    cr_assert_eq(bp_safetensors_write("file", &metadata, 1, NULL, 0, NULL, NULL), BP_INVALID);
    cr_assert_eq(bp_safetensors_write("file", &huge, 1, NULL, 0, NULL, NULL), BP_INVALID);
    cr_assert_eq(bp_safetensors_write("file", NULL, 0, &(bp_pair){"checksum", "mine"}, 1, NULL, NULL), BP_INVALID);
    cr_assert_eq(bp_safetensors_write("file", NULL, 0, &(bp_pair){"key", "\xff"}, 1, NULL, NULL), BP_INVALID);
    cr_assert_eq(scratch_count(), 0);
}

Test(safetensors, refused_memory_loses_nothing)
{
    bp_status status = BP_NO_MEMORY;
    size_t refused = 0;

    write_example("file");
    for (; status != BP_OK; refused++) {
        refusing memory = refuse_at(refused);
        bp_allocator allocator = refusing_allocator(&memory);
        bp_safetensors *file = NULL;
        status = bp_safetensors_read("file", &allocator, &file, NULL);
        cr_assert(status == BP_OK || status == BP_NO_MEMORY);
        bp_safetensors_free(file);
        cr_assert_eq(memory.alive, 0);
    }
    cr_assert_geq(refused, 5);
    status = BP_NO_MEMORY;
    for (refused = 0; status != BP_OK; refused++) {
        refusing memory = refuse_at(refused);
        bp_allocator allocator = refusing_allocator(&memory);
        status = bp_safetensors_write("out", tensors, COUNT(tensors), pairs, COUNT(pairs), &allocator, NULL);
        cr_assert(status == BP_OK || status == BP_NO_MEMORY);
        cr_assert_eq(memory.alive, 0);
    }
    cr_assert_geq(refused, 3);
}

static size_t json_allocations_left;

static void *allocate_for_json(size_t size)
{
    if (json_allocations_left == 0)
        return NULL;
    json_allocations_left--;
    return malloc(size);
}

/* The tree of JSON does not come from our allocator. */
Test(safetensors, memory_refused_to_the_json_of_a_write_is_no_fault_of_the_caller)
{
    bp_status status = BP_NO_MEMORY;
    bp_error error = {0};
    size_t granted = 0;

    json_set_alloc_funcs(allocate_for_json, free);
    for (; status != BP_OK; granted++) {
        json_allocations_left = granted;
        status = bp_safetensors_write("file", tensors, COUNT(tensors), pairs, COUNT(pairs), NULL, &error);
        cr_assert(status == BP_OK || status == BP_NO_MEMORY, "allocation %zu: %s", granted + 1, error.text);
    }
    cr_assert_geq(granted, 20);
    json_set_alloc_funcs(malloc, free);
}

/* ---------------------------------------------------------------------------------------------------------- hostile */

/* Parses a copy of exactly that size, so that a byte too far is a byte out of bounds. */
static bp_status parse(const void *bytes, size_t size, bp_error *error)
{
    void *copy = malloc(size ? size : 1);
    bp_safetensors *file = NULL;

    cr_assert(copy);
    memcpy(copy, bytes, size);
    bp_status status = bp_safetensors_parse(copy, size, NULL, NULL, &file, error);
    if (status == BP_OK)
        status = bp_safetensors_verify(file, error);
    else
        cr_assert_null(file);
    bp_safetensors_free(file);
    free(copy);
    return status;
}

/* A header and `data` bytes behind it; `length` is what the file says of the header. */
static bp_status parse_header(const char *header, size_t header_size, uint64_t length, size_t data, bp_error *error)
{
    unsigned char bytes[2048] = {0};

    cr_assert_leq(8 + header_size + data, sizeof bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> 8 * i);
    memcpy(bytes + 8, header, header_size);
    return parse(bytes, 8 + header_size + data, error);
}

#define TENSOR(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

/* The parser takes it, so that what follows is refused for its own fault; only the checksum is missing. */
Test(safetensors, the_hostile_headers_below_differ_from_a_good_one)
{
    static const char *const good[] = {
        "{" TENSOR("a", "F32", "4", "0,16") "}",
        "{" TENSOR("b", "F32", "2", "8,16") "," TENSOR("a", "F32", "2", "0,8") "}   ",
        "{" TENSOR("a", "F32", "2,2", "0,16") ",\"__metadata__\":{}," TENSOR("e", "I64", "0", "16,16") "}",
        "{" TENSOR("a", "BF16", "1,1,1,1,1,1,1,8", "0,16") "}",
    };
    bp_error error;

    for (size_t i = 0; i < COUNT(good); i++) {
        cr_assert_eq(parse_header(good[i], strlen(good[i]), strlen(good[i]), 16, &error), BP_BAD_FILE);
        cr_assert(strstr(error.text, "no checksum"), "%s: %s", good[i], error.text);
    }
}

Test(safetensors, hostile_headers_are_refused_with_their_fault)
{
    static const struct {
        const char *header, *fault;
    } cases[] = {
        {"{" TENSOR("a", "F32", "4294967296,4294967296,4", "0,16") "}", "dtype and shape"}, /* 2^64 elements times 16 is 0 */
        {"{" TENSOR("a", "F32", "4611686018427387904", "0,0") "}", "dtype and shape"},
        {"{" TENSOR("a", "F64", "9223372036854775807,2", "0,16") "}", "dtype and shape"},
        {"{" TENSOR("a", "F32", "18446744073709551616", "0,16") "}", "too big integer"},
        {"{" TENSOR("a", "F32", "-4", "0,16") "}", "shape"},
        {"{" TENSOR("a", "F32", "4.0", "0,16") "}", "shape"},
        {"{" TENSOR("a", "F32", "\"4\"", "0,16") "}", "shape"},
        {"{" TENSOR("a", "F32", "1,1,1,1,1,1,1,1,4", "0,16") "}", "shape"},
        {"{" TENSOR("a", "F32", "5", "0,16") "}", "dtype and shape"},
        {"{" TENSOR("a", "F99", "4", "0,16") "}", "unknown dtype"},
        {"{" TENSOR("a", "f32", "4", "0,16") "}", "unknown dtype"},
        {"{" TENSOR("a", "F32", "4", "0,17") "}", "data_offsets"},
        {"{" TENSOR("a", "F32", "4", "16,0") "}", "data_offsets"},
        {"{" TENSOR("a", "F32", "4", "-16,0") "}", "data_offsets"},
        {"{" TENSOR("a", "F32", "4", "0") "}", "two data_offsets"},
        {"{" TENSOR("a", "F32", "4", "0,16,16") "}", "two data_offsets"},
        {"{" TENSOR("a", "F32", "3", "4,16") "}", "after"},                                    /* a hole before */
        {"{" TENSOR("a", "F32", "1", "0,4") "," TENSOR("b", "F32", "2", "8,16") "}", "after"}, /* between */
        {"{" TENSOR("a", "F32", "3", "0,12") "}", "follow the last tensor"},                   /* behind */
        {"{}", "follow the last tensor"},
        {"{" TENSOR("a", "F32", "3", "0,12") "," TENSOR("b", "F32", "2", "8,16") "}", "before"},
        {"{" TENSOR("a", "F32", "4", "0,16") "," TENSOR("b", "F32", "4", "0,16") "}", "before"},
        {"{" TENSOR("a", "F32", "4", "0,16") "," TENSOR("a", "F32", "4", "0,16") "}", "duplicate"},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}," TENSOR("a", "F32", "4", "0,16") "}", "duplicate"},
        {"{\"__metadata__\":{\"k\":1}," TENSOR("a", "F32", "4", "0,16") "}", "no string"},
        {"{\"__metadata__\":[]," TENSOR("a", "F32", "4", "0,16") "}", "no object"},
        {"{" TENSOR("a\\u0000b", "F32", "4", "0,16") "}", "u0000"},
        {"{\"__metadata__\":{\"k\":\"a\\u0000\"}," TENSOR("a", "F32", "4", "0,16") "}", "u0000"},
        {"{\"a\":[]}", "needs dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", "needs dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"more\":1}}", "needs dtype"},
        {"{" TENSOR("\xff", "F32", "4", "0,16") "}", "decode byte 0xff"},
        {"{" TENSOR("a", "F32", "4", "0,16") "} x", "end of file expected"},
        {"{" TENSOR("a", "F32", "4", "0,16"), "header"},
        {"[]", "does not begin with '{'"},
        {" {}", "does not begin with '{'"},
        {"", "does not begin with '{'"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bp_error error;
        size_t size = strlen(cases[i].header);
        cr_assert_eq(parse_header(cases[i].header, size, size, 16, &error), BP_BAD_FILE, "%s", cases[i].header);
        cr_assert(strstr(error.text, cases[i].fault), "%s: %s", cases[i].header, error.text);
        cr_assert(strstr(error.text, ": byte "), "%s", error.text);
    }
}

Test(safetensors, absurd_header_lengths_are_refused_before_memory_is_asked_for)
{
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63, (uint64_t)1 << 32, 100000001, 3, 19};
    bp_error error;

    for (size_t i = 0; i < COUNT(lengths); i++)
        cr_assert_eq(parse_header("{}", 2, lengths[i], 16, &error), BP_BAD_FILE, "%llu", (unsigned long long)lengths[i]);
}

Test(safetensors, depth_without_end_is_refused)
{
    size_t depth = 3000000;
    char *header = malloc(depth);
    unsigned char *bytes = malloc(depth + 8);

    cr_assert(header && bytes);
    memset(bytes + 8, '[', depth);
    memcpy(bytes + 8, "{\"a\":", 5);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(depth >> 8 * i);
    cr_assert_eq(parse(bytes, depth + 8, NULL), BP_BAD_FILE);
    free(bytes);
    free(header);
}

Test(safetensors, a_nul_among_the_header_is_refused)
{
    static const char header[] = "{\"a\0b\":{\"dtype\":\"U8\",\"shape\":[16],\"data_offsets\":[0,16]}}";
    cr_assert_eq(parse_header(header, sizeof header - 1, sizeof header - 1, 16, NULL), BP_BAD_FILE);
}

Test(safetensors, every_flipped_bit_is_found)
{
    size_t size;

    write_example("file");
    unsigned char *bytes = scratch_read("file", &size);
    cr_assert_eq(parse(bytes, size, NULL), BP_OK);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        cr_assert_eq(parse(bytes, size, NULL), BP_BAD_FILE, "bit %zu of byte %zu", bit % 8, bit / 8);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(bytes);
}

Test(safetensors, every_shorter_or_longer_file_is_refused)
{
    size_t size;

    write_example("file");
    unsigned char *bytes = scratch_read("file", &size);
    for (size_t length = 0; length < size; length++)
        cr_assert_eq(parse(bytes, length, NULL), BP_BAD_FILE, "%zu of %zu bytes", length, size);
    bytes[size] = 0; /* scratch_read leaves room for one more */
    cr_assert_eq(parse(bytes, size + 1, NULL), BP_BAD_FILE);
    free(bytes);
}

/* ------------------------------------------------------------------------------------------------------------- hash */

Test(hash, digits_are_those_of_xxhsum_however_the_bytes_come)
{
    char digits[BP_HASH_DIGITS + 1], again[BP_HASH_DIGITS + 1];
    unsigned char bytes[1000];
    bp_hash hash;

    bp_hash_begin(&hash);
    bp_hash_digits(&hash, digits);
    cr_assert_str_eq(digits, "99aa06d3014798d86001c324468d497f"); /* xxhsum -H2 /dev/null */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7);
    bp_hash_begin(&hash);
    bp_hash_add(&hash, bytes, sizeof bytes);
    bp_hash_digits(&hash, digits);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 37) {
        bp_hash_begin(&hash);
        bp_hash_add(&hash, bytes, cut);
        bp_hash_add(&hash, bytes + cut, sizeof bytes - cut);
        bp_hash_digits(&hash, again);
        cr_assert_str_eq(digits, again);
    }
}
