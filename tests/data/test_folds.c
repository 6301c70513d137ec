/* Which fold each row is in, and groups that stay together.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_data.h"
#include "scratch.h"

TestSuite(folds, .init = scratch_begin, .fini = scratch_end);

enum { ROWS = 300, GROUPS = 23, KINDS = 12 };

static int group_of(int row)
{
    return row * row % GROUPS;
}

/* Columns x, g (a group) and y (a class of three, one of them rare). */
static bp_dataset *read_table(const bp_settings *settings)
{
    FILE *file = fopen("t.csv", "w");
    bp_dataset *dataset;
    bp_error error;

    fprintf(file, "x,g,y\n");
    for (int r = 0; r < ROWS; r++)
        fprintf(file, "%d,%d,%s\n", r * 7 % 31, group_of(r), r % 40 == 0 ? "rare" : r % 3 ? "a" : "b");
    fclose(file);
    cr_assert_eq(bp_dataset_read("t.csv", settings, 0, NULL, &dataset, &error), BP_OK, "%s", error.text);
    return dataset;
}

static int class_of(int row)
{
    return row % 40 == 0 ? 2 : row % 3 ? 0 : 1;
}

Test(folds, rows_and_classes_are_dealt_out_evenly)
{
    uint32_t fold[ROWS];

    for (uint32_t folds = 2; folds < 9; folds++) {
        const bp_settings *settings = with("target", "y", NULL);
        bp_dataset *dataset = read_table(settings);
        int size[9][4] = {{0}}, all[4] = {0};
        cr_assert_eq(bp_dataset_folds(dataset, settings, folds, fold, NULL), BP_OK);
        for (int r = 0; r < ROWS; r++) {
            cr_assert_lt(fold[r], folds);
            size[fold[r]][class_of(r)]++;
            size[fold[r]][3]++;
            all[class_of(r)]++;
            all[3]++;
        }
        for (uint32_t f = 0; f < folds; f++)
            for (int c = 0; c < 4; c++)
                cr_assert(size[f][c] >= all[c] / (int)folds && size[f][c] <= all[c] / (int)folds + 1, "%d of class %d in fold %u",
                          size[f][c], c, f);
        bp_dataset_free(dataset);
    }
}

Test(folds, follow_the_seed)
{
    uint32_t one[ROWS], again[ROWS], other[ROWS];
    bp_dataset *dataset = read_table(with("target", "y", NULL));

    cr_assert_eq(bp_dataset_folds(dataset, with("target", "y", "seed", "3", NULL), 5, one, NULL), BP_OK);
    cr_assert_eq(bp_dataset_folds(dataset, with("target", "y", "seed", "3", NULL), 5, again, NULL), BP_OK);
    cr_assert_eq(bp_dataset_folds(dataset, with("target", "y", "seed", "4", NULL), 5, other, NULL), BP_OK);
    cr_assert_eq(memcmp(one, again, sizeof one), 0);
    cr_assert_neq(memcmp(one, other, sizeof one), 0);
    bp_dataset_free(dataset);
}

Test(folds, a_group_is_in_one_fold_and_on_one_side_of_a_split)
{
    const bp_settings *settings = with("target", "y", "group", "g", "validation-split", "0.3", NULL);
    bp_dataset *dataset = read_table(settings);
    uint32_t fold[ROWS];
    uint64_t training[ROWS], validation[ROWS], t, v;
    bp_column_info info;
    int of_group[GROUPS], size[4] = {0};

    memset(of_group, -1, sizeof of_group);
    cr_assert_eq(bp_dataset_column(dataset, 1, &info, NULL), BP_OK);
    cr_assert_eq(info.role, 3, "a group is no input");
    cr_assert_eq(bp_dataset_folds(dataset, settings, 4, fold, NULL), BP_OK);
    for (int r = 0; r < ROWS; r++) {
        int *known = &of_group[group_of(r)];
        cr_assert(*known < 0 || *known == (int)fold[r], "row %d", r);
        *known = (int)fold[r];
        size[fold[r]]++;
    }
    for (int f = 0; f < 4; f++)
        cr_assert(size[f] > 50 && size[f] < 100, "fold %d has %d rows", f, size[f]);
    cr_assert_eq(bp_dataset_split(dataset, (bp_rows){0}, settings, training, &t, validation, &v, NULL), BP_OK);
    cr_assert(t + v == ROWS && v > 60 && v < 120, "%d rows to validate", (int)v);
    for (uint64_t i = 0; i < t; i++)
        for (uint64_t j = 0; j < v; j++)
            cr_assert_neq(group_of((int)training[i]), group_of((int)validation[j]));
    bp_dataset_free(dataset);
}

Test(folds, too_few_rows_groups_or_rows_of_a_class_are_refused)
{
    uint32_t fold[ROWS];
    bp_error error;
    bp_dataset *dataset = read_table(with("target", "y", NULL));

    cr_assert_eq(bp_dataset_folds(dataset, with("group", "g", NULL), KINDS + 1, fold, &error), BP_INVALID);
    cr_assert_eq(bp_dataset_folds(dataset, with("group", "h", NULL), 3, fold, &error), BP_INVALID);
    cr_assert_eq(bp_dataset_folds(dataset, with("seed", "1", NULL), 1, fold, &error), BP_INVALID);
    cr_assert_eq(bp_dataset_folds(dataset, with("seed", "1", NULL), ROWS + 1, fold, &error), BP_INVALID);
    bp_dataset_free(dataset);
    scratch_write("s.csv", "x,y\n1,a\n2,a\n3,b\n", 16);
    cr_assert_eq(bp_dataset_read("s.csv", with("target", "y", NULL), 0, NULL, &dataset, NULL), BP_OK);
    cr_assert_eq(bp_dataset_folds(dataset, with("target", "y", NULL), 2, fold, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "\"b\"") && error.line == 4, "%s", error.text);
    bp_dataset_free(dataset);
}

Test(folds, chosen_rows_alone_are_split)
{
    uint64_t rows[100], training[100], validation[100], t, v;
    const bp_settings *settings = with("target", "y", "validation-split", "0.2", NULL);
    bp_dataset *dataset = read_table(settings);

    for (uint64_t i = 0; i < 100; i++)
        rows[i] = 3 * i;
    cr_assert_eq(bp_dataset_split(dataset, (bp_rows){rows, 100}, settings, training, &t, validation, &v, NULL), BP_OK);
    cr_assert(t + v == 100 && v >= 15 && v <= 25);
    for (uint64_t i = 0; i < t; i++)
        cr_assert_eq(training[i] % 3, 0);
    rows[5] = 2;
    cr_assert_eq(bp_dataset_split(dataset, (bp_rows){rows, 100}, settings, training, &t, validation, &v, NULL), BP_INVALID);
    bp_dataset_free(dataset);
}
