/* The settings table: one entry for each key, from which defaults, reading, writing, help and checks are made.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "settings_table.h"

#include <stdio.h>
#include <string.h>

#define FIELD(field) .offset = offsetof(bp_settings, field), .end = offsetof(bp_settings, field) + sizeof((bp_settings *)0)->field
#define FIELDS(first, last) \
    .offset = offsetof(bp_settings, first), .end = offsetof(bp_settings, last) + sizeof((bp_settings *)0)->last
#define SHOW(key, values, initial, help, fixes) \
    {                                           \
        key, values, initial, help, fixes, 0    \
    }

/* The order is that of `given`: new entries go to the end. */
const bp_setting_entry bp_setting_table[] = {
    {SHOW("target", "NAME[,NAME...]", "", "column to predict", 1), FIELD(target), .kind = BP_KIND_TEXT},
    {SHOW("target-file", "FILE", "", "targets, where they are in a file of their own", 0), FIELD(target_file),
     .kind = BP_KIND_TEXT},
    {SHOW("ignore-columns", "NAME[,NAME...]", "", "columns to leave out", 1), FIELD(ignore_columns), .kind = BP_KIND_TEXT},
    {SHOW("weight-column", "NAME", "", "column that says how much each example counts", 1), FIELD(weight_column),
     .kind = BP_KIND_TEXT},
    {SHOW("categorical", "NAME[,NAME...]", "", "columns of numbers that stand for categories", 1), FIELD(categorical),
     .kind = BP_KIND_TEXT},
    {SHOW("header", "auto|yes|no", "auto", "whether a CSV file's first line names the columns", 1), FIELD(header),
     .kind = BP_KIND_CHOICE},
    {SHOW("scale", "auto|standard|range|none", "auto",
          "scaling of inputs; auto: bytes by 1/255, other numbers to mean 0, deviation 1", 1),
     FIELD(scale), .kind = BP_KIND_CHOICE},
    {SHOW("task", "auto|regression|binary|multiclass", "auto",
          "what the target is; auto: text is classes, numbers are a regression", 1),
     FIELD(task), .kind = BP_KIND_CHOICE},
    {SHOW("validation-split", "F", "0.1", "share of rows kept for validation; 0: none", 1), FIELD(validation_split),
     .kind = BP_KIND_REAL, .max = 1, .below_max = true},
    {SHOW("hidden", "N[,N...]|none", "64,64", "units of each hidden layer", 1), FIELDS(hidden, hidden_count),
     .kind = BP_KIND_WIDTHS},
    {SHOW("activation", "identity|relu|leaky_relu|sigmoid|tanh|elu|gelu|silu|softplus", "relu", "of the hidden layers", 1),
     FIELD(activation), .kind = BP_KIND_CHOICE},
    {SHOW("loss", "auto|squared_error|cross_entropy|binary_cross_entropy|absolute_error|huber|quantile|poisson", "auto",
          "what is minimised; auto: by task", 1),
     FIELD(loss), .kind = BP_KIND_CHOICE},
    {SHOW("init-scheme", "auto|he|glorot|lecun", "auto", "first weights; auto: by activation", 1), FIELD(init_scheme),
     .kind = BP_KIND_CHOICE},
    {SHOW("optimizer", "sgd|adam|adamw|lbfgs|rprop|rmsprop", "adam", "how gradients change weights", 1), FIELD(optimizer),
     .kind = BP_KIND_CHOICE},
    {SHOW("nesterov", "no|yes", "no", "Nesterov's momentum, with sgd", 1), FIELD(nesterov), .kind = BP_KIND_CHOICE},
    {SHOW("schedule", "constant|linear|cosine|step|exponential|plateau[:KEY=N,...]", "constant",
          "learning rate over the run; keys: warmup (updates), every (epochs), factor, patience (epochs)", 1),
     FIELDS(schedule, schedule_factor), .kind = BP_KIND_SCHEDULE},
    {SHOW("learning-rate", "F|auto", "auto", "auto: 0.01 with sgd, else 0.001", 1), FIELD(learning_rate), .kind = BP_KIND_REAL,
     .min = 1e-30, .max = 1e6, .zero = "auto"},
    {SHOW("momentum", "F", "0", "with sgd and rmsprop", 1), FIELD(momentum), .kind = BP_KIND_REAL, .max = 1, .below_max = true},
    {SHOW("beta1", "F", "0.9", "decay of the mean gradient, with adam and adamw", 1), FIELD(beta1), .kind = BP_KIND_REAL, .max = 1,
     .below_max = true},
    {SHOW("beta2", "F", "0.999", "decay of the mean squared gradient, with adam and adamw", 1), FIELD(beta2), .kind = BP_KIND_REAL,
     .max = 1, .below_max = true},
    {SHOW("epsilon", "F", "1e-08", "added to the root of the mean square, with adam, adamw and rmsprop", 1), FIELD(epsilon),
     .kind = BP_KIND_REAL, .min = 1e-30, .max = 1e6},
    {SHOW("weight-decay", "F", "0", "of weights, not of biases; decoupled with adamw", 1), FIELD(weight_decay),
     .kind = BP_KIND_REAL, .max = 1e6},
    {SHOW("batch-size", "N|full", "128", "examples of a minibatch", 1), FIELD(batch_size), .kind = BP_KIND_COUNT, .min = 1,
     .max = 4294967295.0, .zero = "full"},
    {SHOW("epochs", "N", "200", "most passes over the training rows", 1), FIELD(epochs), .kind = BP_KIND_COUNT, .min = 1,
     .max = 16777215},
    {SHOW("patience", "N", "10", "epochs without a better validation metric before stopping; 0: never stop early", 1),
     FIELD(patience), .kind = BP_KIND_COUNT, .max = 16777215},
    {SHOW("metric",
          "auto|loss|accuracy|rmse|mae|r2|balanced_accuracy|precision|recall|f1|weighted_precision|weighted_recall|weighted_f1|"
          "auc|log_loss|error_5|error_25|error_50|error_75|error_95",
          "auto", "validation metric to watch; auto: loss", 1),
     FIELD(metric), .kind = BP_KIND_CHOICE},
    {SHOW("shuffle", "full|none|blocks", "full",
          "order of examples in an epoch; blocks: of 8192 rows, at random, and rows within them", 1),
     FIELD(shuffle), .kind = BP_KIND_CHOICE},
    {SHOW("seed", "N", "1", "of first weights, split and order", 1), FIELD(seed), .kind = BP_KIND_COUNT,
     .max = 18446744073709551615.0},
    {SHOW("threads", "N|auto", "1", "upper limit; auto: as many as cores, affinity mask and quota give", 0), FIELD(threads),
     .kind = BP_KIND_COUNT32, .min = 1, .max = 65536, .zero = "auto"},
    {SHOW("exact-threads", "no|yes", "no", "use all the threads, even where fewer are faster", 0), FIELD(exact_threads),
     .kind = BP_KIND_CHOICE},
    {SHOW("precision", "f32|bf16|bf16x2|bf16x3", "f32", "of products' operands: bf16 fastest with AMX, bf16x3 as exact as f32", 1),
     FIELD(precision), .kind = BP_KIND_CHOICE},
    {SHOW("gradient", "auto|buffers|tiles", "auto", "how threads' gradients meet; changes the speed alone", 0), FIELD(gradient),
     .kind = BP_KIND_CHOICE},
    {SHOW("isa", "auto|scalar|avx2|avx512|neon|amx", "auto", "highest instruction set to use; changes the speed alone", 0),
     FIELD(isa), .kind = BP_KIND_CHOICE},
    {SHOW("clip-norm", "F", "0", "largest 2-norm of the whole gradient, which is scaled down to it; 0: not looked at", 1),
     FIELD(clip_norm), .kind = BP_KIND_REAL, .max = 1e30},
    {SHOW("accumulate", "N", "1", "minibatches whose gradients make one update", 1), FIELD(accumulate), .kind = BP_KIND_COUNT,
     .min = 1, .max = 16777215},
    {SHOW("delimiter", "auto|tab|CHARACTER", "auto", "between a CSV file's fields; auto: tab, ';', '|' or ',', by its first rows",
          1),
     FIELD(delimiter), .kind = BP_KIND_TEXT},
    {SHOW("decimal", "point|comma", "point", "in front of a CSV file's fractions", 1), FIELD(decimal), .kind = BP_KIND_CHOICE},
    {SHOW("missing", "TEXT[,TEXT...]", "NA,nan,null,?", "what stands for a missing value in CSV, as an empty field always does", 1),
     FIELD(missing), .kind = BP_KIND_TEXT},
    {SHOW("max-categories", "N", "10000", "most inputs that columns of categories may become", 0), FIELD(max_categories),
     .kind = BP_KIND_COUNT, .min = 1, .max = BP_SETTING_WIDTH_MAX},
    {SHOW("dropout", "F", "0", "share of hidden activations that a training step leaves out", 1), FIELD(dropout),
     .kind = BP_KIND_REAL, .max = 1, .below_max = true},
    {SHOW("group", "NAME", "", "no input: rows with the same value here stay on one side of a split, and in one fold", 1),
     FIELD(group), .kind = BP_KIND_TEXT},
    {SHOW("missing-targets", "error|skip", "error", "rows whose target is missing: refused, or left out", 1),
     FIELD(missing_targets), .kind = BP_KIND_CHOICE},
    {SHOW("max-index", "N", "1000000", "highest index of a LIBSVM file", 0), FIELD(max_index), .kind = BP_KIND_COUNT, .min = 1,
     .max = 16777215},
    {SHOW("memory", "BYTES|auto", "auto", "for data, as in 500MiB or 8GiB: a .bpd file beyond it is read in parts, again and again",
          0),
     FIELD(memory), .kind = BP_KIND_BYTES, .min = 1, .max = 18446744073709551615.0, .zero = "auto"},
    {SHOW("huber-delta", "F", "1", "error from which loss huber is linear, in the network's units", 1), FIELD(huber_delta),
     .kind = BP_KIND_REAL, .min = 1e-30, .max = 1e30},
    {SHOW("quantile", "F", "0.5", "share of targets below the prediction that loss quantile aims at", 1), FIELD(quantile),
     .kind = BP_KIND_REAL, .min = 1e-6, .max = 1, .below_max = true},
    {SHOW("alpha", "F", "0.99", "decay of the mean squared gradient, with rmsprop", 1), FIELD(alpha), .kind = BP_KIND_REAL,
     .max = 1, .below_max = true},
    {SHOW("l1", "F", "0", "added to the gradient of weights, not of biases: l1 times their sign", 1), FIELD(l1),
     .kind = BP_KIND_REAL, .max = 1e6},
    {SHOW("label-smoothing", "F", "0", "share of a class target that is spread over all classes, with the cross-entropies", 1),
     FIELD(label_smoothing), .kind = BP_KIND_REAL, .max = 1, .below_max = true},
    {SHOW("class-weight", "balanced|NAME=W[,NAME=W...]", "",
          "how much classes count, others 1; balanced: each class alike, rows / (classes x its rows)", 1),
     FIELD(class_weight), .kind = BP_KIND_TEXT},
};
_Static_assert(sizeof bp_setting_table / sizeof *bp_setting_table == BP_SETTINGS, "BP_SETTINGS is the number of entries");

bool bp_setting_in_range(const bp_setting_entry *entry, double value)
{
    return value >= entry->min && (entry->below_max ? value < entry->max : value <= entry->max);
}

int32_t bp_setting_choices(const bp_setting_entry *entry)
{
    int32_t count = 1;
    for (const char *at = entry->setting.values; *at; at++)
        count += *at == '|';
    return count;
}

int32_t bp_setting_place(const bp_setting_entry *entry, const char *text, size_t length)
{
    const char *names = entry->setting.values;

    for (int32_t place = 0; *names; place++) {
        size_t width = strcspn(names, "|[");
        if (width == length && memcmp(names, text, length) == 0)
            return place;
        names += width;
        names += strcspn(names, "|");
        names += *names == '|';
    }
    return -1;
}

void bp_setting_name(const bp_setting_entry *entry, int32_t place, char *text, size_t capacity)
{
    const char *name = entry->setting.values;
    bool known = place >= 0 && place < bp_setting_choices(entry);

    for (; known && place > 0; place--)
        name += strcspn(name, "|") + 1;
    snprintf(text, capacity, "%.*s", known ? (int)strcspn(name, "|[") : 1, known ? name : "?");
}

double bp_setting_number(const bp_setting_entry *entry, const bp_settings *settings)
{
    const char *field = (const char *)settings + entry->offset;
    if (entry->kind == BP_KIND_REAL)
        return *(const double *)field;
    return entry->kind == BP_KIND_COUNT32 ? *(const uint32_t *)field : (double)*(const uint64_t *)field;
}
