/* What each loss makes of a row of outputs: its gradient with respect to z.
 *
 * Columns behind the last get a gradient of 0, so that they stay out of every product.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* Vector v of a row: 32 columns a panel. */
#define PLACE(base, panel, column) ((base) + (column) / 32 * (panel) + (column) % 32)

/* value where the vector's columns lie below n, else `otherwise`. Only the last vector of a row can differ. */
INLINED vf below(size_t column, size_t n, vf value, float otherwise)
{
    float keep[VL];

    if (column + VL <= n)
        return value;
    for (size_t j = 0; j < VL; j++)
        keep[j] = column + j < n ? 1.0f : 0.0f;
    return v_select(v_lt(v_set(0.0f), v_load(keep)), value, v_set(otherwise));
}

INLINED void descend_row(size_t n, size_t panel, const float *z, float weight, bool logistic, float *d)
{
    for (size_t column = 0; column < n; column += VL) {
        vf value = v_load(PLACE(z, panel, column));
        vf prediction = logistic ? v_sigmoid(value) : value;
        vf difference = v_sub(prediction, v_load(PLACE(d, panel, column)));
        v_store(PLACE(d, panel, column), below(column, n, v_mul(difference, v_set(weight)), 0.0f));
    }
}

static void squared_error(size_t n, size_t panel, const float *z, float weight, float *d)
{
    descend_row(n, panel, z, weight, false, d);
}

static void binary_cross_entropy(size_t n, size_t panel, const float *z, float weight, float *d)
{
    descend_row(n, panel, z, weight, true, d);
}

/* Sixteen lanes in as many vectors as that takes. */
#define LANES 16
typedef struct lanes {
    vf v[LANES / VL];
} lanes;

INLINED float larger(float a, float b) { return a < b ? b : a; }

INLINED float fold_max(const lanes *l)
{
    float f[LANES];

    for (size_t v = 0; v < LANES / VL; v++)
        v_store(f + v * VL, l->v[v]);
    for (size_t apart = LANES / 2; apart; apart /= 2)
        for (size_t j = 0; j < apart; j++)
            f[j] = larger(f[j], f[j + apart]);
    return f[0];
}

INLINED float fold_sum(const lanes *l)
{
    float f[LANES];

    for (size_t v = 0; v < LANES / VL; v++)
        v_store(f + v * VL, l->v[v]);
    for (size_t apart = LANES / 2; apart; apart /= 2)
        for (size_t j = 0; j < apart; j++)
            f[j] = f[j] + f[j + apart];
    return f[0];
}

INLINED float row_max(size_t n, size_t panel, const float *z)
{
    lanes most;

    for (size_t v = 0; v < LANES / VL; v++)
        most.v[v] = v_set(-__builtin_inff());
    for (size_t column = 0; column < n; column += VL) {
        vf *lane = &most.v[column / VL % (LANES / VL)];
        vf value = below(column, n, v_load(PLACE(z, panel, column)), -__builtin_inff());
        *lane = v_select(v_lt(*lane, value), value, *lane);
    }
    return fold_max(&most);
}

/* e = exp(z - max) is left in `e`; returns its sum. */
INLINED float row_exponentials(size_t n, size_t panel, const float *z, float max, float *e)
{
    lanes sum;

    for (size_t v = 0; v < LANES / VL; v++)
        sum.v[v] = v_set(0.0f);
    for (size_t column = 0; column < n; column += VL) {
        vf *lane = &sum.v[column / VL % (LANES / VL)];
        vf value = below(column, n, v_exp(v_sub(v_load(PLACE(z, panel, column)), v_set(max))), 0.0f);
        v_store(PLACE(e, panel, column), value);
        *lane = v_add(*lane, value);
    }
    return fold_sum(&sum);
}

/* Two passes over the exponentials instead of a buffer for them: d still holds y. */
static void softmax_cross_entropy(size_t n, size_t panel, const float *z, float weight, float *d, float *max, float *sum)
{
    lanes total;

    *max = row_max(n, panel, z);
    for (size_t v = 0; v < LANES / VL; v++)
        total.v[v] = v_set(0.0f);
    for (size_t column = 0; column < n; column += VL) {
        vf *lane = &total.v[column / VL % (LANES / VL)];
        *lane = v_add(*lane, below(column, n, v_exp(v_sub(v_load(PLACE(z, panel, column)), v_set(*max))), 0.0f));
    }
    *sum = fold_sum(&total);
    for (size_t column = 0; column < n; column += VL) {
        vf p = v_div(v_exp(v_sub(v_load(PLACE(z, panel, column)), v_set(*max))), v_set(*sum));
        vf difference = v_sub(p, v_load(PLACE(d, panel, column)));
        v_store(PLACE(d, panel, column), below(column, n, v_mul(difference, v_set(weight)), 0.0f));
    }
}

static void softmax(size_t n, size_t panel, float *z)
{
    float sum = row_exponentials(n, panel, z, row_max(n, panel, z), z);

    for (size_t column = 0; column < n; column += VL)
        v_store(PLACE(z, panel, column), v_div(v_load(PLACE(z, panel, column)), v_set(sum)));
}
