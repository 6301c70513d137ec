/* Rows of outputs: gradients of the losses and softmax, on every width, inside fences, the same bits from every table.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "backprop.h"
#include "helper_kernels.h"

TestSuite(losses, .init = flush_subnormals);

enum { MOST = 130, PANELS = 5, PANEL_MOST = 32 * 3, ROOM = PANELS * PANEL_MOST };

/* One row of n outputs in panels `panel` floats apart, z and y; plain copies to compute with. */
typedef struct subject {
    const bp_kernels *tables[TABLES_MOST];
    size_t table_count;
    fence z_fence, d_fence;
    size_t n, panel, floats;
    float *z, *d;
    float plain_z[MOST], plain_y[MOST];
    float wanted[MOST], max, sum;
} subject;

static void begin(subject *s)
{
    s->table_count = tables_here(s->tables);
    s->z_fence = fence_make(ROOM * sizeof(float));
    s->d_fence = fence_make(ROOM * sizeof(float));
}

static void end(const subject *s)
{
    fence_free(&s->z_fence);
    fence_free(&s->d_fence);
}

static size_t place_of(const subject *s, size_t j)
{
    return j / 32 * s->panel + j % 32;
}

/* z's padding is what must not leak; that of y is 0, as gathering leaves it. */
static void write_row(subject *s)
{
    for (size_t i = 0; i < s->floats; i++) {
        s->z[i] = NAN;
        s->d[i] = 0;
    }
    for (size_t j = 0; j < s->n; j++) {
        s->z[place_of(s, j)] = s->plain_z[j];
        s->d[place_of(s, j)] = s->plain_y[j];
    }
}

static void place(subject *s, size_t n, size_t panel, fill_kind kind, double scale)
{
    s->n = n;
    s->panel = panel;
    s->floats = (n - 1) / 32 * panel + 32;
    s->z = fence_floats(&s->z_fence, s->floats, n % 2);
    s->d = fence_floats(&s->d_fence, s->floats, n % 2);
    fill(s->plain_z, n, kind, n);
    fill(s->plain_y, n, FILL_ORDINARY, n + 500);
    for (size_t j = 0; j < n; j++)
        s->plain_z[j] *= (float)scale;
}

static void assert_row(const subject *s, const float *row, const char *table, const char *what)
{
    for (size_t j = 0; j < s->n; j++)
        if (first_difference(row + place_of(s, j), s->wanted + j, 1) == 0)
            cr_assert_fail("%s, %s, n %zu, panel %zu: [%zu] is %a, not %a", table, what, s->n, s->panel, j,
                           (double)row[place_of(s, j)], (double)s->wanted[j]);
}

static void assert_padding_is_zero(const subject *s, const char *table, const char *what)
{
    for (size_t j = s->n; j % 32; j++)
        cr_assert_eq(s->d[place_of(s, j)], 0, "%s, %s, n %zu: column %zu behind the last is %a", table, what, s->n, j,
                     (double)s->d[place_of(s, j)]);
}

/* ------------------------------------------------------------------------------------------------ element by element */

static void check_squared_error(subject *s, float weight)
{
    for (size_t j = 0; j < s->n; j++)
        s->wanted[j] = (s->plain_z[j] - s->plain_y[j]) * weight;
    for (size_t t = 0; t < s->table_count; t++) {
        write_row(s);
        s->tables[t]->squared_error(s->n, s->panel, s->z, weight, s->d);
        assert_row(s, s->d, s->tables[t]->name, "squared error");
        assert_padding_is_zero(s, s->tables[t]->name, "squared error");
    }
}

static void check_binary_cross_entropy(subject *s, float weight)
{
    static float p[32 * PANELS];

    memcpy(p, s->plain_z, s->n * sizeof *p);
    bp_kernels_scalar.activate[BP_SIGMOID]((s->n + 31) / 32 * 32, p);
    for (size_t j = 0; j < s->n; j++)
        s->wanted[j] = (p[j] - s->plain_y[j]) * weight;
    for (size_t t = 0; t < s->table_count; t++) {
        write_row(s);
        s->tables[t]->binary_cross_entropy(s->n, s->panel, s->z, weight, s->d);
        assert_row(s, s->d, s->tables[t]->name, "binary cross entropy");
        assert_padding_is_zero(s, s->tables[t]->name, "binary cross entropy");
    }
}

/* --------------------------------------------------------------------------------------------------------- softmax */

/* Sixteen lanes: lane j takes columns j, j + 16, ..., then they fold 8, 4, 2 and 1 apart. */
static float fold(float lane[16], bool largest)
{
    for (size_t apart = 8; apart; apart /= 2)
        for (size_t j = 0; j < apart; j++) {
            float right = lane[j + apart];
            lane[j] = largest ? (lane[j] < right ? right : lane[j]) : lane[j] + right;
        }
    return lane[0];
}

static void softmax_by_hand(subject *s, float *p)
{
    float most[16], total[16] = {0};

    for (size_t j = 0; j < 16; j++)
        most[j] = -INFINITY;
    for (size_t j = 0; j < s->n; j++)
        most[j % 16] = most[j % 16] < s->plain_z[j] ? s->plain_z[j] : most[j % 16];
    s->max = fold(most, true);
    for (size_t j = 0; j < s->n; j++)
        total[j % 16] += kernel_exp(s->plain_z[j] - s->max);
    s->sum = fold(total, false);
    for (size_t j = 0; j < s->n; j++)
        p[j] = kernel_exp(s->plain_z[j] - s->max) / s->sum;
}

static void check_softmax(subject *s)
{
    softmax_by_hand(s, s->wanted);
    for (size_t t = 0; t < s->table_count; t++) {
        write_row(s);
        s->tables[t]->softmax(s->n, s->panel, s->z);
        assert_row(s, s->z, s->tables[t]->name, "softmax");
    }
}

static void check_cross_entropy(subject *s, float weight)
{
    softmax_by_hand(s, s->wanted);
    for (size_t j = 0; j < s->n; j++)
        s->wanted[j] = (s->wanted[j] - s->plain_y[j]) * weight;
    for (size_t t = 0; t < s->table_count; t++) {
        float max, sum;
        write_row(s);
        s->tables[t]->softmax_cross_entropy(s->n, s->panel, s->z, weight, s->d, &max, &sum);
        assert_row(s, s->d, s->tables[t]->name, "cross entropy");
        assert_padding_is_zero(s, s->tables[t]->name, "cross entropy");
        cr_assert(first_difference(&max, &s->max, 1) == 1 && first_difference(&sum, &s->sum, 1) == 1, "%s, n %zu: max %a, sum %a",
                  s->tables[t]->name, s->n, (double)max, (double)sum);
    }
}

static void check_all(subject *s)
{
    check_squared_error(s, 0.7f);
    check_binary_cross_entropy(s, 0.7f);
    check_cross_entropy(s, 0.7f);
    check_softmax(s);
}

Test(losses, every_width_and_panel_has_the_bits_of_the_formulas)
{
    static subject s;

    begin(&s);
    for (size_t n = 1; n <= MOST; n++)
        for (size_t rows = 1; rows <= 3; rows += 2) {
            place(&s, n, 32 * rows, FILL_ORDINARY, 8);
            check_all(&s);
        }
    end(&s);
}

Test(losses, difficult_outputs_have_the_same_bits)
{
    static subject s;

    begin(&s);
    for (fill_kind kind = FILL_ZEROS; kind < FILL_KINDS; kind++)
        for (size_t n = 1; n <= MOST; n += 3) {
            place(&s, n, 32, kind, 1);
            check_all(&s);
        }
    for (size_t n = 1; n <= MOST; n += 3) { /* so far apart that most exponentials are nothing */
        place(&s, n, 32, FILL_ORDINARY, 300);
        check_all(&s);
    }
    end(&s);
}

Test(losses, softmax_is_close_to_its_formula_in_double)
{
    static subject s;

    begin(&s);
    for (size_t n = 1; n <= MOST; n++) {
        double sum = 0;
        place(&s, n, 32, FILL_ORDINARY, 10);
        write_row(&s);
        s.tables[s.table_count - 1]->softmax(n, 32, s.z);
        for (size_t j = 0; j < n; j++)
            sum += exp((double)s.plain_z[j]);
        for (size_t j = 0; j < n; j++) {
            double exact = exp((double)s.plain_z[j]) / sum; /* z - max alone is off by up to half a place of 20 */
            cr_assert_float_eq(s.z[place_of(&s, j)], exact, exact * 24 * 0x1p-24, "n %zu, [%zu]", n, j);
        }
    }
    end(&s);
}

Test(losses, a_row_that_is_not_finite_says_so)
{
    static subject s;
    float max, sum;

    begin(&s);
    for (size_t t = 0; t < s.table_count; t++)
        for (size_t bad = 0; bad < 40; bad++) {
            place(&s, 40, 32, FILL_ORDINARY, 1);
            s.plain_z[bad] = bad % 2 ? NAN : INFINITY;
            write_row(&s);
            s.tables[t]->softmax_cross_entropy(40, 32, s.z, 1, s.d, &max, &sum);
            cr_assert(!isfinite(sum) && isnan(s.d[place_of(&s, bad)]), "%s, column %zu", s.tables[t]->name, bad);
        }
    end(&s);
}
