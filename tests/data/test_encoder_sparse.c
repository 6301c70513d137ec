/* Categories as sparse inputs: what the rows hold is what dense ones hold.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "encoder.h"
#include "examples.h"
#include "helper_data.h"
#include "scratch.h"

TestSuite(encoder_sparse, .init = scratch_begin, .fini = scratch_end);

enum { ROWS = 1000, COLOURS = 40 };

/* A number, which is missing in some rows, and two columns of categories, of which one has many. */
static void write_table(void)
{
    FILE *file = fopen("t.csv", "w");

    fprintf(file, "n,colour,size,y\n");
    for (int row = 0; row < ROWS; row++) {
        char number[16] = "";
        if (row % 10)
            snprintf(number, sizeof number, "%d", row % 7);
        fprintf(file, "%s,c%02d,%s,%d\n", number, row * 7 % COLOURS, row % 3 ? "small" : "large", row % 2);
    }
    fclose(file);
}

static void expect_row(const bp_encoder *encoder, const bp_examples *examples, uint64_t row)
{
    const bp_feature *n = &encoder->features[0], *colour = &encoder->features[1], *size = &encoder->features[2];
    float x[100], wanted[100] = {0};
    double value = row % 10 ? (double)(row % 7) : n->fill;

    wanted[n->first] = (float)((value - n->mean) / n->scale);
    wanted[n->first + 1] = row % 10 == 0;
    wanted[colour->first + row * 7 % COLOURS] = 1;
    wanted[size->first + (row % 3 != 0)] = 1;
    cr_assert_eq(bp_examples_row(examples, row, x, NULL, NULL), BP_OK);
    cr_assert_eq(memcmp(x, wanted, encoder->inputs * sizeof *x), 0, "row %d", (int)row);
}

Test(encoder_sparse, rows_of_many_categories_are_sparse_and_hold_the_same)
{
    write_table();
    for (int threads = 1; threads <= 3; threads += 2) {
        const bp_settings *settings = with("target", "y", "threads", threads == 1 ? "1" : "3", NULL);
        bp_dataset *dataset = must_read("t.csv", settings);
        bp_encoder *encoder = must_fit(dataset, settings);
        bp_examples *examples = must_apply(encoder, dataset);
        cr_assert_eq(encoder->inputs, 2 + COLOURS + 2);
        cr_assert_not_null(examples->sparse.first);
        for (uint64_t row = 0; row < ROWS; row++)
            expect_row(encoder, examples, row);
        bp_examples_free(examples);
        bp_encoder_free(encoder);
        bp_dataset_free(dataset);
    }
}

Test(encoder_sparse, few_categories_stay_dense)
{
    const bp_settings *settings = with("target", "y", "ignore-columns", "colour", NULL);

    write_table();
    bp_dataset *dataset = must_read("t.csv", settings);
    bp_encoder *encoder = must_fit(dataset, settings);
    bp_examples *examples = must_apply(encoder, dataset);
    cr_assert_null(examples->sparse.first);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}
