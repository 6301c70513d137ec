/* Statistics of columns: the same bits however rows are cut in blocks and however many threads there are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "fitting.h"
#include "helper_data.h"
#include "memory.h"
#include "numbers.h"
#include "scratch.h"
#include "statistics.h"

#define ROWS ((size_t)30011) /* seven segments and some */
#define COLUMNS ((size_t)5)

TestSuite(statistics, .init = scratch_begin, .fini = scratch_end);

/* Numbers with missing ones among them, and a few columns of which one has categories, by hand. */
typedef struct table {
    float *x; /* [ROWS, COLUMNS] */
    float *y;
    int32_t *codes;
    bp_dataset *dataset;
} table;

static char *names[] = {"a", "b", "c", "d"};

static table make_table(void)
{
    table t = {
        .x = malloc(ROWS * COLUMNS * sizeof(float)), .y = malloc(ROWS * sizeof(float)), .codes = malloc(ROWS * sizeof(int32_t))};

    scatter_f32(t.x, ROWS * COLUMNS, 1, 3);
    scatter_f32(t.y, ROWS, 2, 1);
    for (size_t i = 0; i < ROWS; i++) {
        t.codes[i] = i == 17 ? 3 : (int32_t)(i % 4) - 1; /* "d" once, "a" to "c" often, and missing */
        t.x[i * COLUMNS + 1] = i % 7 == 3 ? NAN : t.x[i * COLUMNS + 1] + 1000;
        t.x[i * COLUMNS + 2] = 7;
    }
    bp_array x = {.data = t.x, .type = BP_TYPE_F32, .rows = ROWS, .columns = COLUMNS};
    bp_array y = {.data = t.y, .type = BP_TYPE_F32, .rows = ROWS, .columns = 1};
    cr_assert_eq(bp_dataset_borrow(&x, &y, NULL, NULL, &t.dataset, NULL), BP_OK);
    bp_column *column = &t.dataset->columns[4];
    column->categorical = true;
    column->type = BP_TYPE_I32;
    column->data = t.codes;
    column->stride = sizeof *t.codes;
    column->categories = names;
    column->category_count = 4;
    column->has_missing = true;
    return t;
}

static void free_table(table *t)
{
    bp_dataset_free(t->dataset);
    free(t->x);
    free(t->y);
    free(t->codes);
}

static char *json_of(bp_encoder *encoder)
{
    char *text;
    size_t size;

    cr_assert_eq(bp_encoder_to_json(encoder, NULL, &text, &size, NULL), BP_OK);
    bp_encoder_free(encoder);
    return text;
}

/* Rows in blocks of uneven lengths. */
static char *fit_in_blocks(const table *t, const bp_settings *settings, size_t most)
{
    bp_fitting *fitting;
    bp_encoder *encoder;
    bp_error error = {0};

    cr_assert_eq(bp_fitting_create(t->dataset, settings, NULL, &fitting, &error), BP_OK, "%s", error.text);
    do {
        uint64_t index[9000];
        for (size_t begin = 0, count; begin < ROWS; begin += count) {
            count = 1 + (begin * 7919 + most) % most;
            count = count < ROWS - begin ? count : ROWS - begin;
            for (size_t i = 0; i < count; i++)
                index[i] = begin + i;
            cr_assert_eq(bp_fitting_add(fitting, t->dataset, (bp_rows){index, count}, &error), BP_OK, "%s", error.text);
        }
    } while (bp_fitting_again(fitting));
    cr_assert_eq(bp_fitting_end(fitting, &encoder, &error), BP_OK, "%s", error.text);
    bp_fitting_free(fitting);
    return json_of(encoder);
}

Test(statistics, neither_blocks_nor_threads_change_a_bit)
{
    static const char *const threads[] = {"1", "2", "3", "8"};
    static const size_t most[] = {1, 63, 4096, 9000};
    bp_allocator allocator = bp_allocator_or_default(NULL);
    table t = make_table();
    char *want = json_of(must_fit(t.dataset, with("threads", "1", NULL)));

    for (size_t i = 0; i < 4; i++) {
        char *whole = json_of(must_fit(t.dataset, with("threads", threads[i], NULL)));
        char *parts = fit_in_blocks(&t, with("threads", threads[i], NULL), most[i]);
        cr_assert_str_eq(whole, want, "%s threads", threads[i]);
        cr_assert_str_eq(parts, want, "%s threads, blocks of up to %zu rows", threads[i], most[i]);
        bp_release(&allocator, whole, strlen(whole) + 1);
        bp_release(&allocator, parts, strlen(parts) + 1);
    }
    bp_release(&allocator, want, strlen(want) + 1);
    free_table(&t);
}

Test(statistics, are_those_of_the_formulas)
{
    table t = make_table();
    unsigned want[COLUMNS + 1];
    bp_statistics *s;
    long double sum = 0, squares = 0;
    size_t there = 0;

    for (size_t i = 0; i <= COLUMNS; i++)
        want[i] = BP_WANT_VALUES | BP_WANT_DEVIATION;
    cr_assert_eq(bp_statistics_create(t.dataset, want, 2, NULL, &s, NULL), BP_OK);
    do
        cr_assert_eq(bp_statistics_add(s, t.dataset, (bp_rows){NULL, ROWS}, NULL), BP_OK);
    while (bp_statistics_next(s));
    for (size_t i = 0; i < ROWS; i++)
        if (!isnan(t.x[i * COLUMNS + 1])) {
            sum += (long double)t.x[i * COLUMNS + 1];
            there++;
        }
    for (size_t i = 0; i < ROWS; i++)
        if (!isnan(t.x[i * COLUMNS + 1])) {
            long double off = (long double)t.x[i * COLUMNS + 1] - sum / (long double)there;
            squares += off * off;
        }
    double mean = (double)(sum / (long double)there), deviation = sqrt((double)(squares / (long double)there));
    cr_assert_float_eq(s->columns[1].mean, mean, 1e-12 * mean);
    cr_assert_float_eq(s->columns[1].deviation, deviation, 1e-12 * deviation);
    cr_assert_eq(s->columns[1].missing, ROWS - there);
    cr_assert_eq(s->columns[2].low, 7);
    cr_assert_eq(s->columns[2].high, 7);
    cr_assert_eq(s->columns[2].deviation, 0);
    cr_assert_eq(s->columns[4].missing, (ROWS + 3) / 4);
    cr_assert_eq(s->columns[4].counts[3], 1);
    cr_assert_eq(s->columns[4].counts[0], (ROWS + 2) / 4 - 1); /* one of its rows is the "d" */
    bp_statistics_free(s);
    free_table(&t);
}
