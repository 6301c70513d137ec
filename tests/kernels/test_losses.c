/* Rows of outputs: losses, their gradients and softmax, on every width, inside fences, the same bits from every table.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "backprop.h"
#include "elementary.h"
#include "helper_kernels.h"
#include "sum.h"

TestSuite(losses, .init = flush_subnormals);

enum { EACH_WIDTH = 130, MOST = 330, PANELS = 11, ROWS_MOST = 35, PANEL_MOST = 32 * ROWS_MOST, ROOM = PANELS * PANEL_MOST };

/* Rows of n outputs in panels `panel` floats apart, z and y; plain copies to compute with. */
typedef struct subject {
    const bp_kernels *tables[TABLES_MOST];
    size_t table_count;
    fence z_fence, d_fence, loss_fence, weight_fence;
    size_t m, n, panel, floats;
    float *z, *d, *weight;
    double *losses;
    float plain_z[ROWS_MOST][MOST], plain_y[ROWS_MOST][MOST], plain_weight[ROWS_MOST];
    float wanted[ROWS_MOST][MOST];
    double wanted_loss[ROWS_MOST];
} subject;

static void begin(subject *s)
{
    s->table_count = tables_here(s->tables);
    s->z_fence = fence_make(ROOM * sizeof(float));
    s->d_fence = fence_make(ROOM * sizeof(float));
    s->loss_fence = fence_make(ROWS_MOST * sizeof(double));
    s->weight_fence = fence_make(ROWS_MOST * sizeof(float));
}

static void end(const subject *s)
{
    fence_free(&s->z_fence);
    fence_free(&s->d_fence);
    fence_free(&s->loss_fence);
    fence_free(&s->weight_fence);
}

static size_t place_of(const subject *s, size_t r, size_t j)
{
    return j / 32 * s->panel + 32 * r + j % 32;
}

/* z's padding is what must not leak; that of y is 0, as gathering leaves it. */
static void write_rows(subject *s)
{
    for (size_t i = 0; i < s->floats; i++) {
        s->z[i] = NAN;
        s->d[i] = 0;
    }
    for (size_t r = 0; r < s->m; r++)
        for (size_t j = 0; j < s->n; j++) {
            s->z[place_of(s, r, j)] = s->plain_z[r][j];
            s->d[place_of(s, r, j)] = s->plain_y[r][j];
        }
    memcpy(s->weight, s->plain_weight, s->m * sizeof *s->weight);
}

static void place(subject *s, size_t m, size_t n, size_t spare, fill_kind kind, double scale)
{
    s->m = m;
    s->n = n;
    s->panel = 32 * (m + spare);
    s->floats = (n - 1) / 32 * s->panel + 32 * m;
    s->z = fence_floats(&s->z_fence, s->floats, n % 2);
    s->d = fence_floats(&s->d_fence, s->floats, n % 2);
    s->weight = fence_floats(&s->weight_fence, m, n % 2);
    s->losses = (double *)(void *)fence_floats(&s->loss_fence, 2 * m, n % 2);
    fill(s->plain_weight, m, FILL_ORDINARY, m);
    for (size_t r = 0; r < m; r++) {
        fill(s->plain_z[r], n, kind, n + 1000 * r);
        fill(s->plain_y[r], n, r % 3 == 2 ? FILL_ZEROS : FILL_ORDINARY, n + 500 + 1000 * r);
        for (size_t j = 0; j < n; j++)
            s->plain_z[r][j] *= (float)scale;
    }
}

static void assert_rows(const subject *s, const float *rows, const char *table, const char *what)
{
    for (size_t r = 0; r < s->m; r++)
        for (size_t j = 0; j < s->n; j++)
            if (first_difference(rows + place_of(s, r, j), &s->wanted[r][j], 1) == 0)
                cr_assert_fail("%s, %s, m %zu, n %zu, panel %zu: [%zu][%zu] is %a, not %a", table, what, s->m, s->n, s->panel, r, j,
                               (double)rows[place_of(s, r, j)], (double)s->wanted[r][j]);
}

static void assert_losses(const subject *s, const char *table, bool weighted, const char *what)
{
    for (size_t r = 0; r < s->m; r++) {
        double wanted = s->wanted_loss[r] * (weighted ? (double)s->plain_weight[r] : 1.0);
        cr_assert(memcmp(&s->losses[r], &wanted, sizeof wanted) == 0 || (isnan(wanted) && isnan(s->losses[r])),
                  "%s, %s, m %zu, n %zu: the loss of row %zu is %a, not %a", table, what, s->m, s->n, r, s->losses[r], wanted);
    }
}

static void assert_padding_is_zero(const subject *s, const char *table, const char *what)
{
    for (size_t r = 0; r < s->m; r++)
        for (size_t j = s->n; j % 32; j++)
            cr_assert_eq(s->d[place_of(s, r, j)], 0, "%s, %s, n %zu: column %zu behind the last is %a", table, what, s->n, j,
                         (double)s->d[place_of(s, r, j)]);
}

#define SHAPE 0.7f /* of huber and quantile */

static void compare_loss(subject *s, bp_loss loss, bool weighted, const char *what)
{
    for (size_t t = 0; t < s->table_count; t++) {
        write_rows(s);
        s->tables[t]->loss[loss - BP_SQUARED_ERROR](s->m, s->n, s->panel, s->z, weighted ? s->weight : NULL, s->d, s->losses,
                                                    SHAPE);
        assert_rows(s, s->d, s->tables[t]->name, what);
        assert_losses(s, s->tables[t]->name, weighted, what);
        assert_padding_is_zero(s, s->tables[t]->name, what);
    }
}

/* wanted holds predictions: it becomes the gradient. */
static void check_loss(subject *s, bp_loss loss, bool weighted, const char *what)
{
    for (size_t r = 0; r < s->m; r++)
        for (size_t j = 0; j < s->n; j++)
            s->wanted[r][j] = (s->wanted[r][j] - s->plain_y[r][j]) * (weighted ? s->plain_weight[r] : 1.0f);
    compare_loss(s, loss, weighted, what);
}

/* ------------------------------------------------------------------------------------------------ element by element */

/* dL/dz of one output, and L. */
static float slope_of_number(bp_loss loss, float z, float y, double *L)
{
    float e = z - y, p = z > 88 ? INFINITY : kernel_exp(z), d = e;

    if (loss == BP_ABSOLUTE_ERROR)
        d = e == 0 ? 0 : copysignf(1, e);
    if (loss == BP_HUBER && fabsf(e) > SHAPE)
        d = copysignf(SHAPE, e);
    if (loss == BP_QUANTILE)
        d = e < 0 ? -SHAPE : e > 0 ? 1 - SHAPE : 0;
    if (loss == BP_POISSON)
        d = p - y;
    *L = loss == BP_POISSON ? (double)p - (double)z * (double)y
         : loss == BP_HUBER ? (double)d * (double)e - 0.5 * ((double)d * (double)d)
                            : (double)d * (double)e;
    return d;
}

static void check_numbers(subject *s, bp_loss loss, bool weighted)
{
    for (size_t r = 0; r < s->m; r++) {
        bp_sum sum;
        bp_sum_start(&sum);
        for (size_t j = 0; j < s->n; j++) {
            double L;
            s->wanted[r][j] =
                slope_of_number(loss, s->plain_z[r][j], s->plain_y[r][j], &L) * (weighted ? s->plain_weight[r] : 1.0f);
            bp_sum_add(&sum, L);
        }
        s->wanted_loss[r] = bp_sum_total(&sum);
    }
    compare_loss(s, loss, weighted, "loss of numbers");
}

/* ------------------------------------------------------------------------------------------------ element by element */

/* The difference in f32, its square in double. */
static double squared_error(const float *z, const float *y, size_t n)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t j = 0; j < n; j++) {
        double difference = (double)(z[j] - y[j]);
        bp_sum_add(&sum, 0.5 * (difference * difference));
    }
    return bp_sum_total(&sum);
}

static void check_squared_error(subject *s, bool weighted)
{
    for (size_t r = 0; r < s->m; r++) {
        memcpy(s->wanted[r], s->plain_z[r], s->n * sizeof(float));
        s->wanted_loss[r] = squared_error(s->plain_z[r], s->plain_y[r], s->n);
    }
    check_loss(s, BP_SQUARED_ERROR, weighted, "squared error");
}

/* 64 columns: a chain, and one logarithm of the product of 1 + e^-|z|, e^-|z| in f32 as the sigmoid has it. */
static double logistic_block(const float *z, const float *y, size_t n)
{
    double sum = 0, q = 0;

    for (size_t j = 0; j < n; j++) {
        double v = (double)z[j], e = (double)kernel_exp(-fabsf(z[j]));
        sum += (v > 0 ? v : 0) - v * (double)y[j];
        q += e + q * e;
    }
    return sum + bp_log1p(q);
}

/* The tree over blocks is bp_sum's: each block is its own first value, and 63 zeros. */
static double logistic_loss(const float *z, const float *y, size_t n)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t j = 0; j < n; j += BP_SUM_BLOCK) {
        bp_sum_add(&sum, logistic_block(z + j, y + j, n - j < BP_SUM_BLOCK ? n - j : BP_SUM_BLOCK));
        if (j + BP_SUM_BLOCK <= n)
            bp_sum_skip(&sum, j + BP_SUM_BLOCK);
    }
    return bp_sum_total(&sum);
}

static void check_binary_cross_entropy(subject *s, bool weighted)
{
    static float p[32 * PANELS];

    for (size_t r = 0; r < s->m; r++) {
        memcpy(p, s->plain_z[r], s->n * sizeof *p);
        bp_kernels_scalar.activate[BP_SIGMOID]((s->n + 31) / 32 * 32, p, NULL);
        memcpy(s->wanted[r], p, s->n * sizeof *p);
        s->wanted_loss[r] = logistic_loss(s->plain_z[r], s->plain_y[r], s->n);
    }
    check_loss(s, BP_BINARY_CROSS_ENTROPY, weighted, "binary cross entropy");
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

/* Predictions of a row; returns log(sum e^z) as the loss takes it. */
static double softmax_by_hand(const float *z, size_t n, float *p)
{
    float most[16], total[16] = {0}, max, sum;

    for (size_t j = 0; j < 16; j++)
        most[j] = -INFINITY;
    for (size_t j = 0; j < n; j++)
        most[j % 16] = most[j % 16] < z[j] ? z[j] : most[j % 16];
    max = fold(most, true);
    for (size_t j = 0; j < n; j++)
        total[j % 16] += kernel_exp(z[j] - max);
    sum = fold(total, false);
    for (size_t j = 0; j < n; j++)
        p[j] = kernel_exp(z[j] - max) / sum;
    return (double)max + bp_log((double)sum);
}

static void check_softmax(subject *s)
{
    for (size_t r = 0; r < s->m; r++)
        softmax_by_hand(s->plain_z[r], s->n, s->wanted[r]);
    for (size_t t = 0; t < s->table_count; t++) {
        write_rows(s);
        for (size_t r = 0; r < s->m; r++)
            s->tables[t]->softmax(s->n, s->panel, s->z + 32 * r);
        assert_rows(s, s->z, s->tables[t]->name, "softmax");
    }
}

static void check_cross_entropy(subject *s, bool weighted)
{
    for (size_t r = 0; r < s->m; r++) {
        double log_sum = softmax_by_hand(s->plain_z[r], s->n, s->wanted[r]);
        bp_sum mass, inner;
        bp_sum_start(&mass);
        bp_sum_start(&inner);
        for (size_t j = 0; j < s->n; j++) {
            double y = (double)s->plain_y[r][j];
            bp_sum_add(&mass, y);
            bp_sum_add(&inner, y == 0 ? 0 : y * (double)s->plain_z[r][j]);
        }
        s->wanted_loss[r] = log_sum * bp_sum_total(&mass) - bp_sum_total(&inner);
    }
    check_loss(s, BP_CROSS_ENTROPY, weighted, "cross entropy");
}

static void check_all(subject *s, bool weighted)
{
    check_squared_error(s, weighted);
    check_binary_cross_entropy(s, weighted);
    check_cross_entropy(s, weighted);
    for (bp_loss loss = BP_ABSOLUTE_ERROR; loss <= BP_POISSON; loss++)
        check_numbers(s, loss, weighted);
    check_softmax(s);
}

Test(losses, every_width_and_panel_has_the_bits_of_the_formulas)
{
    static subject s;

    begin(&s);
    for (size_t n = 1; n <= EACH_WIDTH; n++)
        for (size_t spare = 0; spare <= 2; spare += 2) {
            place(&s, 1 + n % 4, n, spare, FILL_ORDINARY, 8);
            check_all(&s, spare != 0);
        }
    end(&s);
}

Test(losses, every_number_of_rows_has_the_bits_of_the_formulas)
{
    static const size_t widths[] = {1, 2, 4, 5, 10, 16, 17, 70, 128, 193, MOST};
    static subject s;

    begin(&s);
    for (size_t m = 1; m < ROWS_MOST; m++)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
            place(&s, m, widths[i], 1, FILL_ORDINARY, i % 2 ? 30 : 1);
            check_all(&s, i % 3 > 0);
        }
    end(&s);
}

/* Rows of classes, 0 but for column `hot`, beside rows of none, of two, of as many columns as a row may have that is taken alone,
 * of one more, and of all. */
static void make_classes(subject *s, size_t hot, size_t turn)
{
    static const size_t hits[] = {1, 1, 0, 2, 8, 9};

    for (size_t r = 0; r < s->m; r++) {
        size_t kind = (r + turn) % 7;
        if (kind == 6)
            continue;
        memset(s->plain_y[r], 0, sizeof s->plain_y[r]);
        for (size_t i = 0; i < hits[kind]; i++)
            s->plain_y[r][(hot + 13 * i) % s->n] = (i ? -1.0f : 1.0f) / (float)(3 + 7 * i * i * i); /* sums round */
        s->plain_y[r][(hot + 1) % s->n] = -0.0f;
    }
}

Test(losses, rows_of_classes_have_the_bits_of_the_formulas_beside_others)
{
    static const size_t widths[] = {63, 64, 65, 80, 96, 127, 128, 129, EACH_WIDTH};
    static subject s;

    begin(&s);
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (size_t hot = 0; hot < widths[i]; hot += 3)
            for (fill_kind kind = FILL_ORDINARY; kind < FILL_KINDS; kind++) {
                place(&s, 1 + hot % 18, widths[i], hot % 2, kind, kind == FILL_ORDINARY ? 50 : 1);
                make_classes(&s, hot, hot / 3);
                check_cross_entropy(&s, hot % 4 > 1);
            }
    end(&s);
}

Test(losses, difficult_outputs_have_the_same_bits)
{
    static subject s;

    begin(&s);
    for (fill_kind kind = FILL_ZEROS; kind < FILL_KINDS; kind++)
        for (size_t n = 1; n <= EACH_WIDTH; n += 3) {
            place(&s, 17, n, 0, kind, 1);
            check_all(&s, false);
        }
    for (size_t n = 1; n <= EACH_WIDTH; n += 3) { /* so far apart that most exponentials are nothing */
        place(&s, 17, n, 0, FILL_ORDINARY, 300);
        check_all(&s, true);
    }
    for (size_t n = 1; n <= EACH_WIDTH; n += 7) { /* beyond the range of the exponential in double */
        place(&s, 17, n, 0, FILL_ORDINARY, 2000);
        check_all(&s, true);
    }
    end(&s);
}

Test(losses, softmax_is_close_to_its_formula_in_double)
{
    static subject s;

    begin(&s);
    for (size_t n = 1; n <= EACH_WIDTH; n++) {
        double sum = 0;
        place(&s, 1, n, 0, FILL_ORDINARY, 10);
        write_rows(&s);
        s.tables[s.table_count - 1]->softmax(n, 32, s.z);
        for (size_t j = 0; j < n; j++)
            sum += exp((double)s.plain_z[0][j]);
        for (size_t j = 0; j < n; j++) {
            double exact = exp((double)s.plain_z[0][j]) / sum; /* z - max alone is off by up to half a place of 20 */
            cr_assert_float_eq(s.z[place_of(&s, 0, j)], exact, exact * 24 * 0x1p-24, "n %zu, [%zu]", n, j);
        }
    }
    end(&s);
}

Test(losses, a_row_that_is_not_finite_says_so_and_others_stay)
{
    static subject s;

    begin(&s);
    for (size_t t = 0; t < s.table_count; t++)
        for (size_t bad = 0; bad < 40; bad++) {
            place(&s, 18, 40, 0, FILL_ORDINARY, 1);
            s.plain_z[bad % 18][bad] = bad % 2 ? NAN : INFINITY;
            write_rows(&s);
            s.tables[t]->loss[BP_CROSS_ENTROPY - BP_SQUARED_ERROR](18, 40, s.panel, s.z, NULL, s.d, s.losses, SHAPE);
            for (size_t r = 0; r < 18; r++)
                cr_assert_eq(isfinite(s.losses[r]) != 0, r != bad % 18, "%s, column %zu, row %zu", s.tables[t]->name, bad, r);
            cr_assert(isnan(s.d[place_of(&s, bad % 18, bad)]), "%s, column %zu", s.tables[t]->name, bad);
        }
    end(&s);
}
