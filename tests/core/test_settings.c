/* Tests of the settings table: every key by text, ranges, effects, older binaries.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

static bp_settings made(void)
{
    bp_settings settings;
    bp_settings_init(&settings, sizeof settings);
    return settings;
}

static void set(bp_settings *settings, const char *key, const char *text)
{
    bp_error error;
    cr_assert_eq(bp_settings_set(settings, key, text, &error), BP_OK, "%s = %s: %s", key, text, error.text);
}

Test(settings, every_default_is_what_the_table_says)
{
    bp_settings settings = made();
    char text[BP_TEXT_MAX];

    for (size_t i = 0; bp_setting_at(i); i++) {
        const bp_setting *setting = bp_setting_at(i);
        cr_assert_eq(bp_settings_get(&settings, setting->key, text, sizeof text, NULL), BP_OK);
        cr_assert_str_eq(text, setting->initial, "%s", setting->key);
    }
    cr_assert_eq(bp_settings_check(&settings, NULL), BP_OK);
    cr_assert_eq(settings.threads, 1);
}

Test(settings, every_value_reads_back_as_it_was_written)
{
    static const char *const pairs[][2] = {
        {"target", "a,b"},
        {"header", "no"},
        {"scale", "range"},
        {"task", "binary"},
        {"validation-split", "0.25"},
        {"hidden", "512,256,1"},
        {"hidden", "none"},
        {"activation", "leaky_relu"},
        {"loss", "binary_cross_entropy"},
        {"optimizer", "sgd"},
        {"nesterov", "yes"},
        {"schedule", "cosine:warmup=500"},
        {"schedule", "linear"},
        {"schedule", "step:every=30,factor=0.1"},
        {"schedule", "step:warmup=7,every=2,factor=0.25"},
        {"schedule", "exponential:warmup=3,factor=0.9"},
        {"schedule", "plateau:factor=0.5,patience=0"},
        {"learning-rate", "0.0003"},
        {"learning-rate", "auto"},
        {"epsilon", "1e-12"},
        {"batch-size", "full"},
        {"batch-size", "1"},
        {"seed", "18446744073709551615"},
        {"threads", "auto"},
        {"threads", "48"},
        {"isa", "avx2"},
        {"gradient", "tiles"},
    };
    char text[BP_TEXT_MAX];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        bp_settings settings = made();
        set(&settings, pairs[i][0], pairs[i][1]);
        cr_assert(bp_settings_given(&settings, pairs[i][0]));
        cr_assert_eq(bp_settings_get(&settings, pairs[i][0], text, sizeof text, NULL), BP_OK);
        cr_assert_str_eq(text, pairs[i][1], "%s", pairs[i][0]);
    }
}

Test(settings, nonsense_is_refused_with_key_and_text_and_changes_nothing)
{
    static const char *const pairs[][2] = {
        {"header", "maybe"},
        {"scale", ""},
        {"task", "auto|regression"},
        {"validation-split", "1"},
        {"validation-split", "-0.1"},
        {"validation-split", "nan"},
        {"hidden", ""},
        {"hidden", "0"},
        {"hidden", "4,"},
        {"hidden", "4,,5"},
        {"hidden", "16777217"},
        {"schedule", "cosine:warmup="},
        {"schedule", "cosine:warm=3"},
        {"schedule", "cosine:"},
        {"schedule", "constant["},
        {"schedule", "cosine:factor=0.5"},
        {"schedule", "step:every=0"},
        {"schedule", "step:every=3,"},
        {"schedule", "step:every=3,,factor=0.5"},
        {"schedule", "step:patience=3"},
        {"schedule", "exponential:factor=1"},
        {"schedule", "exponential:factor=0"},
        {"schedule", "plateau:patience=-1"},
        {"schedule", "plateau:patience"},
        {"learning-rate", "0"},
        {"learning-rate", "1e7"},
        {"learning-rate", "fast"},
        {"learning-rate", "0.1 "},
        {"momentum", "1"},
        {"epsilon", "0"},
        {"batch-size", "0"},
        {"batch-size", "4294967296"},
        {"epochs", "0"},
        {"epochs", "1.5"},
        {"threads", "0"},
        {"threads", "65537"},
        {"seed", "-1"},
        {"seed", "18446744073709551616"},
        {"isa", "AVX2"},
        {"precision", "bf17"},
        {"target", "\xff"},
        {"schedule", "step:factor=x"},
        {"memory", ""},
        {"memory", "0GiB"},
        {"memory", "1kib"},
        {"memory", "18446744073709551616"},
        {"memory", "18014398509481984KiB"}, /* 2^64 bytes */
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        bp_settings settings = made(), before = settings;
        bp_error error;
        cr_assert_eq(bp_settings_set(&settings, pairs[i][0], pairs[i][1], &error), BP_INVALID, "%s = %s", pairs[i][0], pairs[i][1]);
        cr_assert(strncmp(error.text, pairs[i][0], strlen(pairs[i][0])) == 0, "%s", error.text);
        cr_assert_eq(memcmp(&settings, &before, sizeof settings), 0, "%s = %s", pairs[i][0], pairs[i][1]);
    }
}

Test(settings, an_unknown_key_suggests_the_nearest)
{
    bp_settings settings = made();
    bp_error error;

    cr_assert_eq(bp_settings_set(&settings, "lerning-rate", "1", &error), BP_INVALID);
    cr_assert(strstr(error.text, "did you mean 'learning-rate'?"), "%s", error.text);
    cr_assert_eq(bp_settings_set(&settings, "zzzzzzzz", "1", &error), BP_INVALID);
    cr_assert(!strstr(error.text, "did you mean"), "%s", error.text);
    cr_assert_eq(bp_settings_set(&settings, NULL, "1", &error), BP_INVALID);
}

Test(settings, what_has_no_effect_is_refused)
{
    static const char *const cases[][5] = {
        {"momentum", "optimizer", "adam", "momentum", "0.9"},
        {"nesterov", "optimizer", "adamw", "nesterov", "yes"},
        {"beta1", "optimizer", "sgd", "beta1", "0.8"},
        {"epsilon", "optimizer", "sgd", "epsilon", "1e-6"},
        {"nesterov", "optimizer", "sgd", "nesterov", "yes"},
        {"activation", "hidden", "none", "activation", "tanh"},
        {"dropout", "hidden", "none", "dropout", "0.5"},
        {"accumulate", "batch-size", "full", "accumulate", "2"},
        {"batch-size", "optimizer", "lbfgs", "batch-size", "64"},
        {"learning-rate", "optimizer", "rprop", "learning-rate", "0.1"},
        {"shuffle", "optimizer", "rprop", "shuffle", "none"},
        {"dropout", "optimizer", "lbfgs", "dropout", "0.5"},
        {"loss", "task", "regression", "loss", "cross_entropy"},
        {"class-weight", "task", "regression", "class-weight", "balanced"},
        {"label-smoothing", "task", "regression", "label-smoothing", "0.1"},
        {"label-smoothing", "loss", "squared_error", "label-smoothing", "0.1"},
        {"loss", "task", "binary", "loss", "cross_entropy"},
        {"metric", "task", "regression", "metric", "accuracy"},
        {"metric", "task", "binary", "metric", "rmse"},
        {"metric", "patience", "0", "metric", "loss"},
        {"schedule", "patience", "6", "schedule", "plateau:patience=5"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bp_settings settings = made();
        bp_error error;
        set(&settings, cases[i][1], cases[i][2]);
        set(&settings, cases[i][3], cases[i][4]);
        cr_assert_eq(bp_settings_check(&settings, &error), BP_INVALID, "%s beside %s %s", cases[i][3], cases[i][1], cases[i][2]);
        cr_assert(strncmp(error.text, cases[i][0], strlen(cases[i][0])) == 0, "%s", error.text);
    }
}

Test(settings, a_plateau_watches_a_metric_without_early_stopping_too)
{
    bp_settings settings = made();

    set(&settings, "patience", "0");
    set(&settings, "schedule", "plateau");
    set(&settings, "metric", "r2");
    cr_assert_eq(bp_settings_check(&settings, NULL), BP_OK);
}

Test(settings, a_schedule_without_parameters_has_its_own)
{
    static const char *const pairs[][2] = {{"step", "step:every=30,factor=0.1"},
                                           {"exponential", "exponential:factor=0.95"},
                                           {"plateau", "plateau:factor=0.1,patience=4"}};
    bp_settings settings = made();
    char text[100];

    set(&settings, "schedule", "step:every=2,factor=0.5");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        set(&settings, "schedule", pairs[i][0]);
        cr_assert_eq(bp_settings_get(&settings, "schedule", text, sizeof text, NULL), BP_OK);
        cr_assert_str_eq(text, pairs[i][1]);
        cr_assert_eq(bp_settings_check(&settings, NULL), BP_OK);
    }
}

Test(settings, fields_set_by_hand_are_checked_too)
{
    bp_settings bad = made();
    bad.schedule = BP_STEP;
    bad.schedule_every = 0;
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
    bad = made();
    bad.schedule_factor = 1;
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
    bad.schedule_factor = -0.5;
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
    bad = made();
    bad.activation = 99;
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
    bad = made();
    bad.momentum = -1;
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
    bad = made();
    bad.hidden_count = BP_HIDDEN_MAX + 1;
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
    bad = made();
    memset(bad.target, 'x', sizeof bad.target);
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
    bad = made();
    bad.size = 0;
    cr_assert_eq(bp_settings_check(&bad, NULL), BP_INVALID);
}

Test(settings, a_shorter_struct_of_an_older_binary_is_never_written_behind_its_end)
{
    size_t size = offsetof(bp_settings, seed);
    unsigned char *memory = malloc(sizeof(bp_settings));
    bp_settings *old = (bp_settings *)(void *)memory, full;
    bp_error error;

    memset(memory, 0xa5, sizeof(bp_settings));
    bp_settings_init(old, size);
    for (size_t i = size; i < sizeof(bp_settings); i++)
        cr_assert_eq(memory[i], 0xa5, "byte %zu", i);
    cr_assert_eq(bp_settings_set(old, "threads", "4", &error), BP_INVALID);
    set(old, "epochs", "7");
    cr_assert_eq(bp_settings_check(old, &error), BP_OK, "%s", error.text);
    bp_settings_complete(old, &full);
    cr_assert_eq(full.epochs, 7);
    cr_assert_eq(full.threads, 1);
    cr_assert_eq(full.seed, 1);
    free(memory);
}

Test(settings, values_are_cut_at_the_capacity)
{
    bp_settings settings = made();
    char text[5];

    set(&settings, "hidden", "512,256,128");
    cr_assert_eq(bp_settings_get(&settings, "hidden", text, sizeof text, NULL), BP_OK);
    cr_assert_str_eq(text, "512,");
    cr_assert_eq(bp_settings_get(&settings, "hidden", text, 0, NULL), BP_INVALID);
    settings.hidden_count = 2 * BP_HIDDEN_MAX; /* by hand: what is behind the array is not read */
    char long_text[BP_TEXT_MAX];
    cr_assert_eq(bp_settings_get(&settings, "hidden", long_text, sizeof long_text, NULL), BP_OK);
    cr_assert_eq(strncmp(long_text, "512,256,128,0,0", 15), 0, "%s", long_text);
}

Test(settings, bytes_go_up_to_the_last_that_64_bits_count)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"1", 1},
                 {"3KiB", 3072},
                 {"18014398509481983KiB", UINT64_MAX - 1023},
                 {"18446744073709551615", UINT64_MAX},
                 {"16777215TiB", UINT64_C(16777215) << 40},
                 {"auto", 0}};
    bp_settings settings = made();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set(&settings, "memory", cases[i].text);
        cr_assert_eq(settings.memory, cases[i].bytes, "%s", cases[i].text);
    }
}

Test(settings, no_text_and_no_such_key_are_refused)
{
    bp_settings settings = made();
    char text[8];
    bp_error error;

    cr_assert_eq(bp_settings_set(&settings, "seed", NULL, &error), BP_INVALID);
    cr_assert_str_eq(error.text, "seed: a value is needed");
    cr_assert_eq(bp_settings_get(&settings, "sead", text, sizeof text, &error), BP_INVALID);
    cr_assert(strstr(error.text, "sead"), "%s", error.text);
    cr_assert_not(bp_settings_given(&settings, "sead"));
}
