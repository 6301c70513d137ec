/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer.h"

#include <math.h>

#include "elementary.h"

unsigned bp_optimizer_moments(const bp_settings *settings)
{
    if (settings->optimizer == BP_LBFGS)
        return 0; /* its vectors are its own */
    if (settings->optimizer != BP_SGD && settings->optimizer != BP_RMSPROP)
        return 2;
    return (settings->optimizer == BP_RMSPROP ? 1u : 0u) + (settings->momentum > 0.0 ? 1u : 0u);
}

/* Kingma, Ba: Adam (2015), as in torch.optim.Adam: w -= rate / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon). */
static void adam_numbers(const bp_settings *settings, uint64_t t, double rate, bp_update *update)
{
    update->rate = (float)(rate / (1.0 - bp_pow_n(settings->beta1, t)));
    update->root = (float)(1.0 / sqrt(1.0 - bp_pow_n(settings->beta2, t)));
    update->beta1 = (float)settings->beta1;
    update->beta2 = (float)settings->beta2;
    update->rest1 = (float)(1.0 - settings->beta1);
    update->rest2 = (float)(1.0 - settings->beta2);
    update->epsilon = (float)settings->epsilon;
}

/* Hinton: Lecture 6e of Neural networks for machine learning (2012), as in torch.optim.RMSprop. */
static void rmsprop_numbers(const bp_settings *settings, bp_update *update)
{
    update->beta2 = (float)settings->alpha;
    update->rest2 = (float)(1.0 - settings->alpha);
    update->epsilon = (float)settings->epsilon;
}

bp_update bp_optimizer_numbers(const bp_settings *settings, uint64_t t, double rate, float scale)
{
    bp_update update = {
        .scale = scale,
        .rate = (float)rate,
        .decay = (float)settings->weight_decay,
        .l1 = (float)settings->l1,
        .keep = 1.0f,
        .momentum = (float)settings->momentum,
        .nesterov = settings->nesterov != 0,
    };

    if (settings->optimizer == BP_ADAM || settings->optimizer == BP_ADAMW)
        adam_numbers(settings, t, rate, &update);
    if (settings->optimizer == BP_RMSPROP)
        rmsprop_numbers(settings, &update);
    if (settings->optimizer == BP_ADAMW) { /* Loshchilov, Hutter: Decoupled weight decay regularization (2019) */
        update.keep = (float)(1.0 - rate * settings->weight_decay);
        update.decay = 0.0f;
    }
    return update;
}

bp_update bp_optimizer_for_biases(const bp_update *update)
{
    bp_update biases = *update;

    biases.decay = 0.0f;
    biases.l1 = 0.0f;
    biases.keep = 1.0f;
    return biases;
}

bool bp_optimizer_update(const bp_kernels *kernels, bp_optimizer optimizer, const bp_moments *moments, const bp_update *update,
                         size_t at, size_t count, float *w, const float *g)
{
    if (optimizer == BP_RPROP)
        return kernels->rprop(count, update, w, g, moments->first + at, moments->second + at);
    if (optimizer == BP_RMSPROP)
        return kernels->rmsprop(count, update, w, g, moments->first + at, moments->second ? moments->second + at : NULL);
    if (optimizer != BP_SGD)
        return kernels->adam(count, update, w, g, moments->first + at, moments->second + at);
    if (moments->first)
        return kernels->momentum(count, update, w, g, moments->first + at);
    return kernels->sgd(count, update, w, g);
}
