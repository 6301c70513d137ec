/* Products of sparse rows: the bits of the dense ones, on every table, whatever the zeros' signs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "backprop.h"
#include "helper_kernels.h"

TestSuite(sparse, .init = flush_subnormals);

enum { ROWS = 21, DEPTH = 70, PANELS = 3, PANEL = 32 * ROWS, ENTRIES = ROWS * DEPTH };

static const size_t widths[] = {1, 2, 7, 8, 9, 16, 17, 24, 25, 31, 32};

/* A matrix [ROWS, DEPTH] that is mostly 0, in panels by rows, in panels by columns, and as entries in both orders. */
typedef struct subject {
    const bp_kernels *tables[TABLES_MOST];
    size_t table_count;
    _Alignas(64) float a[PANELS * PANEL]; /* panels of a by rows: [ROWS][32] each */
    _Alignas(64) float b[DEPTH * 32];
    _Alignas(64) float turned[PANELS * 32 * 8];
    _Alignas(64) float d[ROWS * 32];
    _Alignas(64) float bias[32];
    bp_sparse_row rows[ROWS];
    uint32_t column[ENTRIES], row[ENTRIES], place[ENTRIES];
    float value[ENTRIES], down[ENTRIES];
    size_t down_count;
} subject;

static void make(subject *s, fill_kind kind, unsigned keep)
{
    float values[ENTRIES];
    size_t count = 0;

    memset(s->a, 0, sizeof s->a);
    fill(values, ENTRIES, kind, keep);
    for (size_t r = 0; r < ROWS; r++) {
        s->rows[r] = (bp_sparse_row){s->column + count, s->value + count, 0};
        for (size_t p = 0; p < DEPTH; p++) {
            size_t number = r * DEPTH + p;
            bool kept = number * 2654435761u % 100 < keep && r != 3; /* a row without entries */
            s->a[p / 32 * PANEL + 32 * r + p % 32] = kept ? values[number] : number % 2 ? -0.0f : 0.0f;
            if (!kept)
                continue;
            s->column[count] = (uint32_t)p;
            s->value[count++] = values[number];
            s->rows[r].count++;
        }
    }
    fill(s->b, DEPTH * 32, kind, 2);
    fill(s->turned, PANELS * 32 * 8, kind, 3);
    fill(s->d, ROWS * 32, kind, 4);
    fill(s->bias, 32, kind, 5);
}

/* The entries of one panel of columns, row after row. */
static void list_panel(subject *s, size_t panel)
{
    s->down_count = 0;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t e = 0; e < s->rows[r].count; e++)
            if (s->rows[r].column[e] / 32 == panel) {
                s->place[s->down_count] = s->rows[r].column[e] % 32;
                s->row[s->down_count] = (uint32_t)r;
                s->down[s->down_count++] = s->rows[r].value[e];
            }
}

static void assert_same(const bp_kernels *table, const float *got, const float *wanted, size_t lines, size_t columns,
                        const char *what)
{
    for (size_t i = 0; i < lines; i++) {
        size_t j = first_difference(got + 32 * i, wanted + 32 * i, columns);
        if (j < columns)
            cr_assert_fail("%s, %s of %zu columns: [%zu][%zu] is %a, not %a", table->name, what, columns, i, j,
                           (double)got[32 * i + j], (double)wanted[32 * i + j]);
    }
}

static void check_forward(const subject *s, const bp_kernels *table, size_t columns, bp_activation activation)
{
    bp_end end = {.bias = s->bias, .activate = table->activate[activation]};
    _Alignas(64) float got[ROWS * 32];
    _Alignas(64) float wanted[ROWS * 32];

    table->product_rows(ROWS, DEPTH, s->a, PANEL, s->b, columns, BP_CHAIN_WHOLE, &end, NULL, wanted);
    table->sparse_rows(ROWS, s->rows, s->b, columns, &end, got);
    assert_same(table, got, wanted, ROWS, columns, "rows");
    if (columns > BP_NARROW)
        return;
    memset(got, 0x55, sizeof got);
    table->product_narrow(ROWS, DEPTH, s->a, PANEL, s->turned, columns, BP_CHAIN_WHOLE, &end, wanted);
    table->sparse_narrow(ROWS, s->rows, s->turned, columns, &end, got);
    assert_same(table, got, wanted, ROWS, columns, "narrow rows");
    for (size_t j = columns; j < 32; j++)
        cr_assert_eq(memcmp(&got[j], "\x55\x55\x55\x55", 4), 0, "column %zu was written", j);
}

static void check_backward(subject *s, const bp_kernels *table, size_t columns)
{
    _Alignas(64) float got[32 * 32];
    _Alignas(64) float wanted[32 * 32];
    _Alignas(64) float line[PANELS * 32 * 32];

    for (size_t panel = 0; panel < PANELS; panel++) {
        size_t h = DEPTH - 32 * panel < 32 ? DEPTH - 32 * panel : 32;
        list_panel(s, panel);
        memset(got, 0, sizeof got);
        table->product_columns(h, ROWS, s->a + panel * PANEL, s->d, columns, BP_CHAIN_WHOLE, NULL, wanted, NULL);
        table->scatter_rows(s->down_count, s->place, s->down, s->row, s->d, columns, got);
        assert_same(table, got, wanted, h, columns, "dW");
        memset(line, 0, sizeof line);
        for (size_t r = 0; r < ROWS; r++)
            table->scatter_rows(s->rows[r].count, s->rows[r].column, s->rows[r].value, NULL, s->d + 32 * r, columns, line);
        assert_same(table, line + 32 * 32 * panel, wanted, h, columns, "dW by rows");
        if (columns > BP_NARROW)
            continue;
        memset(got, 0, sizeof got);
        table->product_columns(columns, ROWS, s->d, s->a + panel * PANEL, h, BP_CHAIN_WHOLE, NULL, wanted, NULL);
        table->scatter_narrow(s->down_count, s->place, s->down, s->row, s->d, columns, got);
        assert_same(table, got, wanted, columns, h, "narrow dW");
        memset(line, 0, sizeof line);
        for (size_t r = 0; r < ROWS; r++)
            table->scatter_narrow(s->rows[r].count, s->rows[r].column, s->rows[r].value, NULL, s->d + 32 * r, columns, line);
        assert_same(table, line + 32 * columns * panel, wanted, columns, h, "narrow dW by rows");
    }
}

static void check_all(fill_kind kind)
{
    static subject s;

    s.table_count = tables_here(s.tables);
    for (unsigned keep = 0; keep <= 100; keep += 20) {
        make(&s, kind, keep);
        for (size_t t = 0; t < s.table_count; t++)
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
                check_forward(&s, s.tables[t], widths[w], BP_IDENTITY);
                check_forward(&s, s.tables[t], widths[w], BP_RELU);
                check_forward(&s, s.tables[t], widths[w], BP_TANH);
                check_backward(&s, s.tables[t], widths[w]);
            }
    }
}

Test(sparse, rows_give_the_bits_of_dense_ones)
{
    check_all(FILL_ORDINARY);
}

Test(sparse, zeros_of_either_sign_and_underflow_change_no_bit)
{
    check_all(FILL_ZEROS);
    check_all(FILL_TINY);
}
