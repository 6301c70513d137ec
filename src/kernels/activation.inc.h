/* Activation functions and their slopes, element by element.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* Chains of operations that wait for each other, WAYS of them side by side: a processor looks ahead over some 100 operations,
 * which are four exponentials one after the other and eight in this way. */
#define WAYS (VL < 4 ? 1 : 4)
#define EACH(w)  \
    UNROLLED     \
    for (size_t w = 0; w < ways; w++)

/* x = e^x to 1 ulp, |x| <= 88: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its series up to r^7 / 7! (the rest is below 6e-9),
 * times 2^n. ln 2 in two parts: the first has 9 trailing zero bits, so n times it is exact (Cody and Waite 1980). At n = -127
 * the power is 0, and so is what is left of the result when subnormals are flushed. NaN passes. */
INLINED void v_exp_inside(size_t ways, vf x[])
{
    static const float series[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
    const vf magic = v_set(0x1.8p23f + 127); /* adding it rounds to a whole number, and leaves n + 127 in the low bits */
    vf power[WAYS], e[WAYS];

    EACH(w)
        power[w] = v_fma(x[w], v_set(0x1.715476p+0f), magic);
    EACH(w)
        x[w] = v_fma(v_sub(power[w], magic), v_set(-0x1.62e400p-1f), x[w]);
    EACH(w)
        x[w] = v_fma(v_sub(power[w], magic), v_set(-0x1.7f7d1cp-20f), x[w]);
    EACH(w)
        e[w] = v_set(1.0f / 5040);
    UNROLLED
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        EACH(w)
            e[w] = v_fma(e[w], x[w], v_set(series[i]));
    EACH(w)
        x[w] = v_mul(e[w], v_from_bits(vi_exponent(v_bits(power[w]))));
}

/* x = e^x for x <= 88; below -88 all is 0. */
INLINED void v_exp(size_t ways, vf x[])
{
    EACH(w)
        x[w] = v_select(v_lt(x[w], v_set(-88.0f)), v_set(-88.0f), x[w]);
    v_exp_inside(ways, x);
}

/* e = e^-|x|, of which the sigmoid of x is made. */
INLINED void v_exp_less(size_t ways, const vf x[], vf e[])
{
    EACH(w)
        e[w] = v_sub(v_set(0.0f), v_abs(x[w]));
    v_exp(ways, e);
}

/* x becomes its sigmoid. The exponential of -|x| never overflows; one division serves both signs. s = p / (1 + e) with p = e or 1;
 * what 1 + e has lost by rounding is brought back to first order, s -= lost * s / (1 + e), and 1 / (1 + e) is 1 - s or s: without
 * it the error reaches 2.4 ulp. NaN passes. */
INLINED void v_sigmoid_of(size_t ways, const vf e[], vf x[])
{
    const vf zero = v_set(0.0f), one = v_set(1.0f);
    vf whole[WAYS], s[WAYS], less[WAYS];

    EACH(w)
        whole[w] = v_add(one, e[w]);
    EACH(w)
        s[w] = v_div(v_select(v_le(zero, x[w]), one, e[w]), whole[w]);
    EACH(w)
        less[w] = v_sub(v_sub(whole[w], one), e[w]);
    EACH(w)
        x[w] = v_fma(v_mul(less[w], s[w]), v_select(v_le(zero, x[w]), s[w], v_sub(one, s[w])), s[w]);
}

INLINED void sigmoid_value(size_t ways, vf x[])
{
    vf e[WAYS];

    v_exp_less(ways, x, e);
    v_sigmoid_of(ways, e, x);
}

/* Near 0 an odd polynomial (Cephes' tanhf, S. L. Moshier), elsewhere 1 - 2 / (e^2|x| + 1), which is 1 from 2|x| = 18 on. */
INLINED void tanh_value(size_t ways, vf x[])
{
    static const float series[] = {2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f};
    vf square[WAYS], near[WAYS], far[WAYS];

    EACH(w)
        far[w] = v_abs(x[w]);
    EACH(w)
        far[w] = v_add(far[w], far[w]);
    EACH(w)
        far[w] = v_select(v_lt(v_set(32.0f), far[w]), v_set(32.0f), far[w]);
    v_exp_inside(ways, far);
    EACH(w)
        far[w] = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(far[w], v_set(1.0f))));
    EACH(w)
        square[w] = v_mul(x[w], x[w]);
    EACH(w)
        near[w] = v_set(-5.70498872745e-3f);
    UNROLLED
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        EACH(w)
            near[w] = v_fma(near[w], square[w], v_set(series[i]));
    EACH(w)
        near[w] = v_fma(v_mul(near[w], square[w]), x[w], x[w]);
    EACH(w)
        x[w] = v_select(v_lt(v_abs(x[w]), v_set(0.625f)), near[w], v_copysign(far[w], x[w]));
}

/* e^(x + low) in two parts, power = 2^n and x = e^r - 1, so that what is made of it keeps all digits of e^r - 1 near 0, or has one
 * rounding less than with e^r. n and r as above, up to r^8 / 8!; -88 <= x <= 0, and low below x's last place. */
INLINED void v_exp_parts(size_t ways, vf x[], const vf low[], vf power[])
{
    static const float series[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f};
    const vf magic = v_set(0x1.8p23f + 127);
    vf e[WAYS];

    EACH(w)
        power[w] = v_fma(x[w], v_set(0x1.715476p+0f), magic);
    EACH(w)
        x[w] = v_fma(v_sub(power[w], magic), v_set(-0x1.62e400p-1f), x[w]);
    EACH(w)
        x[w] = v_add(v_fma(v_sub(power[w], magic), v_set(-0x1.7f7d1cp-20f), low[w]), x[w]);
    EACH(w)
        e[w] = v_set(1.0f / 40320);
    UNROLLED
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        EACH(w)
            e[w] = v_fma(e[w], x[w], v_set(series[i]));
    EACH(w)
        x[w] = v_fma(v_mul(e[w], x[w]), x[w], x[w]);
    EACH(w)
        power[w] = v_from_bits(vi_exponent(v_bits(power[w])));
}

/* x = e^x - 1 for x <= 0; it is -1 from -17.4 down. */
INLINED void v_expm1(size_t ways, vf x[])
{
    const vf one = v_set(1.0f);
    vf power[WAYS], none[WAYS];

    EACH(w)
        none[w] = v_set(0.0f);
    EACH(w)
        x[w] = v_select(v_lt(x[w], v_set(-32.0f)), v_set(-32.0f), x[w]);
    v_exp_parts(ways, x, none, power);
    EACH(w)
        x[w] = v_fma(x[w], power[w], v_sub(power[w], one));
}

#define LEAK 0.01f /* torch.nn.LeakyReLU's negative_slope */

INLINED void relu_value(size_t ways, vf x[])
{
    EACH(w)
        x[w] = v_relu(x[w]);
}

INLINED void leaky_relu_value(size_t ways, vf x[])
{
    EACH(w)
        x[w] = v_select(v_le(x[w], v_set(0.0f)), v_mul(x[w], v_set(LEAK)), x[w]);
}

INLINED void elu_value(size_t ways, vf x[])
{
    vf below[WAYS];

    EACH(w)
        below[w] = v_select(v_le(x[w], v_set(0.0f)), x[w], v_set(0.0f));
    v_expm1(ways, below);
    EACH(w)
        x[w] = v_select(v_le(x[w], v_set(0.0f)), below[w], x[w]);
}

/* e = e^-|x| with the last rounding alone, power and r for it. */
INLINED void v_exp_less_closely(size_t ways, const vf x[], vf e[])
{
    vf power[WAYS], none[WAYS];

    EACH(w)
        e[w] = v_sub(v_set(0.0f), v_abs(x[w]));
    EACH(w)
        e[w] = v_select(v_lt(e[w], v_set(-88.0f)), v_set(-88.0f), e[w]);
    EACH(w)
        none[w] = v_set(0.0f);
    v_exp_parts(ways, e, none, power);
    EACH(w)
        e[w] = v_fma(e[w], power[w], power[w]);
}

/* max(x, 0) + log(1 + e) with e = e^-|x|; log(1 + e) = e + e^2 q(e) on [0, 1], q minimax to 5e-9 of the whole. */
INLINED void softplus_value(size_t ways, vf x[])
{
    static const float series[] = {0x1.4917cep-6f, -0x1.d6b08cp-5f, 0x1.b4ae08p-4f, -0x1.3a435ep-3f,
                                   0x1.934b54p-3f, -0x1.ff23e6p-3f, 0x1.554dd0p-2f, -0x1.ffffd2p-2f};
    vf e[WAYS], q[WAYS];

    v_exp_less_closely(ways, x, e);
    EACH(w)
        q[w] = v_set(-0x1.af49cep-9f);
    UNROLLED
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        EACH(w)
            q[w] = v_fma(q[w], e[w], v_set(series[i]));
    EACH(w)
        e[w] = v_fma(v_mul(e[w], q[w]), e[w], e[w]);
    EACH(w)
        x[w] = v_add(v_select(v_le(x[w], v_set(0.0f)), v_set(0.0f), x[w]), e[w]);
}

/* x s with s = sigmoid of x, brought back to first order what s and the product have lost by rounding; its slope
 * s + x s (1 - s). */
INLINED void silu_value(size_t ways, vf x[], vf slope[])
{
    const vf zero = v_set(0.0f), one = v_set(1.0f);
    vf e[WAYS], whole[WAYS], s[WAYS], less[WAYS], a[WAYS];

    v_exp_less_closely(ways, x, e);
    EACH(w)
        whole[w] = v_add(one, e[w]);
    EACH(w)
        s[w] = v_div(v_select(v_le(zero, x[w]), one, e[w]), whole[w]);
    EACH(w)
        less[w] = v_select(v_le(zero, x[w]), v_mul(e[w], s[w]), v_sub(one, s[w])); /* 1 - s */
    EACH(w)
        slope[w] = v_mul(s[w], v_fma(x[w], less[w], one));
    EACH(w)
        less[w] = v_mul(v_sub(v_sub(whole[w], one), e[w]), v_select(v_le(zero, x[w]), s[w], less[w]));
    EACH(w)
        a[w] = v_mul(x[w], s[w]);
    EACH(w)
        x[w] = v_add(v_fma(less[w], a[w], v_fma(x[w], s[w], v_sub(zero, a[w]))), a[w]);
}

/* u = (x - 4) / (x + 4), which the rounding of x - 4 and x + 4 does not touch (N. Juffa), and 1 / x, with one division. */
INLINED void v_unit_of(size_t ways, const vf x[], vf u[], vf inverse[])
{
    const vf one = v_set(1.0f), four = v_set(4.0f);
    vf sum[WAYS], rest[WAYS];

    EACH(w)
        sum[w] = v_add(x[w], four);
    EACH(w)
        rest[w] = v_div(one, v_mul(x[w], sum[w]));
    EACH(w)
        inverse[w] = v_mul(rest[w], sum[w]);
    EACH(w)
        sum[w] = v_mul(rest[w], x[w]); /* 1 / (x + 4) */
    EACH(w)
        u[w] = v_mul(v_sub(x[w], four), sum[w]);
    EACH(w)
        rest[w] = v_fma(v_add(u[w], one), v_set(-4.0f), x[w]);
    EACH(w)
        u[w] = v_fma(sum[w], v_fma(v_sub(v_set(0.0f), u[w]), x[w], rest[w]), u[w]);
}

/* x P(-x) for x >= 0.6, and P(-x); P is the normal distribution. x P(-x) = t e^(-x^2 / 2), and t, which rises from 0.2 to 0.4, is a
 * polynomial in u, minimax to 1.8e-8 of it (the variable is that of M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of
 * (1 + 2x) exp(x^2) erfc x, 1981). x^2 / 2 is kept in two parts: its rounding would be 60 ulp of the power. From 13.25 on all is 0.
 * x becomes e^(-x^2 / 2). */
INLINED void v_normal_tail(size_t ways, vf x[], vf product[], vf tail[])
{
    static const float series[] = {0x1.c9c202p-11f, -0x1.085db6p-10f, -0x1.6a99c4p-8f, 0x1.b139d4p-6f, -0x1.024738p-4f,
                                   0x1.9adbb2p-4f,  -0x1.c41df6p-4f,  0x1.2dda04p-4f,  0x1.82b4bcp-2f};
    const vf zero = v_set(0.0f), half = v_set(-0.5f);
    vf u[WAYS], low[WAYS], power[WAYS];

    EACH(w)
        x[w] = v_select(v_lt(v_set(13.25f), x[w]), v_set(13.25f), x[w]);
    v_unit_of(ways, x, u, tail);
    EACH(w)
        product[w] = v_set(0x1.bdfdc4p-14f);
    UNROLLED
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        EACH(w)
            product[w] = v_fma(product[w], u[w], v_set(series[i]));
    EACH(w)
        u[w] = v_mul(x[w], x[w]);
    EACH(w)
        low[w] = v_mul(v_fma(x[w], x[w], v_sub(zero, u[w])), half);
    EACH(w)
        x[w] = v_mul(u[w], half);
    v_exp_parts(ways, x, low, power);
    EACH(w)
        product[w] = v_mul(v_fma(product[w], x[w], product[w]), power[w]);
    EACH(w)
        tail[w] = v_mul(product[w], tail[w]);
    EACH(w)
        x[w] = v_fma(x[w], power[w], power[w]);
}

/* x P(x), and the slope P(x) + x e^(-x^2 / 2) / sqrt(2 pi). Near 0 P is 1/2 + x p(x^2), p minimax to 3e-8 of it. NaN passes. */
INLINED void gelu_value(size_t ways, vf x[], vf slope[])
{
    static const float series[] = {-0x1.438a5ap-10f, 0x1.473208p-7f, -0x1.10592ep-4f, 0x1.988454p-2f};
    const vf zero = v_set(0.0f), one = v_set(1.0f);
    vf near[WAYS], density[WAYS], product[WAYS], tail[WAYS];

    EACH(w)
        near[w] = v_set(0x1.66db72p-13f);
    UNROLLED
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        EACH(w)
            near[w] = v_fma(near[w], v_mul(x[w], x[w]), v_set(series[i]));
    EACH(w)
        near[w] = v_fma(x[w], near[w], v_set(0.5f));
    EACH(w)
        density[w] = v_abs(x[w]);
    v_normal_tail(ways, density, product, tail);
    EACH(w)
        tail[w] = v_select(v_le(x[w], zero), tail[w], v_sub(one, tail[w]));
    EACH(w)
        product[w] = v_sub(v_select(v_le(x[w], zero), zero, x[w]), product[w]);
    EACH(w)
        tail[w] = v_select(v_lt(v_abs(x[w]), v_set(0.6f)), near[w], tail[w]);
    EACH(w)
        slope[w] = v_fma(v_mul(x[w], v_set(0x1.988454p-2f)), density[w], tail[w]);
    EACH(w)
        x[w] = v_select(v_lt(v_abs(x[w]), v_set(0.6f)), v_mul(x[w], near[w]), product[w]);
}

/* d g'(z), told from a = g(z), or from g'(z) where it was kept. */
INLINED vf identity_slope(vf a, vf d) { (void)a; return d; }
INLINED vf relu_slope(vf a, vf d) { return v_select(v_le(a, v_set(0.0f)), v_set(0.0f), d); }
INLINED vf leaky_relu_slope(vf a, vf d) { return v_select(v_le(a, v_set(0.0f)), v_mul(d, v_set(LEAK)), d); }
INLINED vf sigmoid_slope(vf a, vf d) { return v_mul(d, v_mul(a, v_sub(v_set(1.0f), a))); }
INLINED vf tanh_slope(vf a, vf d) { return v_mul(d, v_fma(v_sub(v_set(0.0f), a), a, v_set(1.0f))); }

/* d + 0, since clang makes d times a chosen factor of a chosen product, and then a subnormal d times 1 is 0 where they are flushed;
 * now it is 0 in every table. */
INLINED vf elu_slope(vf a, vf d)
{
    return v_select(v_le(a, v_set(0.0f)), v_mul(d, v_add(a, v_set(1.0f))), v_add(d, v_set(0.0f)));
}

INLINED vf kept_slope(vf kept, vf d) { return v_mul(d, kept); }
INLINED vf softplus_slope(vf a, vf d) /* 1 - e^-a */
{
    vf less = v_sub(v_set(0.0f), a);
    v_expm1(1, &less);
    return v_mul(d, v_sub(v_set(0.0f), less));
}

#define DESCENT(NAME)                                                     \
    static void NAME##_descend(size_t count, const float *a, float *d)    \
    {                                                                     \
        for (size_t i = 0; i < count; i += VL)                            \
            v_store(d + i, NAME##_slope(v_load(a + i), v_load(d + i)));   \
    }

/* z = g(z) of `count` vectors, `stride` floats apart, and of many; then slopes. */
#define ACTIVATION(NAME)                                                  \
    INLINED void NAME##_of_some(size_t ways, size_t stride, float *z)     \
    {                                                                     \
        vf x[WAYS];                                                       \
        EACH(w)                                                           \
            x[w] = v_load(z + w * stride);                                \
        NAME##_value(ways, x);                                            \
        EACH(w)                                                           \
            v_store(z + w * stride, x[w]);                                \
    }                                                                     \
    INLINED void NAME##_of_vectors(size_t count, size_t stride, float *z) \
    {                                                                     \
        size_t i = 0;                                                     \
        for (; i + WAYS <= count; i += WAYS)                              \
            NAME##_of_some(WAYS, stride, z + i * stride);                 \
        for (; i < count; i++)                                            \
            NAME##_of_some(1, stride, z + i * stride);                    \
    }                                                                     \
    static void NAME##_activate(size_t count, float *z, float *slopes)    \
    {                                                                     \
        (void)slopes;                                                     \
        NAME##_of_vectors(count / VL, VL, z);                             \
    }                                                                     \
    DESCENT(NAME)

/* The same of those that rise and fall, where `a` does not tell the slope: it is kept, where somebody will want it. */
#define KEEPING_ACTIVATION(NAME)                                                                     \
    INLINED void NAME##_of_some(size_t ways, size_t stride, float *z, bool keep, float *slopes)      \
    {                                                                                                \
        vf x[WAYS], slope[WAYS];                                                                     \
        EACH(w)                                                                                      \
            x[w] = v_load(z + w * stride);                                                           \
        NAME##_value(ways, x, slope);                                                                \
        EACH(w)                                                                                      \
            v_store(z + w * stride, x[w]);                                                           \
        if (keep)                                                                                    \
            EACH(w)                                                                                  \
                v_store(slopes + w * stride, slope[w]);                                              \
    }                                                                                                \
    INLINED void NAME##_of_vectors(size_t count, size_t stride, float *z, bool keep, float *slopes)  \
    {                                                                                                \
        size_t i = 0;                                                                                \
        for (; i + WAYS <= count; i += WAYS)                                                         \
            NAME##_of_some(WAYS, stride, z + i * stride, keep, keep ? slopes + i * stride : NULL);   \
        for (; i < count; i++)                                                                       \
            NAME##_of_some(1, stride, z + i * stride, keep, keep ? slopes + i * stride : NULL);      \
    }                                                                                                \
    static void NAME##_activate(size_t count, float *z, float *slopes)                               \
    {                                                                                                \
        if (slopes)                                                                                  \
            NAME##_of_vectors(count / VL, VL, z, true, slopes);                                      \
        else                                                                                         \
            NAME##_of_vectors(count / VL, VL, z, false, NULL);                                       \
    }

ACTIVATION(relu)
ACTIVATION(leaky_relu)
ACTIVATION(sigmoid)
ACTIVATION(tanh)
ACTIVATION(elu)
ACTIVATION(softplus)
KEEPING_ACTIVATION(gelu)
KEEPING_ACTIVATION(silu)
DESCENT(kept)

static void identity_activate(size_t count, float *z, float *slopes)
{
    (void)count;
    (void)z;
    (void)slopes;
}

static void identity_descend(size_t count, const float *a, float *d)
{
    (void)count;
    (void)a;
    (void)d;
}
