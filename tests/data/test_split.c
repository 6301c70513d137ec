/* Which rows train and which validate.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "helper_data.h"

#define ROWS 1000

typedef struct split {
    uint64_t training[ROWS];
    uint64_t validation[ROWS];
    uint64_t training_count;
    uint64_t validation_count;
} split;

static int32_t classes[ROWS];
static float inputs[ROWS];

/* Row r has class 0, 1 or 2 in the proportion 7 : 2 : 1. */
static bp_dataset *make(uint64_t rows)
{
    bp_dataset *dataset;

    for (uint64_t i = 0; i < rows; i++)
        classes[i] = i % 10 < 7 ? 0 : i % 10 < 9 ? 1 : 2;
    bp_array x = {.data = inputs, .type = BP_TYPE_F32, .rows = rows, .columns = 1};
    bp_array y = {.data = classes, .type = BP_TYPE_I32, .rows = rows, .columns = 1};
    cr_assert_eq(bp_dataset_borrow(&x, &y, NULL, NULL, &dataset, NULL), BP_OK);
    return dataset;
}

static void divide(const bp_dataset *dataset, const bp_settings *settings, split *s)
{
    bp_error error = {0};

    cr_assert_eq(bp_dataset_split(dataset, (bp_rows){0}, settings, s->training, &s->training_count, s->validation,
                                  &s->validation_count, &error),
                 BP_OK, "%s", error.text);
}

static const bp_settings *fraction(double f, const char *task, const char *seed)
{
    char text[32];

    snprintf(text, sizeof text, "%g", f);
    return with("validation-split", text, "task", task, "seed", seed, NULL);
}

Test(split, both_sides_are_ascending_and_hold_every_row_once)
{
    static const double fractions[] = {0, 0.001, 0.1, 0.5, 0.999};
    static split s;

    for (uint64_t rows = 1; rows <= ROWS; rows = 3 * rows + 1)
        for (size_t f = 0; f < 5; f++) {
            bp_dataset *dataset = make(rows);
            uint64_t t = 0, v = 0;
            divide(dataset, fraction(fractions[f], "multiclass", "1"), &s);
            for (uint64_t row = 0; row < rows; row++)
                if (t < s.training_count && s.training[t] == row)
                    t++;
                else
                    cr_assert(v < s.validation_count && s.validation[v++] == row, "row %lu of %lu", (unsigned long)row,
                              (unsigned long)rows);
            cr_assert_eq(t + v, rows);
            cr_assert_eq(t, s.training_count);
            cr_assert_gt(t, 0);
            cr_assert_eq(v > 0, rows > 1 && f > 0, "%lu rows, fraction %g: %lu", (unsigned long)rows, fractions[f],
                         (unsigned long)v);
            bp_dataset_free(dataset);
        }
}

Test(split, classes_keep_their_proportions)
{
    static split s;
    bp_dataset *dataset = make(ROWS);
    unsigned counts[3] = {0};

    divide(dataset, fraction(0.1, "multiclass", "1"), &s);
    for (uint64_t i = 0; i < s.validation_count; i++)
        counts[classes[s.validation[i]]]++;
    cr_assert_eq(counts[0], 70);
    cr_assert_eq(counts[1], 20);
    cr_assert_eq(counts[2], 10);
    bp_dataset_free(dataset);
}

Test(split, the_seed_decides)
{
    static split first, again, other;
    bp_dataset *dataset = make(ROWS);

    divide(dataset, fraction(0.3, "regression", "1"), &first);
    divide(dataset, fraction(0.3, "regression", "1"), &again);
    divide(dataset, fraction(0.3, "regression", "2"), &other);
    cr_assert_eq(first.validation_count, 300);
    cr_assert_arr_eq(first.validation, again.validation, 300 * sizeof *first.validation);
    cr_assert_neq(memcmp(first.validation, other.validation, 300 * sizeof *first.validation), 0);
    bp_dataset_free(dataset);
}

Test(split, a_class_keeps_a_row_to_train_on)
{
    static split s;
    bp_dataset *dataset = make(10); /* class 2 has one row */

    divide(dataset, fraction(0.9, "multiclass", "1"), &s);
    cr_assert_eq(s.training_count, 3);
    for (int class = 0; class < 3; class ++)
        cr_assert_eq(classes[s.training[class]], class);
    bp_dataset_free(dataset);
}
