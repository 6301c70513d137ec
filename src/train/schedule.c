/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include "elementary.h"
#include "setting_schedule.h"

#define PI 3.14159265358979323846

double bp_schedule_base(const bp_settings *settings)
{
    if (settings->learning_rate > 0.0)
        return settings->learning_rate;
    return settings->optimizer == BP_SGD ? 0.01 : 0.001;
}

/* Whole epochs of updates behind the warm-up. */
static uint64_t epochs_in(const bp_settings *settings, uint64_t t, uint64_t total)
{
    uint64_t each = total / settings->epochs;
    return each ? (t - settings->warmup) / each : 0;
}

/* Of the base rate, for update t of `left` behind the warm-up. */
static double share(const bp_settings *settings, uint64_t t, uint64_t left, uint64_t epochs)
{
    double progress = (double)t / (double)left;

    switch ((bp_schedule)settings->schedule) {
    case BP_LINEAR:
        return 1.0 - progress;
    case BP_COSINE:
        return 0.5 * (1.0 + bp_cos(PI * progress));
    case BP_STEP:
        return bp_pow_n(bp_schedule_factor(settings), epochs / settings->schedule_every);
    case BP_EXPONENTIAL:
        return bp_pow_n(bp_schedule_factor(settings), epochs);
    case BP_CONSTANT:
    case BP_PLATEAU:
        break;
    }
    return 1.0;
}

double bp_schedule_rate(const bp_settings *settings, uint64_t t, uint64_t total)
{
    double base = bp_schedule_base(settings);

    if (t < settings->warmup)
        return base * ((double)(t + 1) / (double)settings->warmup);
    if (total <= settings->warmup)
        return base;
    if (t >= total)
        t = total - 1;
    return base * share(settings, t - settings->warmup, total - settings->warmup, epochs_in(settings, t, total));
}

void bp_plateau_take(bp_plateau *plateau, const bp_settings *settings, bool better)
{
    if (settings->schedule != BP_PLATEAU)
        return;
    plateau->waited = better ? 0 : plateau->waited + 1;
    if (plateau->waited <= settings->schedule_patience)
        return;
    plateau->waited = 0;
    plateau->share *= bp_schedule_factor(settings);
}
