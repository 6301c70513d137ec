/* Files of matrices and of rows that need no settings: IDX, NPY, LIBSVM.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "memory_files.h"

/* As inputs alone, and as inputs and targets at once. */
static bool use(const char *name, const unsigned char *bytes, size_t size, const char *key, const char *text)
{
    bp_settings settings = *fuzz_settings(key, text, NULL);

    memory_files_put(name, bytes, size);
    bp_dataset *dataset = fuzz_read(name, &settings);
    if (dataset)
        fuzz_use_dataset(dataset, &settings);
    return dataset != NULL;
}

static bool use_twice(const char *name, const unsigned char *bytes, size_t size)
{
    if (!use(name, bytes, size, NULL, NULL))
        return false;
    bp_settings settings = *fuzz_settings("target-file", name, NULL);
    bp_dataset *dataset = fuzz_read(name, &settings);
    if (dataset)
        fuzz_use_dataset(dataset, &settings);
    return true;
}

/* ----------------------------------------------------------------------------------------------------------------- IDX */

static bool run_idx(const unsigned char *bytes, size_t size)
{
    return use_twice("in.idx", bytes, size);
}

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* As many rows as the bytes are for. */
static size_t repair_idx(unsigned char *bytes, size_t size, size_t room)
{
    static const unsigned char width[] = {[0x08] = 1, [0x09] = 1, [0x0B] = 2, [0x0C] = 4, [0x0D] = 4, [0x0E] = 8};
    size_t dimensions, head, row;
    (void)room;

    if (size < 8)
        return size;
    bytes[0] = bytes[1] = 0;
    dimensions = bytes[3] % 5 + 1;
    head = 4 + 4 * dimensions;
    row = bytes[2] < sizeof width && width[bytes[2]] ? width[bytes[2]] : 1;
    if (size <= head)
        return size;
    bytes[3] = (unsigned char)dimensions;
    for (size_t i = 1; i < dimensions; i++)
        row *= big_endian(bytes + 4 + 4 * i) ? big_endian(bytes + 4 + 4 * i) : 1;
    size_t rows = (size - head) / (row ? row : 1);
    for (size_t i = 0; rows && i < 4; i++)
        bytes[4 + i] = (unsigned char)(rows >> (24 - 8 * i));
    return rows ? head + rows * row : size;
}

/* ----------------------------------------------------------------------------------------------------------------- NPY */

static bool run_npy(const unsigned char *bytes, size_t size)
{
    return use_twice("in.npy", bytes, size);
}

/* The header ends with its line. */
static size_t repair_npy(unsigned char *bytes, size_t size, size_t room)
{
    const unsigned char *line;
    (void)room;

    if (size < 12)
        return size;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)(1 + bytes[6] % 3);
    size_t begin = bytes[6] == 1 ? 10 : 12;
    line = memchr(bytes + begin, '\n', size - begin);
    size_t length = line ? (size_t)(line - bytes) + 1 - begin : size - begin;
    bytes[8] = (unsigned char)length;
    bytes[9] = (unsigned char)(length >> 8);
    if (begin == 12)
        bytes[10] = bytes[11] = 0;
    return size;
}

/* -------------------------------------------------------------------------------------------------------------- LIBSVM */

static bool run_libsvm(const unsigned char *bytes, size_t size)
{
    return use("in.libsvm", bytes, size, "max-index", "1000");
}

/* A column costs 100 bytes beside its elements, of which one byte of the file may be the only one. */
const fuzz_target fuzz_idx = {.name = "idx", .factor = 500, .constant = (size_t)4 << 20, .repair = repair_idx, .run = run_idx};
const fuzz_target fuzz_npy = {.name = "npy", .factor = 500, .constant = (size_t)4 << 20, .repair = repair_npy, .run = run_npy};
const fuzz_target fuzz_libsvm = {.name = "libsvm", .factor = 100, .constant = (size_t)4 << 20, .run = run_libsvm};
