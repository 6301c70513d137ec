/* Columns rescaled to rows: the bits of two operations in double and one rounding, whatever a table makes of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "helper_kernels.h"
#include "numbers.h"

enum { ROWS = 37, SEEDS = 40 };

typedef struct columns {
    double numbers[BP_RESCALED][ROWS];
    float floats[BP_RESCALED][ROWS];
    double mean[BP_RESCALED], scale[BP_RESCALED];
} columns;

static double draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) * 0x1p-53;
}

/* What lies halfway between two floats, or one double beside it, once it is divided by the scale: the last bit of the quotient
 * decides. */
static double draw_halfway(uint64_t *seed, double scale)
{
    double halfway = (floor(draw(seed) * 0x1p23) + 0x1p23 + 0.5) * 0x1p-20, x = halfway * scale;
    double share = draw(seed);

    return share < 0.3 ? x : nextafter(x, share < 0.6 ? 0 : INFINITY);
}

static double draw_number(uint64_t *seed, double scale, double mean)
{
    switch ((int)(draw(seed) * 8)) {
    case 0:
        return mean;
    case 1:
        return -0.0;
    case 2:
        return draw(seed) * 0x1p-1060;
    case 3:
        return (draw(seed) - 0.5) * 0x1p-140;
    case 4:
        return draw_halfway(seed, scale);
    default:
        return mean + (draw(seed) - 0.5) * 100 * scale;
    }
}

static void fill_columns(columns *c, uint64_t seed)
{
    static const double scales[] = {1, 3, 0x1p-30, 0x1.fffffffffffffp5, 1e-9, 1e30};

    for (size_t i = 0; i < BP_RESCALED; i++) {
        c->mean[i] = draw(&seed) < 0.5 ? 0.0 : draw(&seed) - 0.5;
        c->scale[i] = draw(&seed) < 0.6 ? 0.1 + draw(&seed) : scales[(size_t)(draw(&seed) * 6)];
        for (size_t r = 0; r < ROWS; r++) {
            c->numbers[i][r] = draw_number(&seed, c->scale[i], c->mean[i]);
            c->floats[i][r] = (float)c->numbers[i][r];
        }
    }
}

/* An unusual scale, and a number that is not finite or becomes so. */
static void spoil(columns *c, uint64_t seed)
{
    static const double strange[] = {NAN, INFINITY, 1e300, FLT_MAX};
    size_t column = (size_t)(draw(&seed) * BP_RESCALED), row = (size_t)(draw(&seed) * ROWS);

    c->numbers[column][row] = strange[seed >> 62];
    c->floats[column][row] = (float)c->numbers[column][row];
    c->scale[(column + 1) % BP_RESCALED] = 0x1p-600;
}

static void check(const bp_kernels *table, const columns *c, bool wide, size_t count, size_t width)
{
    float x[ROWS][BP_RESCALED], *rows[ROWS];
    const float *floats[BP_RESCALED];
    const double *numbers[BP_RESCALED];
    bool finite = true;

    for (size_t r = 0; r < ROWS; r++)
        rows[r] = x[r];
    for (size_t i = 0; i < BP_RESCALED; i++) {
        floats[i] = c->floats[i];
        numbers[i] = c->numbers[i];
    }
    bool said = wide ? table->rescale_f64(count, width, numbers, c->mean, c->scale, rows)
                     : table->rescale_f32(count, width, floats, c->mean, c->scale, rows);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < width; i++) {
            double number = wide ? c->numbers[i][r] : (double)c->floats[i][r];
            float wanted = (float)((number - c->mean[i]) / c->scale[i]);
            finite = finite && isfinite(wanted);
            if (isfinite(wanted) && first_difference(&x[r][i], &wanted, 1) == 0)
                cr_assert_fail("%s: (%a - %a) / %a is %a, not %a", table->name, number, c->mean[i], c->scale[i], (double)x[r][i],
                               (double)wanted);
        }
    cr_assert_eq(said, finite, "%s, %zu x %zu", table->name, count, width);
}

Test(rescale, numbers_are_rounded_as_one_by_one)
{
    const bp_kernels *tables[TABLES_MOST];
    size_t count = tables_here(tables);
    columns c;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fill_columns(&c, seed);
        if (seed % 4 == 3)
            spoil(&c, seed);
        for (size_t t = 0; t < count; t++)
            for (size_t rows = 1; rows <= ROWS; rows += seed % 5 + 1)
                for (size_t width = 1; width <= BP_RESCALED; width++) {
                    check(tables[t], &c, false, rows, width);
                    check(tables[t], &c, true, rows, width);
                }
    }
}
