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
    const float *z;
    float *d;
    size_t at[VL]; /* where each row begins; lanes behind the last hold that row once more, and what becomes of them goes nowhere */
    vf weight;
    float shape; /* of the loss: huber's delta, quantile's q */
    size_t column, columns; /* of the block of z that is held: the first, and how many are real */
    size_t d_column;        /* of the block of d */
    float block_z[VL][VL];  /* [columns][rows] */
    float block_d[VL][VL];
    float e[VL][VL];
} turned;

/* Few columns are moved one by one. */
INLINED bool is_whole(const turned *t) { return VL == 1 || t->columns > VL / 4; }

INLINED void turn(const turned *t, const float *from, float to[VL][VL])
{
    if (is_whole(t)) {
        vf block[VL];
        UNROLLED
        for (size_t r = 0; r < VL; r++)
            block[r] = v_load(from + t->at[r]);
        v_transpose(block);
        UNROLLED
        for (size_t j = 0; j < VL; j++)
            v_store(to[j], block[j]);
        return;
    }
    if (t->rows == VL) { /* they lie one behind the other */
        vf four[4];
        v_load_four(from + t->at[0], 32, four);
        for (size_t j = 0; j < t->columns; j++)
            v_store(to[j], four[j]);
        return;
    }
    for (size_t j = 0; j < t->columns; j++) {
        v_store(to[j], v_set(0.0f));
        for (size_t r = 0; r < t->rows; r++)
            to[j][r] = from[t->at[r] + j];
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
                v_store(to + t->at[r], block[r]);
        return;
    }
    for (size_t r = 0; r < t->rows; r++)
        for (size_t j = 0; j < t->columns; j++)
            to[t->at[r] + j] = from[j][r];
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

/* Rows one behind the other. */
INLINED void place_rows(turned *t, size_t rows, size_t n, size_t panel)
{
    t->rows = rows;
    t->n = n;
    t->panel = panel;
    for (size_t r = 0; r < VL; r++)
        t->at[r] = 32 * (r < rows ? r : rows - 1);
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

/* Of rows that are placed: nothing of them is held yet. */
INLINED void start_rows(turned *t, const float *z, const float *weight, float *d)
{
    t->z = z;
    t->d = d;
    t->weight = row_weights(t->rows, weight);
    t->column = t->d_column = t->n;
}

/* VL rows at a time, the last of m in fewer: the next ones begin at `first`. */
INLINED void next_rows(turned *t, size_t first, size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d)
{
    size_t rows = m - first < VL ? m - first : VL;

    if (first == 0 || rows < VL)
        place_rows(t, rows, n, panel);
    start_rows(t, z + 32 * first, weight ? weight + first : NULL, d + 32 * first);
}

INLINED void store_halves(double value[VL], const vd v[HALVES])
{
    for (size_t h = 0; h < HALVES; h++)
        d_store(value + h * DL, v[h]);
}

/* losses = w L of the rows. */
INLINED void end_rows(const turned *t, const vd loss[HALVES], double *losses)
{
    float weight[VL];
    double value[VL];
    vd weighted[HALVES];

    v_store(weight, t->weight);
    for (size_t h = 0; h < HALVES; h++)
        weighted[h] = v_load_wide(weight + h * DL) * loss[h];
    if (t->rows == VL) {
        store_halves(losses, weighted);
        return;
    }
    store_halves(value, weighted);
    for (size_t r = 0; r < t->rows; r++)
        losses[r] = value[r];
}

/* ------------------------------------------------------------------------------------------------ element by element */

/* The same columns of the next panel, a line of each row: a processor does not guess them from 16 rows that it reads a line of
 * (1,024 rows of 300: squared error 0.33 ns an output, so 0.28). */
INLINED void ask_for_next_panel(const turned *t, size_t column)
{
    if (column % 16 || column + 32 >= t->n)
        return;
    UNROLLED
    for (size_t r = 0; r < VL; r++) {
        __builtin_prefetch(PLACE(t->z, t->panel, column + 32) + t->at[r]);
        __builtin_prefetch(PLACE(t->d, t->panel, column + 32) + t->at[r], 1);
    }
}

/* A block of the sum over outputs, and its gradient: up to 64 columns from `first` on. */
typedef void sum_block(turned *t, size_t first, vd sum[HALVES]);

/* Up to VL rows, a lane for each. */
INLINED void elementwise_rows(sum_block *take, turned *t, double *losses)
{
    row_sums loss;
    vd sum[HALVES];

    sums_start(&loss);
    for (size_t first = 0; first < t->n; first += BP_SUM_BLOCK) {
        take(t, first, sum);
        sums_close(&loss, t->n - first < BP_SUM_BLOCK ? t->n - first : BP_SUM_BLOCK, sum);
    }
    for (size_t h = 0; h < HALVES; h++)
        sum[h] = sums_total(&loss, h);
    end_rows(t, sum, losses);
}

/* Lanes from now on: whole blocks of the sums of `rows` rows. Block b of row r is the number b `rows` + r. */
INLINED void place_blocks(turned *t, size_t rows, const float weights[VL], size_t first, size_t count)
{
    float weight[VL];

    t->rows = count - first < VL ? count - first : VL;
    t->n = t->column = t->d_column = BP_SUM_BLOCK;
    for (size_t lane = 0; lane < VL; lane++) {
        size_t number = first + (lane < t->rows ? lane : t->rows - 1), r = number % rows;
        t->at[lane] = number / rows * (BP_SUM_BLOCK / 32) * t->panel + 32 * r;
        weight[lane] = weights[r];
    }
    t->weight = v_load(weight);
}

/* And what is left of rows of n outputs behind their whole blocks. */
INLINED void place_rests(turned *t, size_t rows, const float weights[VL], size_t n)
{
    t->weight = v_load(weights);
    place_rows(t, rows, n % BP_SUM_BLOCK, t->panel);
    t->column = t->d_column = t->n;
    for (size_t r = 0; r < VL; r++)
        t->at[r] += n / BP_SUM_BLOCK * (BP_SUM_BLOCK / 32) * t->panel;
}

/* Fewer rows than lanes, of many blocks: so lanes are blocks, and no row is held any more when this returns. */
INLINED void elementwise_few(sum_block *take, turned *t, double *losses)
{
    size_t rows = t->rows, n = t->n, blocks = n / BP_SUM_BLOCK * rows;
    double value[VL];
    float weights[VL];
    bp_sum sums[VL];
    vd sum[HALVES];

    v_store(weights, t->weight);
    for (size_t r = 0; r < rows; r++)
        bp_sum_start(&sums[r]);
    for (size_t first = 0; first < blocks; first += VL) {
        place_blocks(t, rows, weights, first, blocks);
        take(t, 0, sum);
        store_halves(value, sum);
        for (size_t lane = 0; lane < t->rows; lane++)
            bp_sum_add_block(&sums[(first + lane) % rows], value[lane]);
    }
    if (n % BP_SUM_BLOCK) {
        place_rests(t, rows, weights, n);
        take(t, 0, sum);
        store_halves(value, sum);
        for (size_t r = 0; r < rows; r++)
            sums[r].block = value[r];
    }
    for (size_t r = 0; r < rows; r++)
        losses[r] = (double)weights[r] * bp_sum_total(&sums[r]);
}

INLINED void elementwise(sum_block *take, size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d,
                         double *losses, float shape)
{
    size_t blocks = n / BP_SUM_BLOCK;
    turned t;

    t.shape = shape;
    for (size_t first = 0; first < m; first += VL) {
        next_rows(&t, first, m, n, panel, z, weight, d);
        if ((t.rows * blocks + VL - 1) / VL < blocks)
            elementwise_few(take, &t, losses + first);
        else
            elementwise_rows(take, &t, losses + first);
    }
}

/* ----------------------------------------------------------------------------------------------- binary cross entropy */

/* max(z, 0) - z y + log(1 + e^-|z|): nothing overflows. This is all of it but the logarithm. */
INLINED vd logistic_line(vd z, vd y) { return d_select(z > d_set(0.0), z, d_set(0.0)) - z * y; }

/* The logarithms of 64 columns are one logarithm of their product: q = product of (1 + e^-|z|), less 1, which loses no digits by
 * q + (e + q e); it stays below 2^64. e is the sigmoid's own, in f32: 6e-8 of it, as of z, is not told apart. */
INLINED void take_logistic_columns(size_t ways, turned *t, size_t j, vd sum[HALVES], vd q[HALVES])
{
    vf p[WAYS], e[WAYS];

    EACH(w)
        p[w] = v_load(t->block_z[j + w]);
    v_exp_less(ways, p, e);
    EACH(w)
        v_store(t->e[j + w], e[w]);
    v_sigmoid_of(ways, e, p);
    EACH(w)
        UNROLLED
        for (size_t h = 0; h < HALVES; h++) {
            vd wide = v_load_wide(t->e[j + w] + h * DL);
            sum[h] = sum[h] + logistic_line(v_load_wide(t->block_z[j + w] + h * DL), v_load_wide(t->block_d[j + w] + h * DL));
            q[h] = q[h] + (wide + q[h] * wide);
        }
    EACH(w)
        v_store(t->block_d[j + w], v_mul(v_sub(p[w], v_load(t->block_d[j + w])), t->weight));
}

INLINED void take_logistic(turned *t, vd sum[HALVES], vd q[HALVES])
{
    size_t j = 0;

    for (; j + WAYS <= t->columns; j += WAYS)
        take_logistic_columns(WAYS, t, j, sum, q);
    for (; j < t->columns; j++)
        take_logistic_columns(1, t, j, sum, q);
}

OUT_OF_LINE void logistic_block(turned *t, size_t first, vd sum[HALVES])
{
    size_t end = t->n - first < BP_SUM_BLOCK ? t->n : first + BP_SUM_BLOCK;
    vd chain[HALVES], q[HALVES];

    for (size_t h = 0; h < HALVES; h++)
        chain[h] = q[h] = d_set(0.0);
    for (size_t column = first; column < end; column += VL) {
        bring(t, column, true);
        ask_for_next_panel(t, column);
        take_logistic(t, chain, q);
        turn_back(t, t->block_d, PLACE(t->d, t->panel, column));
    }
    for (size_t h = 0; h < HALVES; h++)
        sum[h] = chain[h] + d_log1p(q[h]);
}

static void binary_cross_entropy(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses,
                                 float shape)
{
    elementwise(logistic_block, m, n, panel, z, weight, d, losses, shape);
}
