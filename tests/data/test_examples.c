/* Examples and data sets over arrays of the host's.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "dataset.h"
#include "examples.h"
#include "helper_data.h"

static const float x[3][2] = {{1, 2}, {3, 4}, {5, 6}};
static const float y[3][1] = {{7}, {8}, {9}};
static const float w[3] = {1, 2, 3};

static bp_array matrix(const void *data, bp_type type, uint64_t rows, uint64_t columns)
{
    return (bp_array){.data = data, .type = (int32_t)type, .rows = rows, .columns = columns};
}

Test(examples, borrowed_arrays_are_not_copied)
{
    bp_array ax = matrix(x, BP_TYPE_F32, 3, 2), ay = matrix(y, BP_TYPE_F32, 3, 1), aw = matrix(w, BP_TYPE_F32, 3, 1);
    bp_examples *examples;
    float row[2], target;

    cr_assert_eq(bp_examples_borrow(&ax, &ay, &aw, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(examples->x, (const void *)x);
    cr_assert_eq(examples->y, &y[0][0]);
    cr_assert_eq(bp_examples_rows(examples), 3);
    cr_assert_eq(bp_examples_row(examples, 2, row, &target, NULL), BP_OK);
    cr_assert(row[0] == 5 && row[1] == 6 && target == 9);
    cr_assert(examples->weight[0] == 0.5f && examples->weight[1] == 1 && examples->weight[2] == 1.5f);
    bp_examples_free(examples);
}

Test(examples, shapes_that_do_not_agree_are_refused)
{
    bp_array ax = matrix(x, BP_TYPE_F32, 3, 2), shorter = matrix(y, BP_TYPE_F32, 2, 1), wide = matrix(x, BP_TYPE_F32, 3, 2);
    bp_array typed = matrix(x, BP_TYPE_F64, 3, 1), narrow = matrix(x, BP_TYPE_F32, 3, 2), none = matrix(NULL, BP_TYPE_F32, 3, 1);
    bp_examples *examples;
    bp_dataset *dataset;

    narrow.stride = 4;
    cr_expect_eq(bp_examples_borrow(&ax, &shorter, NULL, NULL, &examples, NULL), BP_INVALID);
    cr_expect_eq(bp_examples_borrow(&ax, NULL, &wide, NULL, &examples, NULL), BP_INVALID);
    cr_expect_eq(bp_examples_borrow(&typed, NULL, NULL, NULL, &examples, NULL), BP_INVALID);
    cr_expect_eq(bp_examples_borrow(&narrow, NULL, NULL, NULL, &examples, NULL), BP_INVALID);
    cr_expect_eq(bp_examples_borrow(&none, NULL, NULL, NULL, &examples, NULL), BP_INVALID);
    cr_expect_eq(bp_dataset_borrow(&ax, &shorter, NULL, NULL, &dataset, NULL), BP_INVALID);
    cr_expect_eq(bp_dataset_borrow(&ax, NULL, &wide, NULL, &dataset, NULL), BP_INVALID);
    cr_expect_eq(bp_dataset_borrow(&narrow, NULL, NULL, NULL, &dataset, NULL), BP_INVALID);
    cr_expect_eq(bp_dataset_borrow(&none, NULL, NULL, NULL, &dataset, NULL), BP_INVALID);
}

Test(examples, weights_that_mean_nothing_are_refused)
{
    static const float bad[][3] = {{1, -1, 1}, {0, 0, 0}};
    bp_array ax = matrix(x, BP_TYPE_F32, 3, 2);
    bp_examples *examples;

    for (size_t i = 0; i < 2; i++) {
        bp_array aw = matrix(bad[i], BP_TYPE_F32, 3, 1);
        cr_assert_eq(bp_examples_borrow(&ax, NULL, &aw, NULL, &examples, NULL), BP_INVALID);
    }
}

Test(examples, integers_of_a_host_are_a_regression_unless_told)
{
    static const int32_t classes[3] = {4, 2, 4};
    bp_array ax = matrix(x, BP_TYPE_F32, 3, 2), ay = matrix(classes, BP_TYPE_I32, 3, 1);
    bp_dataset *dataset;
    bp_encoder_info info;

    cr_assert_eq(bp_dataset_borrow(&ax, &ay, NULL, NULL, &dataset, NULL), BP_OK);
    bp_encoder *encoder = must_fit(dataset, with(NULL));
    bp_encoder_describe(encoder, &info);
    cr_assert_eq(info.task, BP_TASK_REGRESSION);
    bp_encoder_free(encoder);
    encoder = must_fit(dataset, with("task", "binary", NULL));
    cr_assert_str_eq(bp_encoder_class(encoder, 1), "4");
    bp_examples *examples = must_apply(encoder, dataset);
    float target;
    cr_assert_eq(bp_examples_row(examples, 0, NULL, &target, NULL), BP_OK);
    cr_assert_eq(target, 1);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}
