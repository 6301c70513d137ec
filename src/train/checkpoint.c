/* Lists of what a checkpoint has, and its writing.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "overflow.h"
#include "safetensors.h"
#include "settings_table.h"

enum { TENSORS = BP_CHECKPOINT_BLOCKS + 3, PAIRS = 80 };
_Static_assert(BP_SETTINGS + 9 <= PAIRS, "each setting may be a pair, beside format, version, layers, loss and so on");

/* ------------------------------------------------------------------------------------------------------------- lists */

static void list_metrics(bp_metrics *metrics, double *list[BP_CHECKPOINT_METRIC_VALUES])
{
    double *values[BP_CHECKPOINT_METRIC_VALUES] = {&metrics->loss,          &metrics->accuracy, &metrics->rmse,
                                                   &metrics->mae,           &metrics->r2,       &metrics->baseline_accuracy,
                                                   &metrics->baseline_rmse, &metrics->watched};
    memcpy(list, values, sizeof values);
}

void bp_checkpoint_values(bp_fit_state *fit, double *list[BP_CHECKPOINT_VALUES])
{
    list[0] = &fit->epoch_loss;
    list[1] = &fit->train_loss;
    list[2] = &fit->stopping.best;
    list[3] = &fit->plateau.share;
    list[4] = &fit->rate;
    list[5] = &fit->objective;
    list_metrics(&fit->validation, list + BP_CHECKPOINT_OTHER_VALUES);
    list_metrics(&fit->stopping.metrics, list + BP_CHECKPOINT_OTHER_VALUES + BP_CHECKPOINT_METRIC_VALUES);
}

void bp_checkpoint_counters(bp_fit_state *fit, uint64_t *updates, uint64_t *finished, uint64_t *list[BP_CHECKPOINT_COUNTERS])
{
    uint64_t *counters[BP_CHECKPOINT_COUNTERS] = {&fit->epoch,
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

static size_t list_history(const bp_lbfgs *lbfgs, bp_named_block list[BP_CHECKPOINT_BLOCKS], size_t count)
{
    static const char *const names[2][BP_LBFGS_HISTORY] = {
        {"lbfgs.s0", "lbfgs.s1", "lbfgs.s2", "lbfgs.s3", "lbfgs.s4", "lbfgs.s5", "lbfgs.s6", "lbfgs.s7", "lbfgs.s8", "lbfgs.s9"},
        {"lbfgs.y0", "lbfgs.y1", "lbfgs.y2", "lbfgs.y3", "lbfgs.y4", "lbfgs.y5", "lbfgs.y6", "lbfgs.y7", "lbfgs.y8", "lbfgs.y9"}};

    list[count++] = (bp_named_block){"lbfgs.gradient", lbfgs->gradient};
    for (size_t i = 0; i < BP_LBFGS_HISTORY; i++) {
        list[count++] = (bp_named_block){names[0][i], lbfgs->s[i]};
        list[count++] = (bp_named_block){names[1][i], lbfgs->y[i]};
    }
    return count;
}

size_t bp_checkpoint_blocks(const bp_trainer *trainer, bp_named_block list[BP_CHECKPOINT_BLOCKS])
{
    bp_named_block all[] = {
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

void bp_checkpoint_shape(const bp_layout *layout, char text[BP_CHECKPOINT_SHAPE])
{
    int used = snprintf(text, BP_CHECKPOINT_SHAPE, "%u", layout->layer[0].k);

    for (uint32_t i = 0; i < layout->layers; i++)
        used += snprintf(text + used, (size_t)(BP_CHECKPOINT_SHAPE - used), ",%u", layout->layer[i].n);
}

/* -------------------------------------------------------------------------------------------------------------- write */

/* Text of the pairs, until the file is written. */
typedef struct texts {
    char version[16];
    char layers[BP_CHECKPOINT_SHAPE];
    char loss[16];
    char activation[16];
    char key[PAIRS][48];
    char value[PAIRS][BP_TEXT_MAX];
} texts;

static size_t list_pairs(const bp_trainer *trainer, texts *text, bp_pair pairs[PAIRS])
{
    size_t count = 0;
    const bp_setting *setting;

    snprintf(text->version, sizeof text->version, "%d", BP_CHECKPOINT_VERSION);
    bp_checkpoint_shape(&trainer->network->layout, text->layers);
    snprintf(text->loss, sizeof text->loss, "%d", (int)trainer->network->loss);
    snprintf(text->activation, sizeof text->activation, "%d", (int)trainer->network->layout.layer[0].activation);
    pairs[count++] = (bp_pair){"format", BP_CHECKPOINT_FORMAT};
    pairs[count++] = (bp_pair){"version", text->version};
    pairs[count++] = (bp_pair){"layers", text->layers};
    pairs[count++] = (bp_pair){"loss", text->loss};
    pairs[count++] = (bp_pair){"activation", text->activation};
    pairs[count++] = (bp_pair){BP_CHECKPOINT_FINGERPRINT "training", trainer->fingerprints.training};
    pairs[count++] = (bp_pair){BP_CHECKPOINT_FINGERPRINT "validation", trainer->fingerprints.validation};
    pairs[count++] = (bp_pair){BP_CHECKPOINT_FINGERPRINT "encoder", trainer->fingerprints.encoder};
    pairs[count++] = (bp_pair){"data", trainer->data};
    for (size_t i = 0; (setting = bp_setting_at(i)); i++) {
        if (!setting->fixes_result)
            continue;
        snprintf(text->key[i], sizeof text->key[i], BP_CHECKPOINT_SETTING "%s", setting->key);
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

static size_t list_tensors(const bp_trainer *trainer, const uint64_t counters[BP_CHECKPOINT_COUNTERS],
                           const double values[BP_CHECKPOINT_VALUES], const double lbfgs[BP_LBFGS_VALUES],
                           bp_tensor tensors[TENSORS])
{
    bp_named_block blocks[BP_CHECKPOINT_BLOCKS];
    size_t count = 0, all = bp_checkpoint_blocks(trainer, blocks);

    for (size_t i = 0; i < all; i++)
        if (is_filled(trainer, blocks[i].block))
            tensors[count++] = (bp_tensor){.name = blocks[i].name,
                                           .dtype = BP_DTYPE_F32,
                                           .rank = 1,
                                           .shape = {trainer->network->layout.floats},
                                           .data = blocks[i].block};
    tensors[count++] =
        (bp_tensor){.name = "counters", .dtype = BP_DTYPE_U64, .rank = 1, .shape = {BP_CHECKPOINT_COUNTERS}, .data = counters};
    tensors[count++] =
        (bp_tensor){.name = "values", .dtype = BP_DTYPE_F64, .rank = 1, .shape = {BP_CHECKPOINT_VALUES}, .data = values};
    if (trainer->plan.searches)
        tensors[count++] =
            (bp_tensor){.name = "lbfgs", .dtype = BP_DTYPE_F64, .rank = 1, .shape = {BP_LBFGS_VALUES}, .data = lbfgs};
    return count;
}

static bp_status write_file(const bp_trainer *trainer, const char *path, texts *text, bp_error *error)
{
    bp_fit_state fit = trainer->fit;
    uint64_t updates = trainer->updates, finished = fit.finished, *counter_list[BP_CHECKPOINT_COUNTERS],
             counters[BP_CHECKPOINT_COUNTERS];
    double *value_list[BP_CHECKPOINT_VALUES], values[BP_CHECKPOINT_VALUES], lbfgs[BP_LBFGS_VALUES];
    bp_tensor tensors[TENSORS];
    bp_pair pairs[PAIRS];

    bp_lbfgs_write(&trainer->lbfgs.state, lbfgs);
    bp_checkpoint_counters(&fit, &updates, &finished, counter_list);
    bp_checkpoint_values(&fit, value_list);
    for (size_t i = 0; i < BP_CHECKPOINT_COUNTERS; i++)
        counters[i] = *counter_list[i];
    for (size_t i = 0; i < BP_CHECKPOINT_VALUES; i++)
        values[i] = *value_list[i];
    return bp_safetensors_write(path, tensors, list_tensors(trainer, counters, values, lbfgs, tensors), pairs,
                                list_pairs(trainer, text, pairs), &trainer->allocator, error);
}

bp_status bp_trainer_checkpoint(const bp_trainer *trainer, const char *path, bp_error *error)
{
    BP_TRY(bp_trainer_check(trainer, error));
    if (!trainer->data[0])
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
