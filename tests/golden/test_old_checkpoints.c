/* Checkpoints of every version that is promised are gone on with to the very model that they led to when they were made.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "backprop.h"
#include "checkpoint.h"
#include "helper_golden.h"
#include "safetensors.h"
#include "scratch.h"

/* "key = value" for each line that is no comment. */
static bp_settings read_settings(const char *stem)
{
    bp_settings settings;
    char line[BP_TEXT_MAX], key[64], value[BP_TEXT_MAX];
    bp_error error;
    FILE *file = golden_open(stem, ".config");

    bp_settings_init(&settings, sizeof settings);
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            continue;
        cr_assert_eq(sscanf(line, "%63[^ ] = %4095[^\n]", key, value), 2, "%s: %s", stem, line);
        cr_assert_eq(bp_settings_set(&settings, key, value, &error), BP_OK, "%s: %s", stem, error.text);
    }
    fclose(file);
    return settings;
}

typedef struct run {
    bp_settings settings;
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_encoder_info info;
    bp_examples *examples;
    uint64_t rows, *training, *validation;
    uint64_t training_count, validation_count;
} run;

/* As `backprop train` does it. */
static run run_begin(const char *stem)
{
    run r = {.settings = read_settings(stem)};
    bp_error error;

    cr_assert_eq(bp_dataset_read(golden_path(stem, ".csv"), &r.settings, 0, NULL, &r.dataset, &error), BP_OK, "%s", error.text);
    r.rows = bp_dataset_rows(r.dataset);
    r.training = malloc(r.rows * sizeof *r.training);
    r.validation = malloc(r.rows * sizeof *r.validation);
    cr_assert_eq(bp_dataset_split(r.dataset, (bp_rows){NULL, r.rows}, &r.settings, r.training, &r.training_count, r.validation,
                                  &r.validation_count, &error),
                 BP_OK, "%s", error.text);
    bp_rows rows = {r.training, r.training_count};
    cr_assert_eq(bp_encoder_fit(r.dataset, rows, &r.settings, NULL, &r.encoder, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_apply(r.encoder, r.dataset, 1, NULL, &r.examples, &error), BP_OK, "%s", error.text);
    bp_encoder_describe(r.encoder, &r.info);
    bp_encoder_settle(r.encoder, r.training_count, &r.settings);
    return r;
}

static void run_end(run *r)
{
    free(r->training);
    free(r->validation);
    bp_examples_free(r->examples);
    bp_encoder_free(r->encoder);
    bp_dataset_free(r->dataset);
}

/* Goes on with `checkpoint`, to a model in the scratch directory. */
static void finish(const run *r, const char *checkpoint)
{
    bp_network *network;
    bp_trainer *trainer;
    bp_error error;

    cr_assert_eq(bp_network_create(&r->settings, r->info.inputs, r->info.outputs, NULL, &network, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_trainer_create(network, &r->settings, NULL, 0, NULL, &trainer, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_trainer_resume(trainer, checkpoint, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_trainer_fit(trainer, r->encoder, r->examples, (bp_rows){r->training, r->training_count},
                                r->validation_count ? r->examples : NULL, (bp_rows){r->validation, r->validation_count}, NULL, NULL,
                                &error),
                 BP_OK, "%s: %s", checkpoint, error.text);
    bp_trainer_free(trainer);
    cr_assert_eq(bp_model_save("end.safetensors", network, r->encoder, &r->settings, &error), BP_OK, "%s", error.text);
    bp_network_free(network);
}

/* Every byte of a tensor, and every text that was recorded but for those of the file itself; a later version may say more. */
static void check_model(const char *recorded)
{
    bp_safetensors *old, *now;
    bp_error error;

    cr_assert_eq(bp_safetensors_read(recorded, NULL, &old, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_safetensors_read("end.safetensors", NULL, &now, &error), BP_OK, "%s", error.text);
    cr_assert_eq(old->tensor_count, now->tensor_count);
    for (size_t i = 0; i < old->tensor_count; i++) {
        const bp_tensor *tensor = bp_safetensors_tensor(now, old->tensors[i].name);
        cr_assert(tensor && tensor->size == old->tensors[i].size && memcmp(tensor->data, old->tensors[i].data, tensor->size) == 0,
                  "%s: %s ends otherwise", recorded, old->tensors[i].name);
    }
    for (size_t i = 0; i < old->pair_count; i++) {
        const char *key = old->metadata[i].key, *text = bp_safetensors_text(now, key);
        if (strcmp(key, "checksum") != 0 && strcmp(key, "version") != 0)
            cr_assert(text && strcmp(text, old->metadata[i].value) == 0, "%s: %s is %s", recorded, key, text ? text : "not there");
    }
    bp_safetensors_free(old);
    bp_safetensors_free(now);
}

static void check_end(const char *stem)
{
    run r = run_begin(stem);

    finish(&r, golden_path(stem, ".checkpoint"));
    check_model(golden_path(stem, ".safetensors"));
    run_end(&r);
}

Test(old_checkpoints, are_gone_on_with_to_the_same_bits, .init = scratch_begin, .fini = scratch_end)
{
    for (uint64_t version = BP_CHECKPOINT_FIRST; version <= BP_CHECKPOINT_VERSION; version++)
        golden_each("checkpoint", version, ".checkpoint", check_end);
}
