/* Learning rates: the closed formulas of bp_schedule.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <criterion/criterion.h>
#include <math.h>

static bp_settings with(bp_schedule schedule, uint64_t warmup, double rate)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.schedule = (int32_t)schedule;
    settings.warmup = warmup;
    settings.learning_rate = rate;
    return settings;
}

static double by_formula(bp_schedule schedule, double warmup, double rate, double t, double total)
{
    double progress = (t - warmup) / (total - warmup);

    if (t < warmup)
        return rate * (t + 1) / warmup;
    if (schedule == BP_CONSTANT)
        return rate;
    return schedule == BP_LINEAR ? rate * (1 - progress) : rate * (1 + cos(3.14159265358979323846 * progress)) / 2;
}

Test(schedule, follows_its_formula)
{
    static const uint64_t warmups[] = {0, 1, 5, 99};

    for (bp_schedule schedule = BP_CONSTANT; schedule <= BP_COSINE; schedule++)
        for (size_t w = 0; w < 4; w++) {
            bp_settings settings = with(schedule, warmups[w], 0.3);
            for (uint64_t t = 0; t < 100; t++)
                cr_assert_float_eq(
                    bp_schedule_rate(&settings, t, 100), by_formula(schedule, (double)warmups[w], 0.3, (double)t, 100), 1e-15,
                    "schedule %d, warm-up %llu, update %llu", (int)schedule, (unsigned long long)warmups[w], (unsigned long long)t);
        }
}

Test(schedule, begins_at_the_rate_and_ends_near_zero)
{
    for (bp_schedule schedule = BP_LINEAR; schedule <= BP_COSINE; schedule++) {
        bp_settings settings = with(schedule, 10, 0.5);
        cr_assert_eq(bp_schedule_rate(&settings, 9, 1000), 0.5);
        cr_assert_eq(bp_schedule_rate(&settings, 10, 1000), 0.5);
        cr_assert(bp_schedule_rate(&settings, 999, 1000) > 0 && bp_schedule_rate(&settings, 999, 1000) < 0.001);
        cr_assert_eq(bp_schedule_rate(&settings, 5000, 1000), bp_schedule_rate(&settings, 999, 1000), "behind the end it stays");
    }
}

Test(schedule, without_an_end_is_constant_behind_the_warm_up)
{
    bp_settings settings = with(BP_COSINE, 4, 0.2);

    cr_assert_eq(bp_schedule_rate(&settings, 0, 0), 0.05);
    cr_assert_eq(bp_schedule_rate(&settings, 4, 0), 0.2);
    cr_assert_eq(bp_schedule_rate(&settings, UINT64_MAX, 0), 0.2);
}

Test(schedule, a_warm_up_as_long_as_the_run_only_warms_up)
{
    for (bp_schedule schedule = BP_CONSTANT; schedule <= BP_COSINE; schedule++) {
        bp_settings settings = with(schedule, 10, 1);
        for (uint64_t t = 0; t < 10; t++)
            cr_assert_eq(bp_schedule_rate(&settings, t, 10), ((double)t + 1) / 10);
    }
}

/* 7 updates an epoch. */
Test(schedule, steps_and_decays_by_whole_epochs_behind_the_warm_up)
{
    for (uint64_t warmup = 0; warmup < 20; warmup += 5) {
        bp_settings step = with(BP_STEP, warmup, 0.5), decay = with(BP_EXPONENTIAL, warmup, 0.5);
        step.epochs = decay.epochs = 20;
        step.schedule_every = 3;
        step.schedule_factor = 0.25;
        for (uint64_t t = warmup; t < 140; t++) {
            double epochs = floor((double)(t - warmup) / 7);
            cr_assert_float_eq(bp_schedule_rate(&step, t, 140), 0.5 * pow(0.25, floor(epochs / 3)), 1e-15);
            cr_assert_float_eq(bp_schedule_rate(&decay, t, 140), 0.5 * pow(0.95, epochs), 1e-15);
        }
    }
}

Test(schedule, a_plateau_comes_down_after_more_than_its_patience_without_a_better_metric)
{
    static const bool better[] = {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0};
    static const double wanted[] = {1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25};
    bp_settings settings = with(BP_PLATEAU, 0, 0.3);
    bp_plateau plateau = {.share = 1};

    settings.schedule_patience = 2;
    settings.schedule_factor = 0.5;
    for (size_t epoch = 0; epoch < sizeof better / sizeof *better; epoch++) {
        bp_plateau_take(&plateau, &settings, better[epoch]);
        cr_assert_eq(plateau.share, wanted[epoch], "epoch %zu: %g", epoch + 1, plateau.share);
        cr_assert_eq(bp_schedule_rate(&settings, epoch, 100), 0.3);
    }
}

Test(schedule, the_default_rate_is_the_optimizers)
{
    bp_settings settings = with(BP_CONSTANT, 0, 0);

    settings.optimizer = BP_SGD;
    cr_assert_eq(bp_schedule_rate(&settings, 3, 10), 0.01);
    settings.optimizer = BP_ADAM;
    cr_assert_eq(bp_schedule_rate(&settings, 3, 10), 0.001);
    settings.optimizer = BP_ADAMW;
    cr_assert_eq(bp_schedule_rate(&settings, 3, 10), 0.001);
}
