/* Products of rows that are mostly 0: their entries alone are walked, in ascending order of their columns. A step that is left out
 * is fma(+0, b, sum) = sum while b is finite, but that -0 may stand for +0 until the end adds +0: so all bits are product_rows' and
 * product_columns' own.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* Vectors of a row side by side: their chains hide a multiply-add's four cycles, and the next rows do the rest. */
#define SPARSE_VECTORS (32 / VL < 4 ? 32 / VL : 4)

INLINED void sparse_chains(size_t vectors, const bp_sparse_row *row, const float *b, const float *bias, float *c)
{
    vf sums[SPARSE_VECTORS];

    UNROLLED
    for (size_t v = 0; v < vectors; v++)
        sums[v] = v_set(0.0f);
    for (size_t e = 0; e < row->count; e++) {
        const float *line = b + 32 * (size_t)row->column[e];
        vf x = v_set(row->value[e]);
        UNROLLED
        for (size_t v = 0; v < vectors; v++)
            sums[v] = v_fma(x, v_load(line + v * VL), sums[v]);
    }
    UNROLLED
    for (size_t v = 0; v < vectors; v++) {
        vf addend = bias ? v_add(v_load(bias + v * VL), v_set(0.0f)) : v_set(0.0f); /* as tile_finish of product.inc.h */
        v_store(c + v * VL, v_add(sums[v], addend));
    }
}

static void sparse_rows(size_t m, const bp_sparse_row *rows, const float *b, size_t columns, const bp_end *end, float *c)
{
    size_t vectors = (columns + VL - 1) / VL;

    for (size_t r = 0; r < m; r++) {
        size_t v = 0;
        for (; v + SPARSE_VECTORS <= vectors; v += SPARSE_VECTORS)
            sparse_chains(SPARSE_VECTORS, &rows[r], b + v * VL, end->bias ? end->bias + v * VL : NULL, c + 32 * r + v * VL);
        for (; v < vectors; v++)
            sparse_chains(1, &rows[r], b + v * VL, end->bias ? end->bias + v * VL : NULL, c + 32 * r + v * VL);
    }
    if (end->activate)
        end->activate(32 * m, c, end->slopes);
}

/* Where number (p, 0) of a turned panel [columns][32] is; (p, j) lies 32 j behind it. */
INLINED size_t turned_place(size_t p, size_t columns)
{
    return p / 32 * 32 * columns + p % 32;
}

static void sparse_narrow(size_t m, const bp_sparse_row *rows, const float *b, size_t columns, const bp_end *end, float *c)
{
    for (size_t r = 0; r < m; r++) {
        float sums[32] = {0}, slopes[32];
        for (size_t e = 0; e < rows[r].count; e++) {
            const float *first = b + turned_place(rows[r].column[e], columns);
            for (size_t j = 0; j < columns; j++)
                sums[j] = __builtin_fmaf(rows[r].value[e], first[32 * j], sums[j]);
        }
        for (size_t j = 0; j < columns; j++)
            sums[j] += end->bias ? end->bias[j] + 0.0f : 0.0f;
        if (end->activate)
            end->activate(32, sums, end->slopes ? slopes : NULL);
        if (end->activate && end->slopes)
            memcpy(end->slopes + 32 * r, slopes, columns * sizeof *slopes);
        memcpy(c + 32 * r, sums, columns * sizeof *c);
    }
}

/* + (+0) in every step: within a chain it changes no more than the sign of a zero, which the next step does not see. */
INLINED void scatter_line(size_t vectors, float value, const float *d, float *c)
{
    vf x = v_set(value);

    UNROLLED_BY(4)
    for (size_t v = 0; v < vectors; v++)
        v_store(c + v * VL, v_add(v_fma(x, v_load(d + v * VL), v_load(c + v * VL)), v_set(0.0f)));
}

static void scatter_rows(size_t count, const uint32_t *column, const float *value, const uint32_t *row, const float *d,
                         size_t columns, float *c)
{
    size_t vectors = (columns + VL - 1) / VL;

    for (size_t e = 0; e < count; e++) {
        const float *from = d + (row ? 32 * (size_t)row[e] : 0);
        float *to = c + 32 * (size_t)column[e];
        if (vectors == 32 / VL)
            scatter_line(32 / VL, value[e], from, to);
        else
            scatter_line(vectors, value[e], from, to);
    }
}

static void scatter_narrow(size_t count, const uint32_t *column, const float *value, const uint32_t *row, const float *d,
                           size_t columns, float *c)
{
    for (size_t e = 0; e < count; e++) {
        const float *from = d + (row ? 32 * (size_t)row[e] : 0);
        float *to = c + turned_place(column[e], columns);
        for (size_t j = 0; j < columns; j++)
            to[32 * j] = __builtin_fmaf(value[e], from[j], to[32 * j]) + 0.0f;
    }
}
