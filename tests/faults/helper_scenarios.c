/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_scenarios.h"

#include <criterion/criterion.h>
#include <string.h>

static bp_status read_file(world *w, const char *path, const char *target, uint64_t memory, bp_error *error)
{
    bp_settings settings = w->settings;
    bp_dataset *dataset = NULL;

    strcpy(settings.target, target);
    settings.memory = memory;
    bp_status status = bp_dataset_read(path, &settings, 0, &w->allocator, &dataset, error);
    bp_dataset_free(dataset);
    return status;
}

static bp_status read_csv(world *w, bp_error *error)
{
    return read_file(w, "data.csv", "class", 0, error);
}

static bp_status read_gzip(world *w, bp_error *error)
{
    return read_file(w, "data.csv.gz", "class", 0, error);
}

static bp_status read_npy(world *w, bp_error *error)
{
    return read_file(w, "data.npy", "x4", 0, error);
}

static bp_status read_svm(world *w, bp_error *error)
{
    return read_file(w, "data.svm", "", 0, error);
}

static bp_status read_idx(world *w, bp_error *error)
{
    return read_file(w, "data-images-idx3-ubyte", "", 0, error);
}

static bp_status read_bpd(world *w, bp_error *error)
{
    return read_file(w, "data.bpd", "class", 0, error);
}

/* In parts: read, fitted, applied, judged. */
static bp_status use_paged(world *w, bp_error *error)
{
    bp_settings settings = w->settings;
    bp_dataset *dataset = NULL;
    bp_encoder *encoder = NULL;
    bp_examples *examples = NULL;
    bp_metrics metrics;

    settings.memory = 2000;
    bp_status status = bp_dataset_read("data.bpd", &settings, 0, &w->allocator, &dataset, error);
    cr_assert(status != BP_OK || bp_dataset_is_paged(dataset));
    if (status == BP_OK)
        status = bp_encoder_fit(dataset, (bp_rows){0}, &settings, &w->allocator, &encoder, error);
    if (status == BP_OK)
        status = bp_encoder_apply(encoder, dataset, 1, &w->allocator, &examples, error);
    if (status == BP_OK)
        status = bp_network_evaluate(w->network, w->workspace, encoder, examples, (bp_rows){0}, &metrics, error);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    return status;
}

static bp_array array_of(const float *numbers, uint64_t columns)
{
    return (bp_array){.data = numbers, .type = BP_TYPE_F32, .rows = WORLD_ROWS, .columns = columns};
}

static bp_status borrow_dataset(world *w, bp_error *error)
{
    bp_array x = array_of(w->x, WORLD_INPUTS), y = array_of(w->y, WORLD_OUTPUTS);
    bp_dataset *dataset = NULL;
    bp_status status = bp_dataset_borrow(&x, &y, NULL, &w->allocator, &dataset, error);

    bp_dataset_free(dataset);
    return status;
}

static bp_status summarise(world *w, bp_error *error)
{
    bp_column_summary summaries[4];

    return bp_dataset_summarise(w->dataset, w->settings.threads, &w->allocator, summaries, error);
}

static bp_status pack(world *w, bp_error *error)
{
    return bp_dataset_pack(w->dataset, "packed.bpd", error);
}

static bp_status pack_file(world *w, bp_error *error)
{
    return bp_pack("data.csv", &w->settings, "packed.bpd", &w->allocator, NULL, error);
}

static bp_status split(world *w, bp_error *error)
{
    uint64_t training, validation;

    return bp_dataset_split(w->dataset, (bp_rows){w->index[0], WORLD_ROWS}, &w->settings, w->index[1], &training,
                            w->index[1] + WORLD_ROWS / 2, &validation, error);
}

static bp_status split_by_groups(world *w, bp_error *error)
{
    static uint64_t training_rows[WORLD_ROWS], validation_rows[WORLD_ROWS];
    bp_settings settings = w->settings;
    uint64_t training, validation;

    strcpy(settings.group, "colour");
    return bp_dataset_split(w->dataset, (bp_rows){w->index[0], WORLD_ROWS}, &settings, training_rows, &training, validation_rows,
                            &validation, error);
}

static bp_status folds(world *w, bp_error *error)
{
    return bp_dataset_folds(w->dataset, &w->settings, 3, w->fold, error);
}

static bp_status fit_encoder(world *w, bp_error *error)
{
    bp_encoder *encoder = NULL;
    bp_status status = bp_encoder_fit(w->dataset, (bp_rows){0}, &w->settings, &w->allocator, &encoder, error);

    bp_encoder_free(encoder);
    return status;
}

static bp_status apply_encoder(world *w, bp_error *error)
{
    bp_examples *examples = NULL;
    bp_status status = bp_encoder_apply(w->encoder, w->dataset, 1, &w->allocator, &examples, error);

    bp_examples_free(examples);
    return status;
}

static bp_status borrow_examples(world *w, bp_error *error)
{
    bp_array x = array_of(w->x, WORLD_INPUTS), y = array_of(w->y, WORLD_OUTPUTS);
    bp_examples *examples = NULL;
    bp_status status = bp_examples_borrow(&x, &y, NULL, &w->allocator, &examples, error);

    bp_examples_free(examples);
    return status;
}

static bp_status borrow_sparse(world *w, bp_error *error)
{
    static const uint64_t first[] = {0, 1, 3};
    static const uint32_t column[] = {2, 0, 4};
    static const float value[] = {1, 2, 3};
    bp_csr x = {first, column, value, 2, 5};
    bp_examples *examples = NULL;
    bp_status status = bp_examples_borrow_sparse(&x, NULL, NULL, &w->allocator, &examples, error);

    bp_examples_free(examples);
    return status;
}

static bp_status create_network(world *w, bp_error *error)
{
    bp_network *network = NULL;
    bp_status status = bp_network_create(&w->settings, WORLD_INPUTS, WORLD_OUTPUTS, &w->allocator, &network, error);

    bp_network_free(network);
    return status;
}

static bp_status save_model(world *w, bp_error *error)
{
    return bp_model_save("saved", w->network, w->encoder, &w->settings, error);
}

static bp_status load_model(world *w, bp_error *error)
{
    bp_network *network = NULL;
    bp_encoder *encoder = NULL;
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    bp_status status = bp_model_load("model", &w->allocator, &network, &encoder, &settings, error);
    bp_encoder_free(encoder);
    bp_network_free(network);
    return status;
}

static bp_status parse_model(world *w, bp_error *error)
{
    bp_network *network = NULL;
    bp_encoder *encoder = NULL;
    bp_status status = bp_model_parse(w->model, w->model_size, &w->allocator, &network, &encoder, NULL, error);

    bp_encoder_free(encoder);
    bp_network_free(network);
    return status;
}

static bp_status export_all(world *w, bp_error *error)
{
    static const char *const paths[] = {"e.c", "e.npz", "e.onnx", "e.safetensors"};
    bp_status status = BP_OK;

    for (size_t i = 0; i < 4 && status == BP_OK; i++)
        status = bp_model_export(paths[i], w->network, w->encoder, NULL, NULL, error);
    return status;
}

static bp_status create_workspace(world *w, bp_error *error)
{
    bp_workspace *workspace = NULL;
    bp_status status = bp_workspace_create(w->network, w->settings.threads, BP_ISA_AUTO, &w->allocator, &workspace, error);

    bp_workspace_free(workspace);
    return status;
}

static bp_status evaluate(world *w, bp_error *error)
{
    bp_metrics metrics;

    return bp_network_evaluate(w->network, w->workspace, w->encoder, w->examples, (bp_rows){0}, &metrics, error);
}

static bp_status create_evaluation(world *w, bp_error *error)
{
    bp_evaluation *evaluation = NULL;
    bp_status status =
        bp_evaluation_create(w->network, w->workspace, w->encoder, w->examples, (bp_rows){0}, &w->allocator, &evaluation, error);

    bp_evaluation_free(evaluation);
    return status;
}

static bp_status importance(world *w, bp_error *error)
{
    bp_importance result[8];

    return bp_network_importance(w->network, w->workspace, w->encoder, w->examples, (bp_rows){0}, BP_METRIC_AUTO, 2, 1,
                                 &w->allocator, result, NULL, error);
}

static bp_status size_trainer(world *w, bp_error *error)
{
    size_t bytes;

    return bp_trainer_size(w->network, &w->settings, &bytes, error);
}

static bp_status create_trainer(world *w, bp_error *error)
{
    bp_trainer *trainer = NULL;
    bp_status status = bp_trainer_create(w->other, &w->settings, NULL, 0, &w->allocator, &trainer, error);

    bp_trainer_free(trainer);
    return status;
}

/* A trainer of its own, fitted with an optimizer. */
static bp_status fit_with(world *w, bp_optimizer optimizer, bp_error *error)
{
    bp_settings settings = w->settings;
    bp_trainer *trainer = NULL;

    settings.optimizer = (int32_t)optimizer;
    bp_status status = bp_trainer_create(w->other, &settings, NULL, 0, &w->allocator, &trainer, error);
    if (status == BP_OK)
        status = bp_trainer_fit(trainer, w->encoder, w->examples, (bp_rows){w->index[0], 90}, w->examples,
                                (bp_rows){w->index[0] + 90, WORLD_ROWS - 90}, NULL, NULL, error);
    bp_trainer_free(trainer);
    return status;
}

static bp_status fit(world *w, bp_error *error)
{
    return fit_with(w, BP_ADAM, error);
}

static bp_status fit_in_full_batches(world *w, bp_error *error)
{
    return fit_with(w, BP_LBFGS, error);
}

static bp_status checkpoint(world *w, bp_error *error)
{
    return bp_trainer_checkpoint(w->trainer, "again", error);
}

static bp_status resume(world *w, bp_error *error)
{
    bp_trainer *trainer = NULL;
    bp_status status = bp_trainer_create(w->other, &w->settings, NULL, 0, &w->allocator, &trainer, error);

    if (status == BP_OK)
        status = bp_trainer_resume(trainer, "checkpoint", error);
    bp_trainer_free(trainer);
    return status;
}

static bp_status cross_validate(world *w, bp_error *error)
{
    bp_fold_result result[2];

    return bp_cross_validate(w->dataset, &w->settings, 2, &w->allocator, result, error);
}

static bp_status tune(world *w, bp_error *error)
{
    bp_trial trials[3];
    bp_settings best;
    bp_network *network = NULL;
    bp_status status = bp_tune(&w->settings, w->encoder, w->examples, (bp_rows){w->index[0], 90},
                               (bp_rows){w->index[0] + 90, WORLD_ROWS - 90}, 3, &w->allocator, trials, &best, &network, error);

    bp_network_free(network);
    return status;
}

static bp_status create_trace(world *w, bp_error *error)
{
    bp_trace *trace = NULL;
    bp_status status = bp_trace_create(w->network, w->x, w->y, &w->allocator, &trace, error);

    bp_trace_free(trace);
    return status;
}

static bp_status gradcheck(world *w, bp_error *error)
{
    bp_gradcheck_layer layers[2];

    return bp_gradcheck(w->other, &w->settings, 5, w->x, w->y, 10, &w->allocator, layers, error);
}

const scenario scenarios[] = {
    {"bp_dataset_read", read_csv},
    {"bp_dataset_read", read_gzip},
    {"bp_dataset_read", read_npy},
    {"bp_dataset_read", read_svm},
    {"bp_dataset_read", read_idx},
    {"bp_dataset_read", read_bpd},
    {"bp_dataset_is_paged", use_paged},
    {"bp_dataset_borrow", borrow_dataset},
    {"bp_dataset_summarise", summarise},
    {"bp_dataset_pack", pack},
    {"bp_pack", pack_file},
    {"bp_dataset_split", split},
    {"bp_dataset_split", split_by_groups},
    {"bp_dataset_folds", folds},
    {"bp_encoder_fit", fit_encoder},
    {"bp_encoder_apply", apply_encoder},
    {"bp_examples_borrow", borrow_examples},
    {"bp_examples_borrow_sparse", borrow_sparse},
    {"bp_network_create", create_network},
    {"bp_model_save", save_model},
    {"bp_model_load", load_model},
    {"bp_model_parse", parse_model},
    {"bp_model_export", export_all},
    {"bp_workspace_create", create_workspace},
    {"bp_network_evaluate", evaluate},
    {"bp_evaluation_create", create_evaluation},
    {"bp_network_importance", importance},
    {"bp_trainer_size", size_trainer},
    {"bp_trainer_create", create_trainer},
    {"bp_trainer_fit", fit},
    {"bp_trainer_fit", fit_in_full_batches},
    {"bp_trainer_checkpoint", checkpoint},
    {"bp_trainer_resume", resume},
    {"bp_cross_validate", cross_validate},
    {"bp_tune", tune},
    {"bp_trace_create", create_trace},
    {"bp_gradcheck", gradcheck},
    {NULL, NULL},
};

size_t scenario_count(void)
{
    return sizeof scenarios / sizeof *scenarios - 1;
}

bool scenario_is_of(const char *name, size_t length)
{
    for (const scenario *s = scenarios; s->call; s++)
        if (strlen(s->function) == length && memcmp(s->function, name, length) == 0)
            return true;
    return false;
}
