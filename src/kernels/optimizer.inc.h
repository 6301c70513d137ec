/* The optimizers, each one pass over weights, gradient and state. Formulas are torch.optim's.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* A moment that has become negligible is cut to 0 long before it would become subnormal: 0.9 x rounds back to x there, and
 * it would stick for ever. */
INLINED vf cut_small(vf moment)
{
    return v_select(v_lt(v_abs(moment), v_set(0x1p-100f)), v_set(0.0f), moment);
}

INLINED vm note_bad(vm bad, vf gradient)
{
    return vm_or_not(bad, v_lt(v_abs(gradient), v_set(__builtin_inff())));
}

/* The gradient of J with weight decay. */
INLINED vf decayed(const bp_update *u, vf gradient, vf weight)
{
    return v_fma(v_set(u->decay), weight, gradient);
}

static bool sgd(size_t count, const bp_update *u, float *w, const float *g)
{
    vm bad = vm_none();

    for (size_t i = 0; i < count; i += VL) {
        vf weight = v_load(w + i), gradient = v_mul(v_load(g + i), v_set(u->scale));
        bad = note_bad(bad, gradient);
        v_store(w + i, v_fma(v_set(-u->rate), decayed(u, gradient, weight), weight));
    }
    return vm_any(bad);
}

static bool momentum(size_t count, const bp_update *u, float *w, const float *g, float *velocity)
{
    vm bad = vm_none();

    for (size_t i = 0; i < count; i += VL) {
        vf weight = v_load(w + i), gradient = v_mul(v_load(g + i), v_set(u->scale));
        bad = note_bad(bad, gradient);
        gradient = decayed(u, gradient, weight);
        vf moving = cut_small(v_fma(v_set(u->momentum), v_load(velocity + i), gradient));
        v_store(velocity + i, moving);
        vf direction = u->nesterov ? v_fma(v_set(u->momentum), moving, gradient) : moving;
        v_store(w + i, v_fma(v_set(-u->rate), direction, weight));
    }
    return vm_any(bad);
}

static bool adam(size_t count, const bp_update *u, float *w, const float *g, float *first, float *second)
{
    vm bad = vm_none();

    for (size_t i = 0; i < count; i += VL) {
        vf weight = v_load(w + i), gradient = v_mul(v_load(g + i), v_set(u->scale));
        bad = note_bad(bad, gradient);
        gradient = decayed(u, gradient, weight);
        vf m1 = cut_small(v_fma(v_set(u->beta1), v_load(first + i), v_mul(v_set(u->rest1), gradient)));
        vf m2 = cut_small(v_fma(v_set(u->beta2), v_load(second + i), v_mul(v_set(u->rest2), v_mul(gradient, gradient))));
        v_store(first + i, m1);
        v_store(second + i, m2);
        vf root = v_fma(v_sqrt(m2), v_set(u->root), v_set(u->epsilon));
        weight = v_mul(weight, v_set(u->keep));
        v_store(w + i, v_fma(v_set(-u->rate), v_div(m1, root), weight));
    }
    return vm_any(bad);
}

static bool scale(size_t count, float factor, float *g)
{
    vm bad = vm_none();

    for (size_t i = 0; i < count; i += VL) {
        vf gradient = v_mul(v_load(g + i), v_set(factor));
        bad = note_bad(bad, gradient);
        v_store(g + i, gradient);
    }
    return vm_any(bad);
}

static void add(size_t count, float *left, const float *right)
{
    for (size_t i = 0; i < count; i += VL)
        v_store(left + i, v_add(v_load(left + i), v_load(right + i)));
}
