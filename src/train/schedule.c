/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include "elementary.h"

#define PI 3.14159265358979323846

static double base_rate(const bp_settings *settings)
{
    if (settings->learning_rate > 0.0)
        return settings->learning_rate;
    return settings->optimizer == BP_SGD ? 0.01 : 0.001;
}

double bp_schedule_rate(const bp_settings *settings, uint64_t t, uint64_t total)
{
    double base = base_rate(settings);

    if (t < settings->warmup)
        return base * ((double)(t + 1) / (double)settings->warmup);
    if (settings->schedule == BP_CONSTANT || total <= settings->warmup)
        return base;
    if (t >= total)
        t = total - 1;
    double progress = (double)(t - settings->warmup) / (double)(total - settings->warmup);
    return settings->schedule == BP_LINEAR ? base * (1.0 - progress) : base * (0.5 * (1.0 + bp_cos(PI * progress)));
}
