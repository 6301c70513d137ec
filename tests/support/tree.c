/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700
#include "tree.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tree_make(char *path, size_t capacity)
{
    snprintf(path, capacity, "/tmp/backprop-tree-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

void tree_write(const char *root, const char *file, const char *content)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s%s", root, file);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *stream = fopen(path, "w");
    cr_assert_not_null(stream, "%s", path);
    fputs(content, stream);
    cr_assert_eq(fclose(stream), 0);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

void tree_remove(const char *root)
{
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
