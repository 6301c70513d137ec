/* A checkpoint is read into a trainer as if anybody had made it: all of it is checked before anything is taken.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint.h"
#include "error.h"
#include "safetensors.h"
#include "settings.h"
#include "text.h"

/* Of a setting that may be empty, too. */
static const char *shown(const char *text)
{
    return *text ? text : "none";
}

static bp_status check_same(const bp_safetensors *file, const char *text, const char *own, const char *what, bp_error *error)
{
    if (strcmp(text, own) == 0)
        return BP_OK;
    return bp_fail(error, BP_INVALID, "%s: the checkpoint was made with %s %.200s, this run has %.200s", file->path, what,
                   shown(text), shown(own));
}

static bp_status check_text(const bp_safetensors *file, const char *key, const char *own, const char *what, bp_error *error)
{
    const char *text = bp_safetensors_text(file, key);

    if (!text)
        return bp_fail_offset(error, file->path, 8, "the checkpoint lacks \"%s\"", key);
    return check_same(file, text, own, what, error);
}

static bp_status check_format(const bp_safetensors *file, bp_error *error)
{
    const char *format = bp_safetensors_text(file, "format"), *version = bp_safetensors_text(file, "version");
    uint64_t number;

    if (!format || strcmp(format, BP_CHECKPOINT_FORMAT) != 0)
        return bp_fail_offset(error, file->path, 8, "this is no checkpoint of backprop; its format is %.100s",
                              format ? format : "not said");
    if (!version || !bp_text_parse_u64(version, strlen(version), &number))
        return bp_fail_offset(error, file->path, 8, "the checkpoint has no \"version\" that is a number");
    BP_TRY(bp_check_version(file->path, "checkpoint", number, BP_CHECKPOINT_FIRST, BP_CHECKPOINT_VERSION, error));
    return bp_safetensors_verify(file, error);
}

/* A run that depended on what nobody here knows of cannot be gone on with. */
static bp_status refuse_unknown(const bp_safetensors *file, bp_error *error)
{
    const size_t prefix = strlen(BP_CHECKPOINT_SETTING);

    for (size_t i = 0; i < file->pair_count; i++)
        if (strncmp(file->metadata[i].key, BP_CHECKPOINT_SETTING, prefix) == 0 &&
            !bp_setting_find(file->metadata[i].key + prefix, NULL))
            return bp_fail_offset(error, file->path, 8,
                                  "the checkpoint has a setting that this version of backprop does not know: %.100s",
                                  file->metadata[i].key + prefix);
    return BP_OK;
}

/* A setting that the file does not name came later than it; its default is what was done before there was one. */
static bp_status check_settings(const bp_trainer *trainer, const bp_safetensors *file, bp_error *error)
{
    char key[64], own[BP_TEXT_MAX], what[64];
    const bp_setting *setting;

    BP_TRY(refuse_unknown(file, error));
    for (size_t i = 0; (setting = bp_setting_at(i)); i++) {
        if (!setting->fixes_result)
            continue;
        snprintf(key, sizeof key, BP_CHECKPOINT_SETTING "%s", setting->key);
        snprintf(what, sizeof what, "--%s", setting->key);
        (void)bp_settings_get(&trainer->settings, setting->key, own, sizeof own, NULL); /* a key of the table */
        const char *text = bp_safetensors_text(file, key);
        BP_TRY(check_same(file, text ? text : setting->initial, own, what, error));
    }
    return BP_OK;
}

static bp_status check_network(const bp_trainer *trainer, const bp_safetensors *file, bp_error *error)
{
    char own[BP_CHECKPOINT_SHAPE];

    bp_checkpoint_shape(&trainer->network->layout, own);
    BP_TRY(check_text(file, "layers", own, "layers", error));
    snprintf(own, sizeof own, "%d", (int)trainer->network->loss);
    BP_TRY(check_text(file, "loss", own, "loss number", error));
    snprintf(own, sizeof own, "%d", (int)trainer->network->layout.layer[0].activation);
    return check_text(file, "activation", own, "activation number", error);
}

static bp_status check_finite(const bp_safetensors *file, const bp_tensor *tensor, bp_error *error)
{
    for (size_t i = 0; i < tensor->shape[0]; i++) {
        float value;
        memcpy(&value, (const unsigned char *)tensor->data + i * sizeof value, sizeof value);
        if (!isfinite(value))
            return bp_fail_offset(error, file->path, bp_safetensors_offset(file, tensor) + i * sizeof value, "%s %zu is not finite",
                                  tensor->name, i);
    }
    return BP_OK;
}

/* Everything that the file must hold, before anything of it is taken. */
static bp_status find_tensors(const bp_trainer *trainer, const bp_safetensors *file,
                              const uint64_t counters[BP_CHECKPOINT_COUNTERS], const bp_tensor *found[BP_CHECKPOINT_BLOCKS],
                              bp_error *error)
{
    bp_named_block blocks[BP_CHECKPOINT_BLOCKS];
    size_t all = bp_checkpoint_blocks(trainer, blocks);
    uint64_t shape[] = {trainer->network->layout.floats};

    for (size_t i = 0; i < all; i++) {
        found[i] = NULL;
        if (blocks[i].block == trainer->best && counters[BP_CHECKPOINT_BEST_EPOCH] == 0)
            continue;
        BP_TRY(bp_safetensors_expect(file, blocks[i].name, BP_DTYPE_F32, 1, shape, &found[i], error));
        BP_TRY(check_finite(file, found[i], error));
    }
    return BP_OK;
}

static bp_status read_lists(const bp_trainer *trainer, const bp_safetensors *file, uint64_t counters[BP_CHECKPOINT_COUNTERS],
                            double values[BP_CHECKPOINT_VALUES], bp_error *error)
{
    const bp_tensor *tensor;

    BP_TRY(bp_safetensors_expect(file, "counters", BP_DTYPE_U64, 1, (uint64_t[]){BP_CHECKPOINT_COUNTERS}, &tensor, error));
    memcpy(counters, tensor->data, BP_CHECKPOINT_COUNTERS * sizeof *counters);
    if (counters[BP_CHECKPOINT_EPOCH] > trainer->settings.epochs ||
        counters[BP_CHECKPOINT_BEST_EPOCH] > counters[BP_CHECKPOINT_EPOCH])
        return bp_fail_offset(error, file->path, bp_safetensors_offset(file, tensor), "epoch %llu, best %llu of %llu cannot be",
                              (unsigned long long)counters[BP_CHECKPOINT_EPOCH],
                              (unsigned long long)counters[BP_CHECKPOINT_BEST_EPOCH], (unsigned long long)trainer->settings.epochs);
    BP_TRY(bp_safetensors_expect(file, "values", BP_DTYPE_F64, 1, (uint64_t[]){BP_CHECKPOINT_VALUES}, &tensor, error));
    memcpy(values, tensor->data, BP_CHECKPOINT_VALUES * sizeof *values);
    return BP_OK;
}

static bp_status find_lbfgs(const bp_trainer *trainer, const bp_safetensors *file, bp_lbfgs_state *state, bp_error *error)
{
    const bp_tensor *tensor;
    double values[BP_LBFGS_VALUES];

    *state = trainer->lbfgs.state;
    if (!trainer->plan.searches)
        return BP_OK;
    BP_TRY(bp_safetensors_expect(file, "lbfgs", BP_DTYPE_F64, 1, (uint64_t[]){BP_LBFGS_VALUES}, &tensor, error));
    memcpy(values, tensor->data, sizeof values);
    if (bp_lbfgs_read(values, state))
        return BP_OK;
    return bp_fail_offset(error, file->path, bp_safetensors_offset(file, tensor), "this cannot be the state of lbfgs");
}

static void take(bp_trainer *trainer, const bp_tensor *const found[BP_CHECKPOINT_BLOCKS],
                 const uint64_t counters[BP_CHECKPOINT_COUNTERS], const double values[BP_CHECKPOINT_VALUES],
                 const bp_lbfgs_state *lbfgs)
{
    bp_named_block blocks[BP_CHECKPOINT_BLOCKS];
    size_t all = bp_checkpoint_blocks(trainer, blocks);
    uint64_t finished, *counter_list[BP_CHECKPOINT_COUNTERS];
    double *value_list[BP_CHECKPOINT_VALUES];

    for (size_t i = 0; i < all; i++)
        if (found[i])
            memcpy(blocks[i].block, found[i]->data, found[i]->size);
    bp_checkpoint_counters(&trainer->fit, &trainer->updates, &finished, counter_list);
    bp_checkpoint_values(&trainer->fit, value_list);
    for (size_t i = 0; i < BP_CHECKPOINT_COUNTERS; i++)
        *counter_list[i] = counters[i];
    for (size_t i = 0; i < BP_CHECKPOINT_VALUES; i++)
        *value_list[i] = values[i];
    trainer->fit.finished = finished != 0;
    trainer->diverged = false;
    trainer->stage = BP_STAGE_NONE;
    bp_trainer_sync(trainer);
    trainer->lbfgs.state = *lbfgs;
}

/* What a fit will be compared with. */
static bp_status read_text(const bp_safetensors *file, const char *key, char *text, size_t capacity, bp_error *error)
{
    const char *own = bp_safetensors_text(file, key);

    if (!own || !*own || strlen(own) >= capacity)
        return bp_fail_offset(error, file->path, 8, "the checkpoint has no \"%s\" that tells its data from others", key);
    snprintf(text, capacity, "%s", own);
    return BP_OK;
}

static bp_status resume_from(bp_trainer *trainer, const bp_safetensors *file, bp_error *error)
{
    const bp_tensor *found[BP_CHECKPOINT_BLOCKS];
    uint64_t counters[BP_CHECKPOINT_COUNTERS];
    double values[BP_CHECKPOINT_VALUES];
    bp_lbfgs_state lbfgs;
    bp_fingerprints fingerprints;
    char data[BP_DATA_TEXT] = "";

    BP_TRY(check_format(file, error));
    BP_TRY(check_settings(trainer, file, error)); /* by their names; layers and so on may differ for other reasons */
    BP_TRY(check_network(trainer, file, error));
    BP_TRY(read_text(file, BP_CHECKPOINT_FINGERPRINT "training", fingerprints.training, sizeof fingerprints.training, error));
    BP_TRY(read_text(file, BP_CHECKPOINT_FINGERPRINT "validation", fingerprints.validation, sizeof fingerprints.validation, error));
    BP_TRY(read_text(file, BP_CHECKPOINT_FINGERPRINT "encoder", fingerprints.encoder, sizeof fingerprints.encoder, error));
    BP_TRY(read_text(file, "data", data, sizeof data, error));
    BP_TRY(read_lists(trainer, file, counters, values, error));
    BP_TRY(find_tensors(trainer, file, counters, found, error));
    BP_TRY(find_lbfgs(trainer, file, &lbfgs, error));
    take(trainer, found, counters, values, &lbfgs);
    trainer->fingerprints = fingerprints;
    memcpy(trainer->data, data, sizeof data);
    return BP_OK;
}

bp_status bp_trainer_resume(bp_trainer *trainer, const char *path, bp_error *error)
{
    bp_safetensors *file;

    BP_TRY(bp_trainer_check(trainer, error));
    BP_TRY(bp_safetensors_read(path, &trainer->allocator, &file, error));
    bp_status status = resume_from(trainer, file, error);
    bp_safetensors_free(file);
    return status;
}
