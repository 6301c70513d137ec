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

/* d g'(z), told from a = g(z). */
INLINED vf identity_slope(vf a, vf d) { (void)a; return d; }
INLINED vf relu_slope(vf a, vf d) { return v_select(v_le(a, v_set(0.0f)), v_set(0.0f), d); }
INLINED vf leaky_relu_slope(vf a, vf d) { return v_select(v_le(a, v_set(0.0f)), v_mul(d, v_set(LEAK)), d); }
INLINED vf sigmoid_slope(vf a, vf d) { return v_mul(d, v_mul(a, v_sub(v_set(1.0f), a))); }
INLINED vf tanh_slope(vf a, vf d) { return v_mul(d, v_fma(v_sub(v_set(0.0f), a), a, v_set(1.0f))); }

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
    static void NAME##_activate(size_t count, float *z)                   \
    {                                                                     \
        NAME##_of_vectors(count / VL, VL, z);                             \
    }                                                                     \
    static void NAME##_descend(size_t count, const float *a, float *d)    \
    {                                                                     \
        for (size_t i = 0; i < count; i += VL)                            \
            v_store(d + i, NAME##_slope(v_load(a + i), v_load(d + i)));   \
    }

ACTIVATION(relu)
ACTIVATION(leaky_relu)
ACTIVATION(sigmoid)
ACTIVATION(tanh)

static void identity_activate(size_t count, float *z)
{
    (void)count;
    (void)z;
}

static void identity_descend(size_t count, const float *a, float *d)
{
    (void)count;
    (void)a;
    (void)d;
}
