/* Losses of numbers, element by element: what they make of e = z - y, in f32 as the gradient's own, and L in double of that.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* d = dL/dz, and `aside` is what L is made of with it. At a kink, e = 0, d is 0. */
INLINED void absolute_error_slopes(size_t ways, const vf z[], const vf y[], vf shape, vf d[], vf aside[])
{
    (void)shape;
    EACH(w)
        aside[w] = v_sub(z[w], y[w]);
    EACH(w)
        d[w] = v_select(v_le(v_abs(aside[w]), v_set(0.0f)), v_set(0.0f), v_copysign(v_set(1.0f), aside[w]));
}

/* shape: delta */
INLINED void huber_slopes(size_t ways, const vf z[], const vf y[], vf shape, vf d[], vf aside[])
{
    EACH(w)
        aside[w] = v_sub(z[w], y[w]);
    EACH(w)
        d[w] = v_select(v_lt(shape, v_abs(aside[w])), v_copysign(shape, aside[w]), aside[w]);
}

/* shape: q */
INLINED void quantile_slopes(size_t ways, const vf z[], const vf y[], vf shape, vf d[], vf aside[])
{
    const vf zero = v_set(0.0f);

    EACH(w)
        aside[w] = v_sub(z[w], y[w]);
    EACH(w)
        d[w] = v_select(v_lt(aside[w], zero), v_sub(zero, shape), zero);
    EACH(w)
        d[w] = v_select(v_lt(zero, aside[w]), v_sub(v_set(1.0f), shape), d[w]);
}

/* x = e^x, infinite above 88. */
INLINED void exponential_value(size_t ways, vf x[])
{
    vf large[WAYS];

    EACH(w)
        large[w] = v_select(v_lt(v_set(88.0f), x[w]), v_set(__builtin_inff()), v_set(0.0f));
    EACH(w)
        x[w] = v_select(v_lt(v_set(88.0f), x[w]), v_set(88.0f), x[w]);
    v_exp(ways, x);
    EACH(w)
        x[w] = v_add(x[w], large[w]);
}

INLINED void poisson_slopes(size_t ways, const vf z[], const vf y[], vf shape, vf d[], vf aside[])
{
    (void)shape;
    EACH(w)
        aside[w] = z[w];
    exponential_value(ways, aside);
    EACH(w)
        d[w] = v_sub(aside[w], y[w]);
}

INLINED vd absolute_error_line(vd aside, vd d, vd z, vd y) { (void)z, (void)y; return d * aside; }
INLINED vd huber_line(vd aside, vd d, vd z, vd y) { (void)z, (void)y; return d * aside - d_set(0.5) * (d * d); }
INLINED vd quantile_line(vd aside, vd d, vd z, vd y) { (void)z, (void)y; return d * aside; }
INLINED vd poisson_line(vd aside, vd d, vd z, vd y) { (void)d; return aside - z * y; }

/* `ways` columns of the block that is held; a block of the sum; rows. */
#define ELEMENTWISE_LOSS(NAME)                                                                                            \
    INLINED void NAME##_columns(size_t ways, turned *t, size_t j, vd sum[HALVES])                                         \
    {                                                                                                                     \
        vf z[WAYS], y[WAYS], d[WAYS], aside[WAYS];                                                                        \
        float slopes[VL];                                                                                                 \
        EACH(w) {                                                                                                         \
            z[w] = v_load(t->block_z[j + w]);                                                                             \
            y[w] = v_load(t->block_d[j + w]);                                                                             \
        }                                                                                                                 \
        NAME##_slopes(ways, z, y, v_set(t->shape), d, aside);                                                             \
        EACH(w) {                                                                                                         \
            v_store(t->e[j + w], aside[w]);                                                                               \
            v_store(slopes, d[w]);                                                                                        \
            UNROLLED                                                                                                      \
            for (size_t h = 0; h < HALVES; h++)                                                                           \
                sum[h] = sum[h] + NAME##_line(v_load_wide(t->e[j + w] + h * DL), v_load_wide(slopes + h * DL),            \
                                              v_load_wide(t->block_z[j + w] + h * DL),                                    \
                                              v_load_wide(t->block_d[j + w] + h * DL));                                   \
            v_store(t->block_d[j + w], v_mul(d[w], t->weight));                                                           \
        }                                                                                                                 \
    }                                                                                                                     \
    OUT_OF_LINE void NAME##_block(turned *t, size_t first, vd sum[HALVES])                                                \
    {                                                                                                                     \
        size_t end = t->n - first < BP_SUM_BLOCK ? t->n : first + BP_SUM_BLOCK;                                           \
        for (size_t h = 0; h < HALVES; h++)                                                                               \
            sum[h] = d_set(0.0);                                                                                          \
        for (size_t column = first; column < end; column += VL) {                                                         \
            size_t j = 0;                                                                                                 \
            bring(t, column, true);                                                                                       \
            ask_for_next_panel(t, column);                                                                                \
            for (; j + WAYS <= t->columns; j += WAYS)                                                                     \
                NAME##_columns(WAYS, t, j, sum);                                                                          \
            for (; j < t->columns; j++)                                                                                   \
                NAME##_columns(1, t, j, sum);                                                                             \
            turn_back(t, t->block_d, PLACE(t->d, t->panel, column));                                                      \
        }                                                                                                                 \
    }                                                                                                                     \
    static void NAME(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses,     \
                     float shape)                                                                                         \
    {                                                                                                                     \
        elementwise(NAME##_block, m, n, panel, z, weight, d, losses, shape);                                              \
    }

ELEMENTWISE_LOSS(absolute_error)
ELEMENTWISE_LOSS(huber)
ELEMENTWISE_LOSS(quantile)
ELEMENTWISE_LOSS(poisson)

static void exponential(size_t count, float *z)
{
    for (size_t i = 0; i < count; i += VL) {
        vf x[1] = {v_load(z + i)};
        exponential_value(1, x);
        v_store(z + i, x[0]);
    }
}
