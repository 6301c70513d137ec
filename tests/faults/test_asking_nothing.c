/* What asks for no memory, shown without any; and that no function of backprop.h is in neither list.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "helper_malloc_refused.h"
#include "helper_scenarios.h"
#include "helper_world.h"
#include "scratch.h"

/* Each call by its name: MUST of those with a status, CALL of the others. */
typedef struct calling {
    world *w;
    const char *called[128];
    size_t count;
    bool failed;
} calling;

static void note(calling *c, const char *name, bool well)
{
    c->called[c->count++] = name;
    c->failed = c->failed || !well;
}

#define MUST(function, ...) note(c, #function, function(__VA_ARGS__) == BP_OK)
#define CALL(function, ...) (note(c, #function, true), (void)function(__VA_ARGS__))

static void call_settings(calling *c)
{
    bp_settings settings;
    char text[64];

    CALL(bp_version);
    CALL(bp_status_text, BP_OK);
    CALL(bp_metric_name, 1);
    CALL(bp_metric_rises, 1);
    CALL(bp_settings_init, &settings, sizeof settings);
    MUST(bp_settings_set, &settings, "hidden", "3,4", NULL);
    MUST(bp_settings_get, &settings, "hidden", text, sizeof text, NULL);
    CALL(bp_setting_at, 0);
    MUST(bp_settings_check, &settings, NULL);
}

static void call_data(calling *c)
{
    const world *w = c->w;
    bp_settings settings = w->settings;
    bp_encoder_info info;
    bp_column_info column;
    bp_strange strange;
    char text[64];
    float x[WORLD_INPUTS];
    double y[WORLD_OUTPUTS] = {0};

    CALL(bp_dataset_rows, w->dataset);
    CALL(bp_dataset_skipped, w->dataset);
    CALL(bp_dataset_is_paged, w->dataset);
    MUST(bp_dataset_check_shuffle, w->dataset, &settings, NULL);
    CALL(bp_dataset_columns, w->dataset);
    MUST(bp_dataset_column, w->dataset, 0, &column, NULL);
    CALL(bp_dataset_category, w->dataset, 2, 0);
    MUST(bp_dataset_text, w->dataset, 0, 0, text, sizeof text, NULL);
    CALL(bp_dataset_free, NULL);
    CALL(bp_encoder_set_threads, w->encoder, 1);
    CALL(bp_encoder_describe, w->encoder, &info);
    CALL(bp_encoder_settle, w->encoder, WORLD_ROWS, &settings);
    CALL(bp_encoder_class, w->encoder, 0);
    CALL(bp_encoder_columns, w->encoder);
    CALL(bp_encoder_input, w->encoder, 0);
    CALL(bp_encoder_target, w->encoder, 0);
    CALL(bp_encoder_decode, w->encoder, 1, y);
    CALL(bp_encoder_free, NULL);
    CALL(bp_examples_strange, w->examples, &strange);
    CALL(bp_examples_rows, w->examples);
    MUST(bp_examples_row, w->examples, 0, x, NULL, NULL);
    CALL(bp_examples_free, NULL);
}

static void call_network(calling *c)
{
    static float W[WORLD_INPUTS * 8], b[8], y[WORLD_ROWS * WORLD_OUTPUTS];
    const world *w = c->w;
    bp_layer_info layer;

    CALL(bp_network_free, NULL);
    CALL(bp_network_layers, w->network);
    MUST(bp_network_layer, w->network, 0, &layer, NULL);
    CALL(bp_network_loss, w->network);
    CALL(bp_network_loss_shape, w->network);
    CALL(bp_network_precision, w->network);
    CALL(bp_network_parameters, w->network);
    MUST(bp_network_get, w->network, 0, W, b, NULL);
    MUST(bp_network_set, w->other, 0, W, b, NULL);
    CALL(bp_model_pytorch, w->network, w->encoder, NULL, 0);
    CALL(bp_workspace_free, NULL);
    MUST(bp_network_predict, w->network, w->workspace, WORLD_ROWS, w->x, y, NULL);
    CALL(bp_predicted_class, y, WORLD_OUTPUTS);
    MUST(bp_network_predict_rows, w->network, w->workspace, w->examples, (bp_rows){0}, y, NULL);
}

static void call_evaluation(calling *c)
{
    const bp_evaluation *evaluation = c->w->evaluation;
    bp_metrics metrics;
    bp_scores scores;
    bp_class_scores class;
    bp_number_scores output;
    uint64_t counts[WORLD_OUTPUTS * WORLD_OUTPUTS];

    CALL(bp_evaluation_free, NULL);
    CALL(bp_evaluation_metrics, evaluation, &metrics);
    CALL(bp_evaluation_scores, evaluation, &scores);
    CALL(bp_evaluation_classes, evaluation);
    MUST(bp_evaluation_class, evaluation, 0, &class, NULL);
    MUST(bp_evaluation_confusion, evaluation, counts, NULL);
    CALL(bp_evaluation_outputs, evaluation);
    CALL(bp_evaluation_output, evaluation, 0, &output, NULL); /* of classes there is none */
}

static void call_trainer(calling *c)
{
    static float y_hat[WORLD_BATCH * WORLD_OUTPUTS], dW[WORLD_INPUTS * 8], db[8];
    const world *w = c->w;
    bp_turn turn = {.trainer = w->trainer, .x = w->x, .y = w->y, .rows = WORLD_ROWS};
    bp_mean model, baseline;
    bp_fold_result fold = {0};
    bp_trace_layer layer;

    CALL(bp_trainer_free, NULL);
    MUST(bp_trainer_step, w->trainer, WORLD_BATCH, w->x, w->y, NULL, NULL, NULL);
    MUST(bp_trainers_step, &turn, 1, 1, NULL);
    MUST(bp_trainer_forward, w->trainer, WORLD_BATCH, w->x, y_hat, NULL);
    MUST(bp_trainer_loss, w->trainer, w->y, NULL, NULL, NULL);
    MUST(bp_trainer_backward, w->trainer, NULL, NULL, NULL);
    MUST(bp_trainer_gradient_get, w->trainer, 0, dW, db, NULL);
    MUST(bp_trainer_gradient_set, w->trainer, 0, dW, db, NULL);
    MUST(bp_trainer_update, w->trainer, 0, NULL);
    CALL(bp_trainer_sync, w->trainer);
    MUST(bp_trainer_publish, w->trainer, 0.5, w->other, NULL);
    CALL(bp_trainer_plan, w->trainer, NULL, 0);
    CALL(bp_trainer_threads, w->trainer);
    CALL(bp_trainer_isa, w->trainer);
    CALL(bp_trainer_cancel, w->trainer);
    CALL(bp_folds_mean, &fold, 1, BP_METRIC_LOSS, &model, &baseline);
    CALL(bp_machine_threads, NULL, 0); /* hwloc asks for some; without, there is an answer too */
    CALL(bp_trace_loss, w->trace);
    MUST(bp_trace_at, w->trace, 0, &layer, NULL);
    CALL(bp_trace_free, NULL);
}

static void call_all(calling *c)
{
    call_settings(c);
    call_data(c);
    call_network(c);
    call_evaluation(c);
    call_trainer(c);
}

/* By the handles' allocator, and where it can be told by anybody. */
Test(refused_memory, is_not_missed_by_what_asks_for_none)
{
    world *w = world_begin(1);
    calling c = {.w = w};
    size_t asked = w->memory.asked;

    w->memory.refuse = asked;
    w->memory.onwards = true;
    malloc_refuse_at(0, true);
    call_all(&c);
    malloc_refuse_end();
    w->memory.refuse = SIZE_MAX;
    w->memory.onwards = false;
    cr_assert_not(c.failed, "one of %zu calls failed", c.count);
    cr_assert_eq(w->memory.asked, asked, "%zu allocations", w->memory.asked - asked);
    world_end(w);
}

/* ------------------------------------------------------------------------------------------------- none is forgotten */

static bool is_called(const calling *c, const char *name, size_t length)
{
    bool found = scenario_is_of(name, length);

    for (size_t i = 0; i < c->count && !found; i++)
        found = strlen(c->called[i]) == length && memcmp(c->called[i], name, length) == 0;
    return found;
}

/* The functions' names, from the lines of the header that begin with BP_API. */
static size_t check_header(const calling *c, const char *header)
{
    size_t functions = 0;

    for (const char *line = header; (line = strstr(line, "\nBP_API ")); line++) {
        const char *end = strchr(line, '('), *name = end;
        while (isalnum((unsigned char)name[-1]) || name[-1] == '_')
            name--;
        functions++;
        cr_assert(is_called(c, name, (size_t)(end - name)), "%.*s is neither in a scenario nor among those that ask for nothing",
                  (int)(end - name), name);
    }
    return functions;
}

Test(refused_memory, is_tried_with_every_function_of_the_header)
{
    world *w = world_begin(1);
    calling c = {.w = w};
    size_t size;

    call_all(&c);
    char *header = (char *)scratch_read(BP_SOURCE_DIR "/include/backprop.h", &size);
    header[size] = 0;
    cr_assert_gt(check_header(&c, header), 90);
    free(header);
    world_end(w);
}
