/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_golden.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <string.h>

#include "hash.h"
#include "safetensors.h"

const char *golden_path(const char *stem, const char *suffix)
{
    static char paths[4][1100];
    static size_t turn;
    char *path = paths[turn++ % 4];

    cr_assert_lt(snprintf(path, sizeof paths[0], "%s%s", stem, suffix), (int)sizeof paths[0]);
    return path;
}

FILE *golden_open(const char *stem, const char *suffix)
{
    FILE *file = fopen(golden_path(stem, suffix), "r");

    cr_assert(file, "%s%s is not there", stem, suffix);
    return file;
}

void golden_each(const char *kind, uint64_t version, const char *suffix, void (*check)(const char *stem))
{
    char folder[800], stem[1060];
    size_t count = 0, end = strlen(suffix);

    snprintf(folder, sizeof folder, "%s/tests/golden/%s/v%llu", BP_SOURCE_DIR, kind, (unsigned long long)version);
    DIR *entries = opendir(folder);
    cr_assert(entries, "%s: a version of the format without golden files: scripts/make-golden makes them", folder);
    for (struct dirent *entry; (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name);
        if (length <= end || strcmp(entry->d_name + length - end, suffix) != 0)
            continue;
        snprintf(stem, sizeof stem, "%s/%.*s", folder, (int)(length - end), entry->d_name);
        check(stem);
        count++;
    }
    closedir(entries);
    cr_assert_gt(count, 0, "%s has no files", folder);
}

static void sum_again(unsigned char *bytes, size_t size)
{
    char digits[BP_HASH_DIGITS + 1];
    bp_hash hash;

    memset(bytes + BP_SAFETENSORS_DIGITS, '0', BP_HASH_DIGITS);
    bp_hash_begin(&hash);
    bp_hash_add(&hash, bytes, size);
    bp_hash_digits(&hash, digits);
    memcpy(bytes + BP_SAFETENSORS_DIGITS, digits, BP_HASH_DIGITS);
}

void golden_set_version(unsigned char *bytes, size_t size, uint64_t version)
{
    static const char key[] = "\"version\":\"";
    size_t at = 0, length = sizeof key - 1;

    while (at + length + 2 < size && memcmp(bytes + at, key, length) != 0)
        at++;
    cr_assert(at + length + 2 < size && bytes[at + length + 1] == '"' && version < 10);
    bytes[at + length] = (unsigned char)('0' + version);
    sum_again(bytes, size);
}
