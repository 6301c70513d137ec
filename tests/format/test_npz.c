/* Tests of npz files: every byte is where ZIP and .npy want it, told by a reader of the test's own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "npz.h"
#include "scratch.h"

TestSuite(npz, .init = scratch_begin, .fini = scratch_end);

static uint64_t number(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    while (count--)
        value = value << 8 | bytes[count];
    return value;
}

/* The member that entry number i of the directory tells of, found from the file's end; its name is checked against all copies. */
static const unsigned char *member(const unsigned char *file, size_t size, size_t i, const char *name, size_t *length)
{
    const unsigned char *end = file + size - 22, *entry = file + number(end + 16, 4);

    cr_assert_eq(number(end, 4), 0x06054b50);
    cr_assert_eq(number(end + 12, 4), (uint64_t)(end - entry), "the directory ends where the end begins");
    for (; i; i--)
        entry += 46 + number(entry + 28, 2);
    const unsigned char *local = file + number(entry + 42, 4);
    cr_assert_eq(number(entry, 4), 0x02014b50);
    cr_assert_eq(number(local, 4), 0x04034b50);
    cr_assert_arr_eq(entry + 6, local + 4, 26, "both say the same");
    cr_assert_eq(number(local + 26, 2), strlen(name));
    cr_assert_arr_eq(local + 30, name, strlen(name));
    cr_assert_arr_eq(entry + 46, name, strlen(name));
    *length = (size_t)number(local + 22, 4);
    const unsigned char *data = local + 30 + strlen(name);
    cr_assert_eq(crc32(0, data, (uInt)*length), number(local + 14, 4));
    return data;
}

static void expect_array(const unsigned char *data, size_t length, const char *header, const void *elements, size_t bytes)
{
    cr_assert_eq(length, 128 + bytes);
    cr_assert_arr_eq(data, "\x93NUMPY\x01\x00\x76\x00", 10);
    cr_assert_arr_eq(data + 10, header, strlen(header), "%.80s", (const char *)data + 10);
    for (size_t i = 10 + strlen(header); i < 127; i++)
        cr_assert_eq(data[i], ' ');
    cr_assert_eq(data[127], '\n');
    cr_assert_arr_eq(data + 128, elements, bytes);
}

Test(npz, holds_each_tensor_as_numpy_writes_it)
{
    static const float w[6] = {1, -2, 3.5f, 0, 1e-30f, 6};
    static const double mean[3] = {0.1, -7, 1e300};
    const bp_tensor tensors[] = {
        {.name = "W1", .dtype = BP_DTYPE_F32, .rank = 2, .shape = {2, 3}, .data = w},
        {.name = "mean", .dtype = BP_DTYPE_F64, .rank = 1, .shape = {3}, .data = mean},
    };
    bp_error error;
    size_t size, length;

    cr_assert_eq(bp_npz_write("a.npz", tensors, 2, NULL, &error), BP_OK, "%s", error.text);
    unsigned char *file = scratch_read("a.npz", &size);
    cr_assert_eq(number(file + size - 22 + 10, 2), 2);
    const unsigned char *data = member(file, size, 0, "W1.npy", &length);
    expect_array(data, length, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", w, sizeof w);
    data = member(file, size, 1, "mean.npy", &length);
    expect_array(data, length, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", mean, sizeof mean);
    free(file);
}

Test(npz, beyond_4_gib_is_refused_before_anything_is_read)
{
    const bp_tensor tensor = {.name = "W1", .dtype = BP_DTYPE_F32, .rank = 2, .shape = {1 << 15, 1 << 15}, .data = NULL};
    const bp_tensor overflow = {.name = "W1", .dtype = BP_DTYPE_F32, .rank = 2, .shape = {1ull << 40, 1ull << 40}, .data = NULL};
    bp_error error;

    cr_assert_eq(bp_npz_write("a.npz", &tensor, 1, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, "4 GiB"), "%s", error.text);
    cr_assert_eq(bp_npz_write("a.npz", &overflow, 1, NULL, &error), BP_INVALID);
    cr_assert_eq(scratch_count(), 0);
}
