/* SPDX-License-Identifier: Apache-2.0 */
#include "trial_draw.h"

#include "random.h"
#include "schedule.h"
#include "settings.h"

enum { HIDDEN_LAYERS, HIDDEN_WIDTH, HIDDEN_SHAPE, LEARNING_RATE, WEIGHT_DECAY, DROPOUT };

#define LENGTH(list) (sizeof(list) / sizeof *(list))

/* Ten times less to ten times more than the optimizer's own, by 1, 2, 5; both lists give short decimals. */
static const double rate_up[] = {1, 2, 5, 10}, rate_down[] = {10, 5, 2};
static const double decays[] = {0, 0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2};
static const double dropouts[] = {0, 0, 0, 0.1, 0.2, 0.3, 0.5};
static const uint32_t widths[] = {16, 32, 64, 128, 256};

static uint64_t draw(const bp_settings *settings, uint32_t number, uint32_t what, uint64_t count)
{
    return bp_random_below(bp_random(settings->seed, BP_STREAM_TRIALS, 0, what, number), count);
}

/* Whether a trial may choose it: nobody has, and it has an effect. */
static bool is_free(const bp_settings *settings, const char *key)
{
    bp_settings given = *settings;
    size_t index;

    if (bp_settings_given(settings, key) || !bp_setting_find(key, &index))
        return false;
    given.given |= UINT64_C(1) << index;
    return bp_settings_check(&given, NULL) == BP_OK;
}

bool bp_trial_has_choice(const bp_settings *settings)
{
    return is_free(settings, "hidden") || is_free(settings, "learning-rate") || is_free(settings, "weight-decay") ||
           is_free(settings, "dropout");
}

/* One to three layers, all as wide, or each half of the one before. */
static void draw_hidden(bp_settings *trial, const bp_settings *settings, uint32_t number)
{
    uint32_t width = widths[draw(settings, number, HIDDEN_WIDTH, LENGTH(widths))];
    bool narrowing = draw(settings, number, HIDDEN_SHAPE, 2) != 0;

    trial->hidden_count = 1 + (uint32_t)draw(settings, number, HIDDEN_LAYERS, 3);
    for (uint32_t i = 0; i < trial->hidden_count; i++)
        trial->hidden[i] = narrowing && width >> i > 4 ? width >> i : width;
}

static double draw_rate(const bp_settings *settings, uint32_t number)
{
    double own = bp_schedule_base(settings);
    uint64_t place = draw(settings, number, LEARNING_RATE, LENGTH(rate_up) + LENGTH(rate_down));

    return place < LENGTH(rate_down) ? own / rate_down[place] : own * rate_up[place - LENGTH(rate_down)];
}

bp_settings bp_trial_draw(const bp_settings *settings, uint32_t number)
{
    bp_settings trial = *settings;

    if (number == 1)
        return trial;
    if (is_free(settings, "hidden"))
        draw_hidden(&trial, settings, number);
    if (is_free(settings, "learning-rate"))
        trial.learning_rate = draw_rate(settings, number);
    if (is_free(settings, "weight-decay"))
        trial.weight_decay = decays[draw(settings, number, WEIGHT_DECAY, LENGTH(decays))];
    if (is_free(settings, "dropout"))
        trial.dropout = dropouts[draw(settings, number, DROPOUT, LENGTH(dropouts))];
    return trial;
}
