/* Squared error of rows of outputs: the gradient is made of rows as they lie, and only differences are turned, for the sums
 * (749 rows of 41: 19 ns a row with all of it turned there and back and differences in double, so 11).
 *
 * The difference is the gradient's, in f32: its rounding is 6e-8 of it at most, as z's own is of z, and it is exact where z is
 * within a factor of 2 of y. Its square is exact in double.
 *
 * SPDX-License-Identifier: Apache-2.0 */

INLINED void add_squares(const float *difference, vd sum[HALVES])
{
    UNROLLED
    for (size_t h = 0; h < HALVES; h++) {
        vd wide = v_load_wide(difference + h * DL);
        sum[h] = sum[h] + wide * wide;
    }
}

/* d, y's at first, becomes the gradient; difference [columns][rows]. Behind the last column all are 0. */
INLINED void turn_differences(const turned *t, size_t rows, size_t columns, const float *z, const float *weight, float *d,
                              float difference[VL][VL])
{
    vf block[VL];

    UNROLLED
    for (size_t r = 0; r < VL; r++) {
        block[r] = v_set(0.0f);
        if (r < rows) {
            vf p = columns == VL ? v_load(z + t->at[r]) : v_load_some(z + t->at[r], columns);
            block[r] = v_sub(p, v_load(d + t->at[r]));
            v_store(d + t->at[r], v_mul(block[r], v_set(weight[r])));
        }
    }
    v_transpose(block);
    UNROLLED
    for (size_t j = 0; j < VL; j++)
        v_store(difference[j], block[j]);
}

/* Few columns, moved one by one. */
INLINED void take_few_differences(turned *t, size_t column, float difference[VL][VL])
{
    bring(t, column, true);
    for (size_t j = 0; j < t->columns; j++) {
        vf one = v_sub(v_load(t->block_z[j]), v_load(t->block_d[j]));
        v_store(difference[j], one);
        v_store(t->block_d[j], v_mul(one, t->weight));
    }
    turn_back(t, t->block_d, PLACE(t->d, t->panel, column));
}

OUT_OF_LINE void squared_block(turned *t, size_t first, vd sum[HALVES])
{
    size_t end = t->n - first < BP_SUM_BLOCK ? t->n : first + BP_SUM_BLOCK;
    float weight[VL], difference[VL][VL];
    vd chain[HALVES];

    for (size_t h = 0; h < HALVES; h++)
        chain[h] = d_set(0.0);
    v_store(weight, t->weight);
    for (size_t column = first; column < end; column += VL) {
        const float *z = PLACE(t->z, t->panel, column);
        float *d = PLACE(t->d, t->panel, column);
        t->columns = end - column < VL ? end - column : VL;
        ask_for_next_panel(t, column);
        if (!is_whole(t))
            take_few_differences(t, column, difference);
        else if (t->rows == VL && t->columns == VL)
            turn_differences(t, VL, VL, z, weight, d, difference);
        else
            turn_differences(t, t->rows, t->columns, z, weight, d, difference);
        UNROLLED_BY(4)
        for (size_t j = 0; j < t->columns; j++)
            add_squares(difference[j], chain);
    }
    for (size_t h = 0; h < HALVES; h++)
        sum[h] = d_set(0.5) * chain[h];
}

static void squared_error(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses,
                          float shape)
{
    elementwise(squared_block, m, n, panel, z, weight, d, losses, shape);
}
