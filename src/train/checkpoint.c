/* Checkpoints: all that a fit depends on, as a safetensors file, so that a later process goes on with the same bits.
 *
 *      parameters, moment.first, moment.second, snapshot, best   F32, flat blocks as in network/layout.h
 *      lbfgs.gradient, lbfgs.s0 ... y9   F32, and lbfgs   F64, with that optimizer
 *      counters   U64, values   F64                              in the order of the two lists below
 *      metadata   format, version, layers, activation, loss, fingerprint, data, and every setting that fixes the result
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "overflow.h"
#include "safetensors.h"
#include "settings_table.h"
#include "trainer.h"

#define FORMAT "backprop-checkpoint"
#define VERSION "3"

enum {
    METRIC_VALUES = 8,
    COUNTERS = 12,
    EPOCH = 0, /* places among the counters */
    BEST_EPOCH = 7,
    OTHER_VALUES = 6,
    VALUES = OTHER_VALUES + 2 * METRIC_VALUES,
    BLOCKS = 6 + 2 * BP_LBFGS_HISTORY,
    TENSORS = BLOCKS + 3,
    PAIRS = 80,
    SHAPE_TEXT = 12 * (BP_LAYERS_MAX + 1)
};
_Static_assert(BP_SETTINGS + 7 <= PAIRS, "each setting may be a pair, beside format, version, layers, loss and so on");

/* ------------------------------------------------------------------------------------------------------------- lists */

static void list_metrics(bp_metrics *metrics, double *list[METRIC_VALUES])
{
    double *values[METRIC_VALUES] = {&metrics->loss, &metrics->accuracy,          &metrics->rmse,          &metrics->mae,
                                     &metrics->r2,   &metrics->baseline_accuracy, &metrics->baseline_rmse, &metrics->watched};
    memcpy(list, values, sizeof values);
}

static void list_values(bp_fit_state *fit, double *list[VALUES])
{
    list[0] = &fit->epoch_loss;
    list[1] = &fit->train_loss;
    list[2] = &fit->stopping.best;
    list[3] = &fit->plateau.share;
    list[4] = &fit->rate;
    list[5] = &fit->objective;
    list_metrics(&fit->validation, list + OTHER_VALUES);
    list_metrics(&fit->stopping.metrics, list + OTHER_VALUES + METRIC_VALUES);
}

static void list_counters(bp_fit_state *fit, uint64_t *updates, uint64_t *finished, uint64_t *list[COUNTERS])
{
    uint64_t *counters[COUNTERS] = {&fit->epoch,
                                    &fit->step,
                                    &fit->steps,
                                    &fit->examples,
                                    &fit->epoch_rows,
                                    finished,
                                    updates,
                                    &fit->stopping.best_epoch,
                                    &fit->stopping.waited,
                                    &fit->validation.rows,
                                    &fit->stopping.metrics.rows,
                                    &fit->plateau.waited};
    memcpy(list, counters, sizeof counters);
}

typedef struct named_block {
    const char *name;
    float *block; /* [layout.floats] */
} named_block;

static size_t list_history(const bp_lbfgs *lbfgs, named_block list[BLOCKS], size_t count)
{
    static const char *const names[2][BP_LBFGS_HISTORY] = {
        {"lbfgs.s0", "lbfgs.s1", "lbfgs.s2", "lbfgs.s3", "lbfgs.s4", "lbfgs.s5", "lbfgs.s6", "lbfgs.s7", "lbfgs.s8", "lbfgs.s9"},
        {"lbfgs.y0", "lbfgs.y1", "lbfgs.y2", "lbfgs.y3", "lbfgs.y4", "lbfgs.y5", "lbfgs.y6", "lbfgs.y7", "lbfgs.y8", "lbfgs.y9"}};

    list[count++] = (named_block){"lbfgs.gradient", lbfgs->gradient};
    for (size_t i = 0; i < BP_LBFGS_HISTORY; i++) {
        list[count++] = (named_block){names[0][i], lbfgs->s[i]};
        list[count++] = (named_block){names[1][i], lbfgs->y[i]};
    }
    return count;
}

/* The blocks of a trainer's parameters; blocks that it does not have are left out. */
static size_t list_blocks(const bp_trainer *trainer, named_block list[BLOCKS])
{
    named_block all[] = {
        {"parameters", trainer->network->parameters},
        {"moment.first", trainer->moments.first},
        {"moment.second", trainer->moments.second},
        {"snapshot", trainer->snapshot},
        {"best", trainer->best},
    };
    size_t count = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].block)
            list[count++] = all[i];
    return trainer->plan.searches ? list_history(&trainer->lbfgs, list, count) : count;
}

static void write_layers(const bp_layout *layout, char text[SHAPE_TEXT])
{
    int used = snprintf(text, SHAPE_TEXT, "%u", layout->layer[0].k);

    for (uint32_t i = 0; i < layout->layers; i++)
        used += snprintf(text + used, (size_t)(SHAPE_TEXT - used), ",%u", layout->layer[i].n);
}

/* -------------------------------------------------------------------------------------------------------------- write */

/* Text of the pairs, until the file is written. */
typedef struct texts {
    char layers[SHAPE_TEXT];
    char loss[16];
    char activation[16];
    char key[PAIRS][48];
    char value[PAIRS][BP_TEXT_MAX];
} texts;

static size_t list_pairs(const bp_trainer *trainer, texts *text, bp_pair pairs[PAIRS])
{
    size_t count = 0;
    const bp_setting *setting;

    write_layers(&trainer->network->layout, text->layers);
    snprintf(text->loss, sizeof text->loss, "%d", (int)trainer->network->loss);
    snprintf(text->activation, sizeof text->activation, "%d", (int)trainer->network->layout.layer[0].activation);
    pairs[count++] = (bp_pair){"format", FORMAT};
    pairs[count++] = (bp_pair){"version", VERSION};
    pairs[count++] = (bp_pair){"layers", text->layers};
    pairs[count++] = (bp_pair){"loss", text->loss};
    pairs[count++] = (bp_pair){"activation", text->activation};
    pairs[count++] = (bp_pair){"fingerprint", trainer->fingerprint};
    pairs[count++] = (bp_pair){"data", trainer->data};
    for (size_t i = 0; (setting = bp_setting_at(i)); i++) {
        if (!setting->fixes_result)
            continue;
        snprintf(text->key[i], sizeof text->key[i], "setting.%s", setting->key);
        bp_settings_get(&trainer->settings, setting->key, text->value[i], BP_TEXT_MAX, NULL);
        pairs[count++] = (bp_pair){text->key[i], text->value[i]};
    }
    return count;
}

/* Best parameters are uninitialised before there is a best epoch. */
static bool is_filled(const bp_trainer *trainer, const float *block)
{
    return block != trainer->best || trainer->fit.stopping.best_epoch > 0;
}

static size_t list_tensors(const bp_trainer *trainer, const uint64_t counters[COUNTERS], const double values[VALUES],
                           const double lbfgs[BP_LBFGS_VALUES], bp_tensor tensors[TENSORS])
{
    named_block blocks[BLOCKS];
    size_t count = 0, all = list_blocks(trainer, blocks);

    for (size_t i = 0; i < all; i++)
        if (is_filled(trainer, blocks[i].block))
            tensors[count++] = (bp_tensor){.name = blocks[i].name,
                                           .dtype = BP_DTYPE_F32,
                                           .rank = 1,
                                           .shape = {trainer->network->layout.floats},
                                           .data = blocks[i].block};
    tensors[count++] = (bp_tensor){.name = "counters", .dtype = BP_DTYPE_U64, .rank = 1, .shape = {COUNTERS}, .data = counters};
    tensors[count++] = (bp_tensor){.name = "values", .dtype = BP_DTYPE_F64, .rank = 1, .shape = {VALUES}, .data = values};
    if (trainer->plan.searches)
        tensors[count++] =
            (bp_tensor){.name = "lbfgs", .dtype = BP_DTYPE_F64, .rank = 1, .shape = {BP_LBFGS_VALUES}, .data = lbfgs};
    return count;
}

static bp_status write_file(const bp_trainer *trainer, const char *path, texts *text, bp_error *error)
{
    bp_fit_state fit = trainer->fit;
    uint64_t updates = trainer->updates, finished = fit.finished, *counter_list[COUNTERS], counters[COUNTERS];
    double *value_list[VALUES], values[VALUES], lbfgs[BP_LBFGS_VALUES];
    bp_tensor tensors[TENSORS];
    bp_pair pairs[PAIRS];

    bp_lbfgs_write(&trainer->lbfgs.state, lbfgs);
    list_counters(&fit, &updates, &finished, counter_list);
    list_values(&fit, value_list);
    for (size_t i = 0; i < COUNTERS; i++)
        counters[i] = *counter_list[i];
    for (size_t i = 0; i < VALUES; i++)
        values[i] = *value_list[i];
    return bp_safetensors_write(path, tensors, list_tensors(trainer, counters, values, lbfgs, tensors), pairs,
                                list_pairs(trainer, text, pairs), &trainer->allocator, error);
}

bp_status bp_trainer_checkpoint(const bp_trainer *trainer, const char *path, bp_error *error)
{
    BP_TRY(bp_trainer_check(trainer, error));
    if (!trainer->fingerprint[0])
        return bp_fail(error, BP_INVALID, "%s: a trainer has nothing to checkpoint before its fit", path);
    if (trainer->diverged)
        return bp_fail(error, BP_DIVERGED, "%s: a fit that has diverged leaves nothing to go on from", path);
    if (trainer->plan.full && trainer->fit.step > 0) /* what the update has left for the epoch's end is in no block */
        return bp_fail(error, BP_INVALID, "%s: an epoch's end has failed, and has to be reached before a checkpoint", path);
    BP_TRY(bp_overflow_check(trainer, error));
    texts *text = bp_allocate(&trainer->allocator, sizeof *text);
    if (!text)
        return bp_fail(error, BP_NO_MEMORY, "%s: a checkpoint's texts: %zu bytes were refused", path, sizeof *text);
    bp_status status = write_file(trainer, path, text, error);
    bp_release(&trainer->allocator, text, sizeof *text);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- read */

static bp_status check_text(const bp_safetensors *file, const char *key, const char *own, const char *what, bp_error *error)
{
    const char *text = bp_safetensors_text(file, key);

    if (!text)
        return bp_fail_offset(error, file->path, 8, "the checkpoint lacks \"%s\"", key);
    if (strcmp(text, own) != 0)
        return bp_fail(error, BP_INVALID, "%s: the checkpoint was made with %s %.200s, this run has %.200s", file->path, what, text,
                       own);
    return BP_OK;
}

static bp_status check_format(const bp_safetensors *file, bp_error *error)
{
    const char *format = bp_safetensors_text(file, "format"), *version = bp_safetensors_text(file, "version");

    if (!format || strcmp(format, FORMAT) != 0)
        return bp_fail_offset(error, file->path, 8, "this is no checkpoint of backprop; its format is %.100s",
                              format ? format : "not said");
    if (!version || strcmp(version, VERSION) != 0)
        return bp_fail_offset(error, file->path, 8, "a checkpoint of version %.100s; this program reads version " VERSION,
                              version ? version : "unknown");
    return bp_safetensors_verify(file, error);
}

static bp_status check_settings(const bp_trainer *trainer, const bp_safetensors *file, bp_error *error)
{
    char key[64], own[BP_TEXT_MAX], what[64];
    const bp_setting *setting;

    for (size_t i = 0; (setting = bp_setting_at(i)); i++) {
        if (!setting->fixes_result)
            continue;
        snprintf(key, sizeof key, "setting.%s", setting->key);
        snprintf(what, sizeof what, "--%s", setting->key);
        BP_TRY(bp_settings_get(&trainer->settings, setting->key, own, sizeof own, error));
        BP_TRY(check_text(file, key, own, what, error));
    }
    return BP_OK;
}

static bp_status check_network(const bp_trainer *trainer, const bp_safetensors *file, bp_error *error)
{
    char own[SHAPE_TEXT];

    write_layers(&trainer->network->layout, own);
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
static bp_status find_tensors(const bp_trainer *trainer, const bp_safetensors *file, const uint64_t counters[COUNTERS],
                              const bp_tensor *found[BLOCKS], bp_error *error)
{
    named_block blocks[BLOCKS];
    size_t all = list_blocks(trainer, blocks);
    uint64_t shape[] = {trainer->network->layout.floats};

    for (size_t i = 0; i < all; i++) {
        found[i] = NULL;
        if (blocks[i].block == trainer->best && counters[BEST_EPOCH] == 0)
            continue;
        BP_TRY(bp_safetensors_expect(file, blocks[i].name, BP_DTYPE_F32, 1, shape, &found[i], error));
        BP_TRY(check_finite(file, found[i], error));
    }
    return BP_OK;
}

static bp_status read_lists(const bp_trainer *trainer, const bp_safetensors *file, uint64_t counters[COUNTERS],
                            double values[VALUES], bp_error *error)
{
    const bp_tensor *tensor;

    BP_TRY(bp_safetensors_expect(file, "counters", BP_DTYPE_U64, 1, (uint64_t[]){COUNTERS}, &tensor, error));
    memcpy(counters, tensor->data, COUNTERS * sizeof *counters);
    if (counters[EPOCH] > trainer->settings.epochs || counters[BEST_EPOCH] > counters[EPOCH])
        return bp_fail_offset(error, file->path, bp_safetensors_offset(file, tensor), "epoch %llu, best %llu of %llu cannot be",
                              (unsigned long long)counters[EPOCH], (unsigned long long)counters[BEST_EPOCH],
                              (unsigned long long)trainer->settings.epochs);
    BP_TRY(bp_safetensors_expect(file, "values", BP_DTYPE_F64, 1, (uint64_t[]){VALUES}, &tensor, error));
    memcpy(values, tensor->data, VALUES * sizeof *values);
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

static void take(bp_trainer *trainer, const bp_tensor *const found[BLOCKS], const uint64_t counters[COUNTERS],
                 const double values[VALUES], const bp_lbfgs_state *lbfgs, const char *fingerprint)
{
    named_block blocks[BLOCKS];
    size_t all = list_blocks(trainer, blocks);
    uint64_t finished, *counter_list[COUNTERS];
    double *value_list[VALUES];

    for (size_t i = 0; i < all; i++)
        if (found[i])
            memcpy(blocks[i].block, found[i]->data, found[i]->size);
    list_counters(&trainer->fit, &trainer->updates, &finished, counter_list);
    list_values(&trainer->fit, value_list);
    for (size_t i = 0; i < COUNTERS; i++)
        *counter_list[i] = counters[i];
    for (size_t i = 0; i < VALUES; i++)
        *value_list[i] = values[i];
    trainer->fit.finished = finished != 0;
    trainer->diverged = false;
    trainer->stage = BP_STAGE_NONE;
    snprintf(trainer->fingerprint, sizeof trainer->fingerprint, "%s", fingerprint);
    bp_trainer_sync(trainer);
    trainer->lbfgs.state = *lbfgs;
}

static bp_status resume_from(bp_trainer *trainer, const bp_safetensors *file, bp_error *error)
{
    const bp_tensor *found[BLOCKS];
    uint64_t counters[COUNTERS];
    double values[VALUES];
    bp_lbfgs_state lbfgs;

    BP_TRY(check_format(file, error));
    BP_TRY(check_settings(trainer, file, error)); /* by their names; layers and so on may differ for other reasons */
    BP_TRY(check_network(trainer, file, error));
    const char *fingerprint = bp_safetensors_text(file, "fingerprint"), *data = bp_safetensors_text(file, "data");
    if (!fingerprint || strlen(fingerprint) != BP_HASH_DIGITS)
        return bp_fail_offset(error, file->path, 8, "the checkpoint lacks the fingerprint of its data");
    BP_TRY(read_lists(trainer, file, counters, values, error));
    BP_TRY(find_tensors(trainer, file, counters, found, error));
    BP_TRY(find_lbfgs(trainer, file, &lbfgs, error));
    take(trainer, found, counters, values, &lbfgs, fingerprint);
    snprintf(trainer->data, sizeof trainer->data, "%s", data ? data : "");
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
