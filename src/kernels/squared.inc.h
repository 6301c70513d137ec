/* Squared error of rows of outputs, read as they lie: turned, as the losses of loss.inc.h are, only where most lanes of a row
 * would be idle (41 outputs: 19 ns a row, turned and with the difference in double, so 9.5).
 *
 * The difference is the gradient's, in f32: its rounding is 6e-8 of it at most, as z's own is of z, and it is exact where z is
 * within a factor of 2 of y. Its square is exact in double. A row's squares are 16 chains, lane j those of columns j, j + 16,
 * ..., which fold 8, 4, 2 and 1 apart.
 *
 * SPDX-License-Identifier: Apache-2.0 */

INLINED void wide_square(vf difference, vd square[HALVES])
{
    v_widen(difference, square);
    UNROLLED
    for (size_t h = 0; h < HALVES; h++)
        square[h] = square[h] * square[h];
}

/* Up to VL columns of a row, d y's at first. */
INLINED void take_differences(size_t columns, const float *z, vf weight, float *d, vd sum[HALVES])
{
    vf difference = v_sub(columns >= VL ? v_load(z) : v_load_some(z, columns), v_load(d));
    vd square[HALVES];

    v_store(d, v_mul(difference, weight));
    wide_square(difference, square);
    UNROLLED
    for (size_t h = 0; h < HALVES; h++)
        sum[h] = sum[h] + square[h];
}

/* Up to 32. */
INLINED void take_squares(size_t columns, const float *z, vf weight, float *d, double lane[LANES])
{
    vd sum[LANES / DL];

    UNROLLED
    for (size_t i = 0; i < LANES / DL; i++)
        sum[i] = d_load(lane + i * DL);
    UNROLLED
    for (size_t j = 0; j < 32; j += VL)
        if (j < columns)
            take_differences(columns - j, z + j, weight, d + j, sum + j % LANES / DL);
    UNROLLED
    for (size_t i = 0; i < LANES / DL; i++)
        d_store(lane + i * DL, sum[i]);
}

INLINED double folded(const double lane[LANES])
{
    double half[LANES / 2];

    for (size_t j = 0; j < LANES / 2; j++)
        half[j] = lane[j] + lane[j + LANES / 2];
    return ((half[0] + half[4]) + (half[2] + half[6])) + ((half[1] + half[5]) + (half[3] + half[7]));
}

/* Panel by panel: where the next row's begins is then where the last one's ends. */
INLINED void squared_rows(size_t rows, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses)
{
    double lane[VL][LANES];
    size_t column = 0;

    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < LANES; j++)
            lane[r][j] = 0.0;
    for (; column + 32 <= n; column += 32)
        for (size_t r = 0; r < rows; r++)
            take_squares(32, PLACE(z, panel, column) + 32 * r, v_set(weight ? weight[r] : 1.0f), PLACE(d, panel, column) + 32 * r,
                         lane[r]);
    for (size_t r = 0; r < rows && column < n; r++)
        take_squares(n - column, PLACE(z, panel, column) + 32 * r, v_set(weight ? weight[r] : 1.0f),
                     PLACE(d, panel, column) + 32 * r, lane[r]);
    for (size_t r = 0; r < rows; r++)
        losses[r] = (weight ? (double)weight[r] : 1.0) * (0.5 * folded(lane[r]));
}

/* Up to 4 columns, a lane for each row: the same fold. */
INLINED void squared_narrow(turned *t, double *losses)
{
    vd square[4][HALVES] = {0}, sum[HALVES];

    bring(t, 0, true);
    for (size_t j = 0; j < t->columns; j++) {
        vf difference = v_sub(v_load(t->block_z[j]), v_load(t->block_d[j]));
        wide_square(difference, square[j]);
        v_store(t->block_d[j], v_mul(difference, t->weight));
    }
    turn_back(t, t->block_d, t->d);
    for (size_t h = 0; h < HALVES; h++)
        sum[h] = d_set(0.5) * ((square[0][h] + square[2][h]) + (square[1][h] + square[3][h]));
    end_rows(t, sum, losses);
}

static void squared_error(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses)
{
    turned t;

    if (VL >= 4 && n <= 4)
        for (size_t first = 0; first < m; first += VL) {
            next_rows(&t, first, m, n, panel, z, weight, d);
            squared_narrow(&t, losses + first);
        }
    else
        for (size_t first = 0; first < m; first += VL)
            squared_rows(m - first < VL ? m - first : VL, n, panel, z + 32 * first, weight ? weight + first : NULL, d + 32 * first,
                         losses + first);
}
