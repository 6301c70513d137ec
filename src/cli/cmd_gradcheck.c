/* backprop gradcheck: the engine's gradient against the reference, the reference against central differences.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options.h"
#include "report.h"
#include "settings.h"
#include "shape.h"
#include "size.h"
#include "text.h"

#define ROWS_MAX 4096 /* a minibatch behind which a check only gets slower */

typedef struct checking {
    const bp_arguments *arguments;
    bp_shape shape;
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_network *network;
    uint64_t rows;
    float *x;
    float *y;
    double threshold;
    uint64_t entries;
    bp_gradcheck_layer layers[BP_HIDDEN_MAX + 1];
} checking;

/* -------------------------------------------------------------------------------------------------------- minibatch */

static int take_memory(checking *c)
{
    size_t x, y;

    if (bp_size_mul((size_t)c->rows, c->shape.inputs, &x) && bp_size_mul((size_t)c->rows, c->shape.outputs, &y)) {
        c->x = calloc(x, sizeof *c->x);
        c->y = calloc(y, sizeof *c->y);
    }
    if (c->x && c->y)
        return BP_EXIT_DONE;
    bp_say("no memory for a minibatch of %llu rows", (unsigned long long)c->rows);
    return BP_EXIT_FAILED;
}

static uint64_t wanted_rows(const checking *c, uint64_t all)
{
    uint64_t rows = c->arguments->settings.batch_size;
    rows = rows && rows < all ? rows : all;
    return rows < ROWS_MAX ? rows : ROWS_MAX;
}

static int use_random(checking *c)
{
    int code = bp_shape_read(c->arguments, "20,16,12,4", &c->shape);

    if (code != BP_EXIT_DONE)
        return code;
    c->rows = wanted_rows(c, ROWS_MAX);
    code = take_memory(c);
    if (code == BP_EXIT_DONE)
        bp_shape_fill(&c->shape, c->rows, c->x, c->y);
    return code;
}

static bp_status read_data(checking *c, bp_encoder_info *info, bp_error *error)
{
    const bp_settings *settings = &c->arguments->settings;
    bp_status status = bp_dataset_read(c->arguments->operands[0], settings, BP_NEED_TARGET, NULL, &c->dataset, error);

    if (status == BP_OK)
        status = bp_encoder_fit(c->dataset, (bp_rows){NULL, bp_dataset_rows(c->dataset)}, settings, NULL, &c->encoder, error);
    if (status == BP_OK)
        status = bp_encoder_apply(c->encoder, c->dataset, 1, NULL, &c->examples, error);
    if (status == BP_OK)
        bp_encoder_describe(c->encoder, info);
    return status;
}

static int use_data(checking *c)
{
    bp_encoder_info info;
    bp_error error;

    if (c->arguments->option[BP_OPTION_LAYERS])
        return bp_say_usage(c->arguments->command, "with DATA the layers follow from it and --hidden; --layers is for random data");
    if (read_data(c, &info, &error) != BP_OK)
        return bp_say_input_error(c->arguments, &error);
    c->shape = (bp_shape){info.inputs, info.outputs, c->arguments->settings};
    c->shape.settings.task = info.task;
    if (bp_settings_check(&c->shape.settings, &error) != BP_OK)
        return bp_say_error(c->arguments, &error);
    c->rows = wanted_rows(c, bp_examples_rows(c->examples));
    if (take_memory(c) != BP_EXIT_DONE)
        return BP_EXIT_FAILED;
    for (uint64_t row = 0; row < c->rows; row++)
        bp_examples_row(c->examples, row, c->x + row * info.inputs, c->y + row * info.outputs, NULL);
    return BP_EXIT_DONE;
}

static int take_minibatch(checking *c)
{
    static const char *const of_data[] = {"target",  "target-file", "ignore-columns", "categorical",    "header", "delimiter",
                                          "decimal", "missing",     "scale",          "max-categories", "task",   "hidden"};

    if (c->arguments->operand_count == 1)
        return use_data(c);
    for (size_t i = 0; i < sizeof of_data / sizeof *of_data; i++)
        if (bp_settings_given(&c->arguments->settings, of_data[i]))
            return bp_say_usage(c->arguments->command, "--%s has no effect without DATA", of_data[i]);
    return use_random(c);
}

/* ------------------------------------------------------------------------------------------------------------ result */

static bool passes(const checking *c, const bp_gradcheck_layer *layer)
{
    return layer->engine <= c->threshold && layer->differences <= c->threshold; /* false for a NaN too */
}

static bool all_pass(const checking *c)
{
    for (uint32_t i = 0; i < bp_network_layers(c->network); i++)
        if (!passes(c, &c->layers[i]))
            return false;
    return true;
}

static json_t *layer_object(const bp_gradcheck_layer *layer)
{
    json_t *object = json_object();
    json_object_set_new(object, "engine", bp_json_number(layer->engine));
    json_object_set_new(object, "differences", bp_json_number(layer->differences));
    json_object_set_new(object, "checked", bp_json_count(layer->checked));
    json_object_set_new(object, "skipped", bp_json_count(layer->skipped));
    return object;
}

static int print_json(const checking *c)
{
    json_t *object = json_object(), *errors = json_array();

    json_object_set_new(object, "layers", bp_json_layers(c->network));
    json_object_set_new(object, "rows", bp_json_count(c->rows));
    json_object_set_new(object, "threshold", bp_json_number(c->threshold));
    for (uint32_t i = 0; i < bp_network_layers(c->network); i++)
        json_array_append_new(errors, layer_object(&c->layers[i]));
    json_object_set_new(object, "errors", errors);
    json_object_set_new(object, "passed", json_boolean(all_pass(c)));
    return bp_json_print(object);
}

static void print_text(const checking *c)
{
    printf("network ");
    bp_layers_print(c->network);
    printf(", %llu rows; largest relative error of dJ/dW and dJ/db:\n", (unsigned long long)c->rows);
    for (uint32_t i = 0; i < bp_network_layers(c->network); i++)
        printf("layer %-3lu engine and reference %.2e, reference and differences %.2e (%llu checked, %llu skipped at a ReLU's "
               "kink)%s\n",
               (unsigned long)i + 1, c->layers[i].engine, c->layers[i].differences, (unsigned long long)c->layers[i].checked,
               (unsigned long long)c->layers[i].skipped, passes(c, &c->layers[i]) ? "" : "  FAILED");
    printf("%s: threshold %.2e\n", all_pass(c) ? "passed" : "failed", c->threshold);
}

static int check(checking *c)
{
    bp_settings *settings = &c->shape.settings;
    bp_error error;

    settings->batch_size = c->rows;
    if (bp_network_create(settings, c->shape.inputs, c->shape.outputs, NULL, &c->network, &error) != BP_OK ||
        bp_gradcheck(c->network, settings, c->rows, c->x, c->y, c->entries, NULL, c->layers, &error) != BP_OK)
        return bp_say_error(c->arguments, &error);
    if (!c->arguments->option[BP_OPTION_JSON])
        print_text(c);
    else if (print_json(c) != BP_EXIT_DONE)
        return BP_EXIT_FAILED;
    return all_pass(c) ? BP_EXIT_DONE : BP_EXIT_FAILED;
}

/* ------------------------------------------------------------------------------------------------------------- whole */

static int read_options(checking *c)
{
    const char *threshold = bp_option_text(c->arguments, BP_OPTION_THRESHOLD);
    const char *entries = bp_option_text(c->arguments, BP_OPTION_ENTRIES);

    if (!bp_text_parse_f64(threshold, strlen(threshold), &c->threshold) || c->threshold <= 0)
        return bp_say_usage(c->arguments->command, "--threshold '%.100s': expected a number above 0", threshold);
    if (!bp_text_parse_u64(entries, strlen(entries), &c->entries))
        return bp_say_usage(c->arguments->command, "--entries '%.100s': expected a whole number", entries);
    return BP_EXIT_DONE;
}

static int run(bp_arguments *arguments)
{
    checking c = {.arguments = arguments};
    int code = read_options(&c);

    if (code == BP_EXIT_DONE)
        code = take_minibatch(&c);
    if (code == BP_EXIT_DONE)
        code = check(&c);
    bp_network_free(c.network);
    bp_examples_free(c.examples);
    bp_encoder_free(c.encoder);
    bp_dataset_free(c.dataset);
    free(c.x);
    free(c.y);
    return code;
}

static const char *const settings[] = {
    "target",      "target-file", "ignore-columns",  "categorical", "header", "delimiter",  "decimal",
    "missing",     "scale",       "max-categories",  "task",        "hidden", "activation", "loss",
    "huber-delta", "quantile",    "init-scheme",     "batch-size",  "seed",   "threads",    "exact-threads",
    "gradient",    "isa",         "label-smoothing", NULL};
static const bp_option_id options[] = {BP_OPTION_LAYERS, BP_OPTION_THRESHOLD, BP_OPTION_ENTRIES, BP_OPTION_JSON,
                                       BP_OPTION_CONFIG, BP_OPTION_HELP,      BP_OPTIONS};

const bp_command bp_command_gradcheck = {
    "gradcheck", "[DATA]", "the gradient against the reference and central differences; random data without DATA", 0, 1, settings,
    options,     run};
