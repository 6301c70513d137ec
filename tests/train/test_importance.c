/* Permutation importance: what a column is worth, whole columns at a time.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backprop.h"

enum { ROWS = 300, COLUMNS = 3 };

typedef struct subject {
    float x[ROWS * COLUMNS], y[ROWS];
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_network *network;
} subject;

/* y = 3 x3 + x1, exactly, by a network of one layer; x2 says nothing. */
static subject *set_up(void)
{
    subject *s = calloc(1, sizeof *s);
    float W[COLUMNS] = {1, 0, 3}, b = 0;
    bp_settings settings;
    unsigned state = 5;

    for (int i = 0; i < ROWS * COLUMNS; i++) {
        state = state * 1664525u + 1013904223u;
        s->x[i] = (float)(state >> 20) / 64 - 32;
    }
    for (int r = 0; r < ROWS; r++)
        s->y[r] = 3 * s->x[3 * r + 2] + s->x[3 * r];
    bp_settings_init(&settings, sizeof settings);
    settings.scale = BP_SCALE_NONE;
    settings.hidden_count = 0;
    settings.task = BP_TASK_REGRESSION;
    bp_array x = {s->x, BP_TYPE_F32, 0, ROWS, COLUMNS, 0}, y = {s->y, BP_TYPE_F32, 0, ROWS, 1, 0};
    cr_assert_eq(bp_dataset_borrow(&x, &y, NULL, NULL, &s->dataset, NULL), BP_OK);
    cr_assert_eq(bp_encoder_fit(s->dataset, (bp_rows){0}, &settings, NULL, &s->encoder, NULL), BP_OK);
    cr_assert_eq(bp_encoder_apply(s->encoder, s->dataset, 1, NULL, &s->examples, NULL), BP_OK);
    cr_assert_eq(bp_network_create(&settings, COLUMNS, 1, NULL, &s->network, NULL), BP_OK);
    double one = 1, zero = 0;
    bp_encoder_decode(s->encoder, 1, &one);
    bp_encoder_decode(s->encoder, 1, &zero);
    for (int i = 0; i < COLUMNS; i++) /* in the network's unit, which is the target's deviation about its mean */
        W[i] = (float)((double)W[i] / (one - zero));
    b = (float)(-zero / (one - zero));
    cr_assert_eq(bp_network_set(s->network, 0, W, &b, NULL), BP_OK);
    return s;
}

static void tear_down(subject *s)
{
    bp_network_free(s->network);
    bp_examples_free(s->examples);
    bp_encoder_free(s->encoder);
    bp_dataset_free(s->dataset);
    free(s);
}

static bp_status weigh(const subject *s, bp_rows rows, int32_t metric, uint32_t threads, uint64_t seed, bp_importance *result,
                       double *score)
{
    bp_workspace *workspace;

    cr_assert_eq(bp_workspace_create(s->network, threads, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    bp_status status =
        bp_network_importance(s->network, workspace, s->encoder, s->examples, rows, metric, 4, seed, NULL, result, score, NULL);
    bp_workspace_free(workspace);
    return status;
}

Test(importance, of_a_column_is_what_its_shuffling_costs)
{
    bp_importance list[COLUMNS];
    subject *s = set_up();
    double score;

    cr_assert_eq(bp_encoder_columns(s->encoder), COLUMNS);
    cr_assert_eq(weigh(s, (bp_rows){0}, BP_METRIC_AUTO, 1, 1, list, &score), BP_OK);
    cr_assert_float_eq(score, 1, 1e-9);
    cr_assert(strcmp(list[0].column, "x3") == 0 && strcmp(list[1].column, "x1") == 0 && strcmp(list[2].column, "x2") == 0);
    /* r2 falls by twice the column's share of the variance: 9 and 1 of 10. */
    cr_assert(fabs(list[0].mean - 1.8) < 0.2 && fabs(list[1].mean - 0.2) < 0.05, "%g %g", list[0].mean, list[1].mean);
    cr_assert(fabs(list[2].mean) < 1e-12 && list[0].deviation > 0);
    tear_down(s);
}

Test(importance, of_chosen_rows_depends_on_no_other)
{
    bp_importance list[COLUMNS], other[COLUMNS];
    uint64_t index[50];
    subject *s = set_up();

    for (uint64_t i = 0; i < 50; i++)
        index[i] = 299 - 5 * i;
    cr_assert_eq(weigh(s, (bp_rows){index, 50}, BP_METRIC_RMSE, 1, 1, list, NULL), BP_OK);
    for (int r = 0; r < ROWS; r++)
        if ((299 - r) % 5 || r < 54)
            s->y[r] = 1e6f;
    bp_examples_free(s->examples);
    cr_assert_eq(bp_encoder_apply(s->encoder, s->dataset, 1, NULL, &s->examples, NULL), BP_OK);
    cr_assert_eq(weigh(s, (bp_rows){index, 50}, BP_METRIC_RMSE, 1, 1, other, NULL), BP_OK);
    for (int i = 0; i < COLUMNS; i++)
        cr_assert(list[i].mean == other[i].mean && list[i].place == other[i].place);
    tear_down(s);
}

Test(importance, follows_the_seed_and_not_the_threads)
{
    bp_importance one[COLUMNS], three[COLUMNS], other[COLUMNS];
    subject *s = set_up();

    cr_assert_eq(weigh(s, (bp_rows){0}, BP_METRIC_ERROR_95, 1, 7, one, NULL), BP_OK);
    cr_assert_eq(weigh(s, (bp_rows){0}, BP_METRIC_ERROR_95, 3, 7, three, NULL), BP_OK);
    cr_assert_eq(weigh(s, (bp_rows){0}, BP_METRIC_ERROR_95, 1, 8, other, NULL), BP_OK);
    for (int i = 0; i < COLUMNS; i++)
        cr_assert(one[i].mean == three[i].mean && one[i].deviation == three[i].deviation);
    cr_assert_neq(one[0].mean, other[0].mean);
    cr_assert_eq(weigh(s, (bp_rows){0}, BP_METRIC_AUC, 1, 7, one, NULL), BP_INVALID);
    tear_down(s);
}
