/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "scratch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];

void scratch_begin(void)
{
    strcpy(directory, "/tmp/backprop-test-XXXXXX");
    cr_assert(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

/* Calls act for every entry. */
static size_t each_entry(int (*act)(const char *name))
{
    DIR *entries = opendir(directory);
    size_t count = 0;

    cr_assert(entries);
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            if (act)
                cr_assert_eq(act(entry->d_name), 0, "%s", entry->d_name);
        }
    closedir(entries);
    return count;
}

void scratch_end(void)
{
    each_entry(remove);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(rmdir(directory), 0);
}

size_t scratch_count(void)
{
    return each_entry(NULL);
}

void scratch_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");

    cr_assert(file, "%s", name);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

unsigned char *scratch_read(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");

    cr_assert(file, "%s", name);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    cr_assert(end >= 0);
    unsigned char *bytes = malloc((size_t)end + 1);
    cr_assert(bytes);
    rewind(file);
    cr_assert_eq(fread(bytes, 1, (size_t)end, file), (size_t)end);
    fclose(file);
    *size = (size_t)end;
    return bytes;
}
