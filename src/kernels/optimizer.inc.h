/* The optimizers, each one pass over weights, gradient and state. Formulas are torch.optim's.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* A moment that has become negligible is cut to 0 long before it would become subnormal: 0.9 x rounds back to x there, and
 * it would stick for ever. */
INLINED vf cut_small(vf moment)
{
    return v_select(v_lt(v_abs(moment), v_set(0x1p-100f)), v_set(0.0f), moment);
}

/* Finite gradients leave 0 in `bad`; 0 times an infinity or a NaN is NaN, which stays. */
INLINED void note_bad(vf gradient, vf *bad)
{
    *bad = v_fma(gradient, v_set(0.0f), *bad);
}

INLINED bool is_bad(vf bad) { return vm_any(v_not_le(bad, bad)); }

/* The gradient of J with weight decay, and with the sign of w, 0 at 0, times l1: where that is 0, nothing is added, not even +0. */
INLINED vf decayed(const bp_update *u, vf gradient, vf weight)
{
    gradient = v_fma(v_set(u->decay), weight, gradient);
    if (u->l1 > 0.0f)
        gradient = v_add(gradient, v_select(v_lt(v_set(0.0f), v_abs(weight)), v_copysign(v_set(u->l1), weight), v_set(0.0f)));
    return gradient;
}

typedef struct optimized {
    float *w;
    const float *g;
    float *first, *second; /* state, where the optimizer has it */
} optimized;

INLINED void sgd_vector(const bp_update *u, const optimized *o, size_t i, vf *bad)
{
    vf weight = v_load(o->w + i), gradient = v_mul(v_load(o->g + i), v_set(u->scale));

    note_bad(gradient, bad);
    v_store(o->w + i, v_fma(v_set(-u->rate), decayed(u, gradient, weight), weight));
}

INLINED void momentum_vector(const bp_update *u, const optimized *o, size_t i, vf *bad)
{
    vf weight = v_load(o->w + i), gradient = v_mul(v_load(o->g + i), v_set(u->scale));

    note_bad(gradient, bad);
    gradient = decayed(u, gradient, weight);
    vf moving = cut_small(v_fma(v_set(u->momentum), v_load(o->first + i), gradient));
    v_store(o->first + i, moving);
    vf direction = u->nesterov ? v_fma(v_set(u->momentum), moving, gradient) : moving;
    v_store(o->w + i, v_fma(v_set(-u->rate), direction, weight));
}

INLINED void adam_vector(const bp_update *u, const optimized *o, size_t i, vf *bad)
{
    vf weight = v_load(o->w + i), gradient = v_mul(v_load(o->g + i), v_set(u->scale));

    note_bad(gradient, bad);
    gradient = decayed(u, gradient, weight);
    vf m1 = cut_small(v_fma(v_set(u->beta1), v_load(o->first + i), v_mul(v_set(u->rest1), gradient)));
    vf m2 = cut_small(v_fma(v_set(u->beta2), v_load(o->second + i), v_mul(v_set(u->rest2), v_mul(gradient, gradient))));
    v_store(o->first + i, m1);
    v_store(o->second + i, m2);
    vf root = v_fma(v_sqrt(m2), v_set(u->root), v_set(u->epsilon));
    weight = v_mul(weight, v_set(u->keep));
    v_store(o->w + i, v_fma(v_set(-u->rate), v_div(m1, root), weight));
}

/* 1, -1, or 0, which NaN is too. */
INLINED vf sign_of(vf a)
{
    vf zero = v_set(0.0f);
    return v_select(v_lt(zero, a), v_set(1.0f), v_select(v_lt(a, zero), v_set(-1.0f), zero));
}

/* iRPROP+ (Igel, Huesken: Improving the Rprop learning algorithm, 2000), with its constants. */
INLINED void rprop_vector(const bp_update *u, const optimized *o, size_t i, vf *bad)
{
    vf weight = v_load(o->w + i), gradient = v_mul(v_load(o->g + i), v_set(u->scale)), zero = v_set(0.0f);
    vf was = sign_of(v_load(o->first + i)), delta = v_load(o->second + i);

    note_bad(gradient, bad);
    gradient = decayed(u, gradient, weight);
    delta = v_select(v_lt(zero, delta), delta, v_set(0.1f));
    vf now = sign_of(gradient), both = v_mul(now, was);
    vf grown = v_mul(delta, v_set(1.2f)), shrunk = v_mul(delta, v_set(0.5f));
    grown = v_select(v_lt(grown, v_set(50.0f)), grown, v_set(50.0f));
    shrunk = v_select(v_lt(v_set(1e-6f), shrunk), shrunk, v_set(1e-6f));
    vf next = v_select(v_lt(zero, both), grown, v_select(v_lt(both, zero), shrunk, delta));
    vf back = u->worse ? v_fma(was, delta, weight) : weight;
    v_store(o->w + i, v_select(v_lt(both, zero), back, v_fma(v_sub(zero, now), next, weight)));
    v_store(o->first + i, v_select(v_lt(both, zero), zero, cut_small(gradient)));
    v_store(o->second + i, next);
}

/* first: mean square, second: velocity, where there is a momentum. */
INLINED void rmsprop_vector(const bp_update *u, const optimized *o, size_t i, vf *bad)
{
    vf weight = v_load(o->w + i), gradient = v_mul(v_load(o->g + i), v_set(u->scale));

    note_bad(gradient, bad);
    gradient = decayed(u, gradient, weight);
    vf square = cut_small(v_fma(v_set(u->beta2), v_load(o->first + i), v_mul(v_set(u->rest2), v_mul(gradient, gradient))));
    v_store(o->first + i, square);
    vf direction = v_div(gradient, v_add(v_sqrt(square), v_set(u->epsilon)));
    if (o->second) {
        direction = cut_small(v_fma(v_set(u->momentum), v_load(o->second + i), direction));
        v_store(o->second + i, direction);
    }
    v_store(o->w + i, v_fma(v_set(-u->rate), direction, weight));
}

INLINED void scale_vector(const bp_update *u, const optimized *o, size_t i, vf *bad)
{
    vf gradient = v_mul(v_load(o->w + i), v_set(u->scale));

    note_bad(gradient, bad);
    v_store(o->w + i, gradient);
}

/* Two vectors at a time: one chain of `bad` alone would take its four cycles for each vector. */
#define OVER_ALL(VECTOR, UPDATE, ...)                          \
    optimized o = {__VA_ARGS__};                               \
    bp_update u = *(UPDATE); /* no store can change it */      \
    vf bad = v_set(0.0f), worse = v_set(0.0f);                 \
    for (size_t i = 0; i < count; i += 2 * VL) {               \
        VECTOR(&u, &o, i, &bad);                               \
        VECTOR(&u, &o, i + VL, &worse);                        \
    }                                                          \
    return is_bad(v_add(bad, worse))

static bool sgd(size_t count, const bp_update *update, float *w, const float *g)
{
    OVER_ALL(sgd_vector, update, .w = w, .g = g);
}

static bool momentum(size_t count, const bp_update *update, float *w, const float *g, float *velocity)
{
    OVER_ALL(momentum_vector, update, .w = w, .g = g, .first = velocity);
}

static bool adam(size_t count, const bp_update *update, float *w, const float *g, float *first, float *second)
{
    OVER_ALL(adam_vector, update, .w = w, .g = g, .first = first, .second = second);
}

static bool rprop(size_t count, const bp_update *update, float *w, const float *g, float *before, float *delta)
{
    OVER_ALL(rprop_vector, update, .w = w, .g = g, .first = before, .second = delta);
}

static bool rmsprop(size_t count, const bp_update *update, float *w, const float *g, float *first, float *second)
{
    OVER_ALL(rmsprop_vector, update, .w = w, .g = g, .first = first, .second = second);
}

static bool scale(size_t count, float factor, float *g)
{
    OVER_ALL(scale_vector, (&(bp_update){.scale = factor}), .w = g);
}

#define LANES 16

static double squares(size_t count, const float *g)
{
    vd sum[LANES / DL];
    double lane[LANES];

    UNROLLED
    for (size_t j = 0; j < LANES / DL; j++)
        sum[j] = d_set(0.0);
    for (size_t i = 0; i < count; i += LANES) {
        UNROLLED
        for (size_t j = 0; j < LANES / DL; j++) {
            vd wide = v_load_wide(g + i + j * DL);
            sum[j] = sum[j] + wide * wide;
        }
    }
    memcpy(lane, sum, sizeof lane);
    for (size_t apart = LANES / 2; apart; apart /= 2)
        for (size_t j = 0; j < apart; j++)
            lane[j] = lane[j] + lane[j + apart];
    return lane[0];
}

static void add(size_t count, float *left, const float *right)
{
    for (size_t i = 0; i < count; i += VL)
        v_store(left + i, v_add(v_load(left + i), v_load(right + i)));
}
