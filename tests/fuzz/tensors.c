/* SPDX-License-Identifier: Apache-2.0 */
#include "tensors.h"

#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "memory_files.h"
#include "safetensors.h"

/* Where the object that begins at byte 8 ends, spaces behind it included; 0 where it does not. */
static size_t find_end(const unsigned char *bytes, size_t size)
{
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = 8; i < size; i++) {
        if (quoted)
            i += bytes[i] == '\\';
        else if (bytes[i] == '{')
            depth++;
        else if (bytes[i] == '}' && --depth == 0) {
            for (i++; i < size && bytes[i] == ' ';)
                i++;
            return i;
        }
        if (i < size && bytes[i] == '"')
            quoted = !quoted;
        if (depth == 0)
            return 0;
    }
    return 0;
}

size_t tensors_repair(unsigned char *bytes, size_t size, size_t room)
{
    static const char zeros[] = "00000000000000000000000000000000";
    size_t end = find_end(bytes, size), at = BP_SAFETENSORS_DIGITS;
    char digits[BP_HASH_DIGITS + 1];
    bp_hash hash;
    (void)room;

    if (end < at + BP_HASH_DIGITS)
        return size;
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((end - 8) >> 8 * i);
    memcpy(bytes + 8, BP_SAFETENSORS_OPENING, at - 8);
    memcpy(bytes + at, zeros, BP_HASH_DIGITS);
    bp_hash_begin(&hash);
    bp_hash_add(&hash, bytes, size);
    bp_hash_digits(&hash, digits);
    memcpy(bytes + at, digits, BP_HASH_DIGITS);
    return size;
}

size_t tensors_take(const char *name, unsigned char *bytes, size_t room)
{
    size_t size = 0;
    const unsigned char *written = memory_files_get(name, &size);

    if (!written || size > room)
        fuzz_die("%s: a seed of %zu bytes", name, size);
    memcpy(bytes, written, size);
    return size;
}

void tensors_must_be_same(const char *left, const char *right)
{
    size_t a = 0, b = 0;
    const unsigned char *of_a = memory_files_get(left, &a), *of_b = memory_files_get(right, &b);

    if (!of_a || !of_b || a != b || memcmp(of_a, of_b, a) != 0)
        fuzz_die("%s and %s differ", left, right);
}
