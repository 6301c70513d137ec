/* Transposes and spread bytes: everything that is asked for, nothing else; and the loop that measures the peak.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "helper_kernels.h"
#include "numbers.h"

TestSuite(shapes, .init = flush_subnormals);

enum { TILE = 32 * 32 };

Test(shapes, a_transpose_moves_what_it_should_and_nothing_else)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    fence f = fence_make(TILE * sizeof(float)), g = fence_make(TILE * sizeof(float));

    for (size_t t = 0; t < count; t++)
        for (size_t rows = 1; rows <= 32; rows++)
            for (size_t columns = 1; columns <= 32; columns++) {
                float *from = fence_floats(&f, 32 * rows, rows % 2), *to = fence_floats(&g, 32 * columns, rows % 2);
                fill(from, 32 * rows, FILL_ORDINARY, 1);
                for (size_t i = 0; i < 32 * columns; i++)
                    to[i] = 7;
                tables[t]->transpose(rows, columns, from, to);
                for (size_t c = 0; c < columns; c++)
                    for (size_t r = 0; r < 32; r++)
                        if (to[32 * c + r] != (r < rows ? from[32 * r + c] : 7))
                            cr_assert_fail("%s, %zu x %zu: [%zu][%zu] is %g", tables[t]->name, rows, columns, c, r,
                                           (double)to[32 * c + r]);
            }
    fence_free(&f);
    fence_free(&g);
}

/* n bytes from `start` on, one row of panels that lie `panel` floats apart. */
static void check_spread(const bp_kernels *table, size_t n, unsigned start, size_t panel, const fence *bytes, const fence *floats)
{
    size_t room = (n - 1) / 32 * panel + 32;
    unsigned char *x = fence_at(bytes, n, n % 2);
    float *to = fence_floats(floats, room, n % 2);

    for (size_t j = 0; j < n; j++)
        x[j] = (unsigned char)(start + j);
    for (size_t i = 0; i < room; i++)
        to[i] = 7;
    table->spread_u8(1, &(const unsigned char *){x}, n, 255.0f, panel, to);
    for (size_t i = 0; i < room; i++) {
        size_t j = i / panel * 32 + i % panel;
        float wanted = i % panel >= 32 ? 7 : j < n ? (float)((double)x[j] / 255) : 0;
        if (to[i] != wanted)
            cr_assert_fail("%s, n %zu, panel %zu: [%zu] is %a, not %a", table->name, n, panel, i, (double)to[i], (double)wanted);
    }
}

Test(shapes, bytes_are_divided_and_rounded_once)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    fence bytes = fence_make(300), floats = fence_make(10 * 96 * sizeof(float));

    for (size_t t = 0; t < count; t++)
        for (size_t n = 1; n <= 300; n++)
            for (size_t panel = 32; panel <= 96; panel += 64)
                check_spread(tables[t], n, (unsigned)n * 17, panel, &bytes, &floats);
    fence_free(&bytes);
    fence_free(&floats);
}

/* The same for n floats, and for a row that is 1 in column `hot` alone. */
static void check_row(const bp_kernels *table, size_t n, size_t hot, size_t panel, const fence *numbers, const fence *floats)
{
    size_t room = (n - 1) / 32 * panel + 32;
    float *x = fence_floats(numbers, n, n % 2), *to = fence_floats(floats, 2 * room, n % 2), *row = to + room;

    for (size_t j = 0; j < n; j++)
        x[j] = (float)j + 0.5f;
    for (size_t i = 0; i < 2 * room; i++)
        to[i] = 7;
    table->spread_f32(1, &(const float *){x}, n, panel, to);
    table->one_hot(n, hot, panel, row);
    for (size_t i = 0; i < room; i++) {
        size_t j = i / panel * 32 + i % panel;
        bool inside = i % panel < 32;
        if (to[i] != (!inside ? 7 : j < n ? x[j] : 0) || row[i] != (!inside ? 7 : j == hot))
            cr_assert_fail("%s, n %zu, hot %zu, panel %zu: [%zu] is %g and %g", table->name, n, hot, panel, i, (double)to[i],
                           (double)row[i]);
    }
}

Test(shapes, rows_are_spread_and_padded_with_zero)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    fence numbers = fence_make(100 * sizeof(float)), floats = fence_make(2 * 4 * 96 * sizeof(float));

    for (size_t t = 0; t < count; t++)
        for (size_t n = 1; n <= 100; n++)
            for (size_t panel = 32; panel <= 96; panel += 64)
                check_row(tables[t], n, 5 * n / 7, panel, &numbers, &floats);
    fence_free(&numbers);
    fence_free(&floats);
}

/* Rows at once, each like one alone; what lies between panels' rows stays. */
static void check_rows_together(const bp_kernels *table, size_t count, size_t n, const fence *rows, const fence *floats)
{
    size_t panel = 32 * (count + n % 3), room = (n - 1) / 32 * panel + 32 * count;
    float *x = fence_floats(rows, count * n, n % 2), *to = fence_floats(floats, room, n % 2);
    const float *numbers[10];
    const uint8_t *bytes[10];

    fill(x, count * n, FILL_ORDINARY, n);
    for (size_t r = 0; r < count; r++) {
        numbers[r] = x + (r * 3 + 1) % count * n;
        bytes[r] = (const uint8_t *)(const void *)numbers[r];
    }
    for (int whole = 0; whole < 2; whole++) {
        for (size_t i = 0; i < room; i++)
            to[i] = 7;
        if (whole)
            table->spread_u8(count, bytes, n, 16.0f, panel, to);
        else
            table->spread_f32(count, numbers, n, panel, to);
        for (size_t i = 0; i < room; i++) {
            size_t j = i / panel * 32 + i % 32, r = i % panel / 32;
            float wanted = r >= count ? 7 : j >= n ? 0 : whole ? (float)bytes[r][j] / 16.0f : numbers[r][j];
            cr_assert(to[i] == wanted, "%s, %zu rows of %zu, %s: [%zu][%zu] is %g, not %g", table->name, count, n,
                      whole ? "bytes" : "floats", r, j, (double)to[i], (double)wanted);
        }
    }
}

Test(shapes, rows_spread_together_are_those_spread_alone)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    fence rows = fence_make(10 * 300 * sizeof(float)), floats = fence_make(10 * 32 * 12 * sizeof(float));

    for (size_t t = 0; t < count; t++)
        for (size_t together = 1; together <= 10; together++)
            for (size_t n = 1; n <= 300; n += n < 70 ? 1 : 23)
                check_rows_together(tables[t], together, n, &rows, &floats);
    fence_free(&rows);
    fence_free(&floats);
}

/* All bytes over one divisor: each rounded once, by every table; 256 + 7 of them, so that whole vectors and rests meet. */
static void check_divisor(const bp_kernels *table, float divisor, bool sane)
{
    static const bp_kernels *const scalar = &bp_kernels_scalar;
    unsigned char x[263];
    float to[288], wanted[288];

    for (size_t j = 0; j < 263; j++)
        x[j] = (unsigned char)(j * 37 + 11);
    table->spread_u8(1, &(const unsigned char *){x}, 263, divisor, 32, to);
    scalar->spread_u8(1, &(const unsigned char *){x}, 263, divisor, 32, wanted);
    for (size_t j = 0; sane && j < 263; j++)
        wanted[j] = (float)((double)x[j] / (double)divisor);
    size_t j = first_difference(to, wanted, 263);
    cr_assert(j == 263, "%s: %d / %a is %a, not %a", table->name, x[j % 263], (double)divisor, (double)to[j], (double)wanted[j]);
}

/* A scale may come from a model file: one that is not sane need not give a sane result, but the same one everywhere. */
Test(shapes, any_divisor_gives_the_same_bits_and_a_sane_one_the_right_ones)
{
    static const float extreme[] = {0.0f, -0.0f, 0x1p-149f, FLT_MIN, 0x1p-120f, 0x1p126f, 0x1.8p127f, FLT_MAX, INFINITY, NAN};
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);

    for (size_t t = 0; t < count; t++) {
        for (int divisor = 1; divisor <= 256; divisor++)
            check_divisor(tables[t], (float)divisor, true);
        for (uint64_t i = 0; i < 4000; i++)
            check_divisor(tables[t], ldexpf((float)(1.5 + 0.5 * scattered(1, i)), (int)(i % 200) - 100), true);
        check_divisor(tables[t], 0x1.fffffep0f, true);
        for (size_t i = 0; i < sizeof extreme / sizeof *extreme; i++)
            check_divisor(tables[t], extreme[i], false);
    }
}

Test(shapes, the_peak_loop_computes_and_counts)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);

    for (size_t t = 0; t < count; t++) {
        float few, many;
        double operations = tables[t]->peak(10, &few);
        cr_assert(operations > 0 && tables[t]->peak(1000, &many) == 100 * operations, "%s", tables[t]->name);
        cr_assert(isfinite(many) && many != few, "%s: what is not used may not have been computed", tables[t]->name);
    }
}
