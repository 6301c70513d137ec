/* Activation functions and their slopes, element by element.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* e^x to 1 ulp: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its series up to r^7 / 7! (the rest is below 6e-9), times 2^n in
 * two halves, so that neither leaves the range of a float. ln 2 in two parts: the first has 9 trailing zero bits, so n
 * times it is exact (Cody and Waite 1980). Below e^-104 all is 0; above e^89 all is infinite; NaN passes. */
INLINED vf v_exp(vf x)
{
    vf magic = v_set(0x1.8p23f); /* adding it rounds to a whole number, kept in the low bits */

    x = v_select(v_lt(x, v_set(-104.0f)), v_set(-104.0f), x);
    x = v_select(v_lt(v_set(89.0f), x), v_set(89.0f), x);
    vf shifted = v_fma(x, v_set(0x1.715476p+0f), magic);
    vf n = v_sub(shifted, magic);
    vf r = v_fma(n, v_set(-0x1.62e400p-1f), x);
    r = v_fma(n, v_set(-0x1.7f7d1cp-20f), r);

    vf e = v_set(1.0f / 5040);
    e = v_fma(e, r, v_set(1.0f / 720));
    e = v_fma(e, r, v_set(1.0f / 120));
    e = v_fma(e, r, v_set(1.0f / 24));
    e = v_fma(e, r, v_set(1.0f / 6));
    e = v_fma(e, r, v_set(0.5f));
    e = v_fma(e, r, v_set(1.0f));
    e = v_fma(e, r, v_set(1.0f));

    vi power = vi_sub(v_bits(shifted), v_bits(magic));
    vi half = vi_half(power);
    vf low = v_from_bits(vi_exponent(vi_add(half, vi_set(127))));
    vf high = v_from_bits(vi_exponent(vi_add(vi_sub(power, half), vi_set(127))));
    return v_mul(v_mul(e, low), high);
}

/* The exponential of -|x| never overflows; one division serves both signs. s = p / (1 + e) with p = e or 1; what 1 + e has lost
 * by rounding is brought back to first order, s -= lost * s / (1 + e), and 1 / (1 + e) is 1 - s or s: without it the error
 * reaches 2.4 ulp. */
INLINED vf v_sigmoid(vf x)
{
    vf zero = v_set(0.0f), one = v_set(1.0f);
    vf e = v_exp(v_sub(zero, v_abs(x)));
    vm positive = v_le(zero, x);
    vf whole = v_add(one, e);
    vf lost = v_sub(e, v_sub(whole, one));
    vf s = v_div(v_select(positive, one, e), whole);
    s = v_fma(v_mul(v_sub(zero, lost), s), v_select(positive, s, v_sub(one, s)), s);
    return v_select(v_le(x, x), s, x); /* NaN passes */
}

/* Near 0 an odd polynomial (Cephes' tanhf, S. L. Moshier), elsewhere 1 - 2 / (e^2|x| + 1). */
INLINED vf v_tanh(vf x)
{
    vf magnitude = v_abs(x), square = v_mul(x, x);
    vf p = v_set(-5.70498872745e-3f);
    p = v_fma(p, square, v_set(2.06390887954e-2f));
    p = v_fma(p, square, v_set(-5.37397155531e-2f));
    p = v_fma(p, square, v_set(1.33314422036e-1f));
    p = v_fma(p, square, v_set(-3.33332819422e-1f));
    vf near = v_fma(v_mul(p, square), x, x);
    vf e = v_exp(v_add(magnitude, magnitude));
    vf far = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(e, v_set(1.0f))));
    vf t = v_select(v_lt(magnitude, v_set(0.625f)), near, v_copysign(far, x));
    return v_select(v_le(x, x), t, x);
}

#define LEAK 0.01f /* torch.nn.LeakyReLU's negative_slope */

INLINED vf identity_value(vf z) { return z; }
INLINED vf relu_value(vf z) { return v_relu(z); }
INLINED vf leaky_relu_value(vf z) { return v_select(v_le(z, v_set(0.0f)), v_mul(z, v_set(LEAK)), z); }

/* d g'(z), told from a = g(z). */
INLINED vf identity_slope(vf a, vf d) { (void)a; return d; }
INLINED vf relu_slope(vf a, vf d) { return v_select(v_le(a, v_set(0.0f)), v_set(0.0f), d); }
INLINED vf leaky_relu_slope(vf a, vf d) { return v_select(v_le(a, v_set(0.0f)), v_mul(d, v_set(LEAK)), d); }
INLINED vf sigmoid_slope(vf a, vf d) { return v_mul(d, v_mul(a, v_sub(v_set(1.0f), a))); }
INLINED vf tanh_slope(vf a, vf d) { return v_mul(d, v_fma(v_sub(v_set(0.0f), a), a, v_set(1.0f))); }

#define ACTIVATION(NAME, VALUE, SLOPE)                                 \
    static void NAME##_activate(size_t count, float *z)                \
    {                                                                  \
        for (size_t i = 0; i < count; i += VL)                         \
            v_store(z + i, VALUE(v_load(z + i)));                      \
    }                                                                  \
    static void NAME##_descend(size_t count, const float *a, float *d) \
    {                                                                  \
        for (size_t i = 0; i < count; i += VL)                         \
            v_store(d + i, SLOPE(v_load(a + i), v_load(d + i)));       \
    }

ACTIVATION(relu, relu_value, relu_slope)
ACTIVATION(leaky_relu, leaky_relu_value, leaky_relu_slope)
ACTIVATION(sigmoid, v_sigmoid, sigmoid_slope)
ACTIVATION(tanh, v_tanh, tanh_slope)

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
