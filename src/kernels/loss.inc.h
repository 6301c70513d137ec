/* What each loss makes of rows of outputs: L, and its gradient with respect to z.
 *
 * Losses take VL rows at a time and turn them, so that a vector holds one column of them all: sums along a row are chains in
 * the lanes, without a fold, and a logarithm serves VL rows (softmax of 128 rows of 10: 22 us a row at a time, so 3.5).
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* Vector v of a row: 32 columns a panel. */
#define PLACE(base, panel, column) ((base) + (column) / 32 * (panel) + (column) % 32)

#define LANES 16

/* --------------------------------------------------------------------------------------------------- VL rows, turned */

typedef struct turned {
    size_t rows, n, panel; /* rows: up to VL */
    const float *z;        /* the first of the rows */
    float *d;
    vf weight;
    size_t column, columns; /* of the block of z that is held: the first, and how many are real */
    size_t d_column;        /* of the block of d */
    float block_z[VL][VL];  /* [columns][rows] */
    float block_d[VL][VL];
    float e[VL][VL];
} turned;

/* Few columns are moved one by one. */
INLINED bool is_whole(const turned *t) { return VL == 1 || t->columns > VL / 4; }

/* Lanes behind the last row hold that row once more: nothing behind it is read, and what becomes of it goes nowhere. */
INLINED size_t row_at(const turned *t, size_t r) { return r < t->rows ? r : t->rows - 1; }

INLINED void turn(const turned *t, const float *from, float to[VL][VL])
{
    if (is_whole(t)) {
        vf block[VL];
        UNROLLED
        for (size_t r = 0; r < VL; r++)
            block[r] = v_load(from + 32 * row_at(t, r));
        v_transpose(block);
        UNROLLED
        for (size_t j = 0; j < VL; j++)
            v_store(to[j], block[j]);
        return;
    }
    for (size_t j = 0; j < t->columns; j++) {
        v_store(to[j], v_set(0.0f));
        for (size_t r = 0; r < t->rows; r++)
            to[j][r] = from[32 * r + j];
    }
}

/* Columns behind the last go back as they came: y's padding is 0, and so is the gradient's. */
INLINED void turn_back(const turned *t, float from[VL][VL], float *to)
{
    if (is_whole(t)) {
        vf block[VL];
        UNROLLED
        for (size_t j = 0; j < VL; j++)
            block[j] = v_load(from[j]);
        v_transpose(block);
        UNROLLED
        for (size_t r = 0; r < VL; r++)
            if (r < t->rows)
                v_store(to + 32 * r, block[r]);
        return;
    }
    for (size_t r = 0; r < t->rows; r++)
        for (size_t j = 0; j < t->columns; j++)
            to[32 * r + j] = from[j][r];
}

/* Brings the block of z that begins at a column, and d's where it is wanted; nothing that is held already, as all of a narrow
 * row is. */
INLINED void bring(turned *t, size_t column, bool with_d)
{
    t->columns = t->n - column < VL ? t->n - column : VL;
    if (VL == 1 || t->column != column)
        turn(t, PLACE(t->z, t->panel, column), t->block_z);
    t->column = column;
    if (with_d && (VL == 1 || t->d_column != column)) {
        turn(t, PLACE(t->d, t->panel, column), t->block_d);
        t->d_column = column;
    }
}

INLINED vf row_weights(size_t rows, const float *weight)
{
    float some[VL];

    if (!weight)
        return v_set(1.0f);
    if (rows == VL)
        return v_load(weight);
    for (size_t r = 0; r < VL; r++)
        some[r] = r < rows ? weight[r] : 0.0f;
    return v_load(some);
}

INLINED void start_rows(turned *t, size_t rows, size_t n, size_t panel, const float *z, const float *weight, float *d)
{
    t->rows = rows;
    t->n = n;
    t->panel = panel;
    t->z = z;
    t->d = d;
    t->weight = row_weights(rows, weight);
    t->column = t->d_column = n; /* none */
}

/* losses = w L of the rows. */
INLINED void end_rows(const turned *t, const vd loss[HALVES], double *losses)
{
    float weight[VL];
    double value[VL];

    v_store(weight, t->weight);
    for (size_t h = 0; h < HALVES; h++)
        d_store(value + h * DL, v_load_wide(weight + h * DL) * loss[h]);
    for (size_t r = 0; r < t->rows; r++)
        losses[r] = value[r];
}

/* ------------------------------------------------------------------------------------------------ element by element */

INLINED vd squared_term(vd z, vd y)
{
    vd difference = z - y;
    return d_set(0.5) * (difference * difference);
}

/* max(z, 0) - z y + log(1 + e^-|z|): nothing overflows. This is all of it but the logarithm. */
INLINED vd logistic_line(vd z, vd y) { return d_select(z > d_set(0.0), z, d_set(0.0)) - z * y; }

INLINED vd logistic_term(vd z, vd y) { return logistic_line(z, y) + d_log1p(d_exp(-d_abs(z))); }

/* Columns of one block: the chains stay in registers, and 64 values end with a block. */
INLINED void take_squared(turned *t, row_sums *loss)
{
    vd sum[HALVES];

    sums_open(loss, sum);
    for (size_t j = 0; j < t->columns; j++) {
        float *z = t->block_z[j], *d = t->block_d[j];
        UNROLLED
        for (size_t h = 0; h < HALVES; h++)
            sum[h] = sum[h] + squared_term(v_load_wide(z + h * DL), v_load_wide(d + h * DL));
        v_store(d, v_mul(v_sub(v_load(z), v_load(d)), t->weight));
    }
    sums_close(loss, t->columns, sum);
}

/* The logarithms of 64 columns are one logarithm of their product: q = product of (1 + e^-|z|), less 1, which loses no digits by
 * q + (e + q e); it stays below 2^64 (1,468 outputs: 8 ns each, so 3.5). */
INLINED void take_logistic(turned *t, row_sums *loss, vd q[HALVES])
{
    bool ends = (loss->count + t->columns) % BP_SUM_BLOCK == 0 || t->column + t->columns == t->n;
    vd sum[HALVES];

    sums_open(loss, sum);
    for (size_t j = 0; j < t->columns; j++) {
        float *z = t->block_z[j], *d = t->block_d[j];
        UNROLLED
        for (size_t h = 0; h < HALVES; h++) {
            vd value = v_load_wide(z + h * DL), e = d_exp(-d_abs(value));
            sum[h] = sum[h] + logistic_line(value, v_load_wide(d + h * DL));
            q[h] = q[h] + (e + q[h] * e);
        }
        v_store(d, v_mul(v_sub(v_sigmoid(v_load(z)), v_load(d)), t->weight));
    }
    for (size_t h = 0; h < HALVES && ends; h++) {
        sum[h] = sum[h] + d_log1p(q[h]);
        q[h] = d_set(0.0);
    }
    sums_close(loss, t->columns, sum);
}

INLINED void elementwise(bool logistic, size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d,
                         double *losses)
{
    turned t;
    row_sums loss;
    vd total[HALVES], q[HALVES];

    for (size_t h = 0; h < HALVES; h++)
        q[h] = d_set(0.0);
    for (size_t first = 0; first < m; first += VL) {
        start_rows(&t, m - first < VL ? m - first : VL, n, panel, z + 32 * first, weight ? weight + first : NULL, d + 32 * first);
        sums_start(&loss);
        for (size_t column = 0; column < n; column += VL) {
            bring(&t, column, true);
            logistic ? take_logistic(&t, &loss, q) : take_squared(&t, &loss);
            turn_back(&t, t.block_d, PLACE(t.d, panel, column));
        }
        for (size_t h = 0; h < HALVES; h++)
            total[h] = sums_total(&loss, h);
        end_rows(&t, total, losses + first);
    }
}

static void squared_error(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses)
{
    elementwise(false, m, n, panel, z, weight, d, losses);
}

static void binary_cross_entropy(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses)
{
    elementwise(true, m, n, panel, z, weight, d, losses);
}
