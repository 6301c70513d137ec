/* Which settings make no sense: out of range, at odds with each other, or given without having an effect.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "metric.h"
#include "setting_schedule.h"
#include "settings.h"
#include "settings_table.h"
#include "text.h"

static bp_status check_number(const bp_setting_entry *entry, const bp_settings *settings, bp_error *error)
{
    double value = bp_setting_number(entry, settings);
    char number[32];

    if ((entry->zero && value == 0) || bp_setting_in_range(entry, value))
        return BP_OK;
    bp_text_f64(value, number);
    return bp_fail(error, BP_INVALID, "%s: %s is out of range", entry->setting.key, number);
}

static bp_status check_choice(const bp_setting_entry *entry, const bp_settings *settings, bp_error *error)
{
    int32_t place;

    memcpy(&place, (const char *)settings + entry->offset, sizeof place);
    if (place < 0 || place >= bp_setting_choices(entry))
        return bp_fail(error, BP_INVALID, "%s: %ld stands for none of %s", entry->setting.key, (long)place, entry->setting.values);
    return BP_OK;
}

static bp_status check_widths(const bp_settings *settings, bp_error *error)
{
    if (settings->hidden_count > BP_HIDDEN_MAX)
        return bp_fail(error, BP_INVALID, "hidden: %lu layers, at most %d", (unsigned long)settings->hidden_count, BP_HIDDEN_MAX);
    for (uint32_t i = 0; i < settings->hidden_count; i++)
        if (settings->hidden[i] < 1 || settings->hidden[i] > BP_SETTING_WIDTH_MAX)
            return bp_fail(error, BP_INVALID, "hidden: layer %lu has %lu units, expected 1 to %d", (unsigned long)i + 1,
                           (unsigned long)settings->hidden[i], BP_SETTING_WIDTH_MAX);
    return BP_OK;
}

static bp_status check_entry(const bp_setting_entry *entry, const bp_settings *settings, bp_error *error)
{
    switch (entry->kind) {
    case BP_KIND_TEXT:
        if (!memchr((const char *)settings + entry->offset, 0, BP_TEXT_MAX))
            return bp_fail(error, BP_INVALID, "%s: text without end", entry->setting.key);
        return BP_OK;
    case BP_KIND_WIDTHS:
        return check_widths(settings, error);
    case BP_KIND_CHOICE:
        return check_choice(entry, settings, error);
    case BP_KIND_SCHEDULE:
        BP_TRY(check_choice(entry, settings, error));
        return bp_schedule_check(settings, error);
    case BP_KIND_REAL:
    case BP_KIND_COUNT:
    case BP_KIND_COUNT32:
    case BP_KIND_BYTES:
        break;
    }
    return check_number(entry, settings, error);
}

/* What makes no sense where all rows are taken for each update. */
static bp_status check_full_batch(const bp_settings *settings, bp_error *error)
{
    static const char *const without[] = {"learning-rate", "schedule", "momentum", "nesterov",  "beta1",      "beta2",
                                          "epsilon",       "l1",       "dropout",  "clip-norm", "accumulate", "shuffle"};
    const char *name = settings->optimizer == BP_LBFGS ? "lbfgs" : "rprop";

    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        if (bp_settings_given(settings, without[i]))
            return bp_fail(error, BP_INVALID, "%s has no effect with optimizer %s", without[i], name);
    if (bp_settings_given(settings, "batch-size") && settings->batch_size)
        return bp_fail(error, BP_INVALID, "batch-size has no effect with optimizer %s: it takes all rows for each update", name);
    if (settings->dropout > 0.0 || settings->clip_norm > 0.0 || settings->accumulate > 1 || settings->l1 > 0.0)
        return bp_fail(error, BP_INVALID, "optimizer %s goes without dropout, clip-norm, accumulate and l1", name);
    return BP_OK;
}

/* Settings that not every optimizer looks at. */
static bp_status check_optimizer(const bp_settings *settings, bp_error *error)
{
    static const struct {
        const char *key;
        unsigned of; /* bit i: of bp_optimizer i */
    } partial[] = {{"momentum", 1u << BP_SGD | 1u << BP_RMSPROP},
                   {"nesterov", 1u << BP_SGD},
                   {"beta1", 1u << BP_ADAM | 1u << BP_ADAMW},
                   {"beta2", 1u << BP_ADAM | 1u << BP_ADAMW},
                   {"epsilon", 1u << BP_ADAM | 1u << BP_ADAMW | 1u << BP_RMSPROP},
                   {"alpha", 1u << BP_RMSPROP}};
    char name[32];

    for (size_t i = 0; i < sizeof partial / sizeof *partial; i++)
        if (bp_settings_given(settings, partial[i].key) && !(partial[i].of >> settings->optimizer & 1)) {
            BP_TRY(bp_settings_get(settings, "optimizer", name, sizeof name, error));
            return bp_fail(error, BP_INVALID, "%s has no effect with optimizer %s", partial[i].key, name);
        }
    if (settings->nesterov && settings->momentum == 0)
        return bp_fail(error, BP_INVALID, "nesterov needs a momentum above 0");
    return BP_OK;
}

static bp_status check_loss_shape(const bp_settings *settings, bp_error *error)
{
    if (bp_settings_given(settings, "huber-delta") && settings->loss != BP_HUBER)
        return bp_fail(error, BP_INVALID, "huber-delta has no effect without loss huber");
    if (bp_settings_given(settings, "quantile") && settings->loss != BP_QUANTILE)
        return bp_fail(error, BP_INVALID, "quantile has no effect without loss quantile");
    return BP_OK;
}

static bp_status check_smoothing(const bp_settings *settings, bool entropy, bp_error *error)
{
    bool none = settings->loss == BP_LOSS_AUTO ? settings->task == BP_TASK_REGRESSION : !entropy;

    if (none && bp_settings_given(settings, "label-smoothing"))
        return bp_fail(error, BP_INVALID, "label-smoothing has no effect without a cross-entropy as loss");
    return BP_OK;
}

static bp_status check_loss(const bp_settings *settings, bp_error *error)
{
    bool entropy = settings->loss == BP_CROSS_ENTROPY || settings->loss == BP_BINARY_CROSS_ENTROPY;

    if (settings->task == BP_TASK_REGRESSION && settings->class_weight[0])
        return bp_fail(error, BP_INVALID, "class-weight has no effect: the task is a regression");
    if (settings->task == BP_TASK_REGRESSION && entropy)
        return bp_fail(error, BP_INVALID, "loss: a cross-entropy is for classes, and the task is a regression");
    if (settings->task == BP_TASK_BINARY && settings->loss == BP_CROSS_ENTROPY)
        return bp_fail(error, BP_INVALID,
                       "loss: cross_entropy needs an output for each class, and the binary task has one output; "
                       "binary_cross_entropy is the loss for it");
    if ((settings->task == BP_TASK_BINARY || settings->task == BP_TASK_MULTICLASS) && settings->loss >= BP_ABSOLUTE_ERROR)
        return bp_fail(error, BP_INVALID,
                       "loss: absolute_error, huber, quantile and poisson are for numbers, and the task has classes");
    BP_TRY(check_smoothing(settings, entropy, error));
    return check_loss_shape(settings, error);
}

static bp_status check_metric(const bp_settings *settings, bp_error *error)
{
    bool classes = settings->task == BP_TASK_BINARY || settings->task == BP_TASK_MULTICLASS;

    if (classes || settings->task == BP_TASK_REGRESSION)
        BP_TRY(bp_metric_check((bp_metric)settings->metric, classes, error));
    if (settings->metric == BP_METRIC_LOG_LOSS && settings->loss != BP_LOSS_AUTO && settings->loss != BP_CROSS_ENTROPY &&
        settings->loss != BP_BINARY_CROSS_ENTROPY)
        return bp_fail(error, BP_INVALID, "metric: log_loss needs a cross-entropy as loss");
    if (bp_settings_given(settings, "metric") && settings->metric != BP_METRIC_AUTO && !bp_settings_watch(settings))
        return bp_fail(error, BP_INVALID, "metric has no effect with patience 0: nothing is watched");
    return BP_OK;
}

static bp_status check_network(const bp_settings *settings, bp_error *error)
{
    if (settings->hidden_count == 0 && bp_settings_given(settings, "activation"))
        return bp_fail(error, BP_INVALID, "activation has no effect with hidden none: the last layer has no activation");
    if (settings->hidden_count == 0 && bp_settings_given(settings, "dropout"))
        return bp_fail(error, BP_INVALID, "dropout has no effect with hidden none: it is for hidden layers");
    return BP_OK;
}

static bp_status check_batch(const bp_settings *settings, bp_error *error)
{
    if (settings->batch_size == 0 && settings->accumulate > 1)
        return bp_fail(error, BP_INVALID, "accumulate has no effect with batch-size full: there is one minibatch an epoch");
    return BP_OK;
}

bp_status bp_settings_check_delimiter(const bp_settings *settings, bp_error *error)
{
    const char *text = settings->delimiter;

    if (strcmp(text, "auto") == 0 || strcmp(text, "tab") == 0)
        return BP_OK;
    bool letter = (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z');
    if (!text[0] || text[1] || (unsigned char)text[0] >= 0x80 || letter || strchr("0123456789+-.\"\r\n", text[0]))
        return bp_fail(
            error, BP_INVALID,
            "delimiter '%.100s': expected auto, tab, or one ASCII character that is no letter, digit, sign, point or quote", text);
    if (text[0] == ',' && settings->decimal == BP_DECIMAL_COMMA)
        return bp_fail(error, BP_INVALID, "delimiter and decimal cannot both be a comma");
    return BP_OK;
}

bp_status bp_settings_check_size(const bp_settings *settings, bp_error *error)
{
    if (settings->size < offsetof(bp_settings, target))
        return bp_fail(error, BP_INVALID, "settings of %llu bytes: call bp_settings_init first",
                       (unsigned long long)settings->size);
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status check_all(const bp_settings *settings, bp_error *error)
{
    bp_settings full;

    BP_TRY(bp_settings_check_size(settings, error));
    bp_settings_complete(settings, &full);
    for (size_t i = 0; i < BP_SETTINGS; i++)
        BP_TRY(check_entry(&bp_setting_table[i], &full, error));
    BP_TRY(bp_settings_check_delimiter(&full, error));
    BP_TRY(bp_settings_full_batch(&full) ? check_full_batch(&full, error) : check_optimizer(&full, error));
    BP_TRY(check_loss(&full, error));
    BP_TRY(check_metric(&full, error));
    BP_TRY(check_batch(&full, error));
    return check_network(&full, error);
}

bp_status bp_settings_check(const bp_settings *settings, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = check_all(settings, error);
    bp_float_end(host);
    return status;
}
