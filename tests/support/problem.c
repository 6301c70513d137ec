/* SPDX-License-Identifier: Apache-2.0 */
#include "problem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"

bp_settings problem_settings(const uint32_t *hidden, uint32_t count, bp_activation activation, bp_loss loss, bp_optimizer optimizer)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    for (uint32_t i = 0; i < count; i++)
        settings.hidden[i] = hidden[i];
    settings.hidden_count = count;
    settings.activation = (int32_t)activation;
    settings.loss = (int32_t)loss;
    settings.optimizer = (int32_t)optimizer;
    settings.threads = 1;
    settings.batch_size = 16;
    settings.epochs = 3;
    return settings;
}

static void fill(problem *p, uint64_t seed)
{
    for (size_t i = 0; i < p->rows * p->inputs; i++) {
        p->bytes[i] = (uint8_t)(127.5 + 127.4 * scattered(seed, i));
        p->x[i] = (float)p->bytes[i] / 255;
    }
    for (size_t r = 0; r < p->rows; r++)
        p->weight[r] = (float)(1.5 + scattered(seed + 1, r));
    scatter_targets(p->y, p->rows, p->outputs, (bp_loss)p->settings.loss, seed + 2);
}

problem problem_create(bp_settings settings, uint32_t inputs, uint32_t outputs, uint64_t rows, uint64_t seed)
{
    problem p = {.settings = settings, .inputs = inputs, .outputs = outputs, .rows = rows};
    bp_error error;

    p.bytes = malloc(rows * inputs);
    p.x = malloc(rows * inputs * sizeof *p.x);
    p.y = malloc(rows * outputs * sizeof *p.y);
    p.weight = malloc(rows * sizeof *p.weight);
    cr_assert(p.bytes && p.x && p.y && p.weight);
    fill(&p, seed);
    bp_array x = problem_x(&p), y = problem_y(&p);
    cr_assert_eq(bp_examples_borrow(&x, &y, NULL, NULL, &p.examples, &error), BP_OK, "%s", error.text);
    return p;
}

void problem_free(problem *p)
{
    bp_examples_free(p->examples);
    free(p->bytes);
    free(p->x);
    free(p->y);
    free(p->weight);
}

bp_array problem_x(const problem *p)
{
    return (bp_array){.data = p->x, .type = BP_TYPE_F32, .rows = p->rows, .columns = p->inputs};
}

bp_array problem_y(const problem *p)
{
    return (bp_array){.data = p->y, .type = BP_TYPE_F32, .rows = p->rows, .columns = p->outputs};
}

bp_encoder *problem_encoder(const problem *p)
{
    bp_array x = problem_x(p), y = problem_y(p);
    bp_dataset *dataset = NULL;
    bp_encoder *encoder = NULL;

    cr_assert_eq(bp_dataset_borrow(&x, &y, NULL, NULL, &dataset, NULL), BP_OK);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){0}, &p->settings, NULL, &encoder, NULL), BP_OK);
    bp_dataset_free(dataset);
    return encoder;
}

bp_network *problem_network(const problem *p)
{
    bp_network *network = NULL;
    bp_error error;

    cr_assert_eq(bp_network_create(&p->settings, p->inputs, p->outputs, NULL, &network, &error), BP_OK, "%s", error.text);
    for (uint32_t l = 0; l < bp_network_layers(network); l++) {
        bp_layer_info info;
        cr_assert_eq(bp_network_layer(network, l, &info, NULL), BP_OK);
        float *b = malloc(info.outputs * sizeof *b);
        scatter_f32(b, info.outputs, 100 + l, 0.1);
        cr_assert_eq(bp_network_set(network, l, NULL, b, NULL), BP_OK);
        free(b);
    }
    return network;
}

bp_trainer *problem_trainer(const problem *p, bp_network *network)
{
    bp_trainer *trainer = NULL;
    bp_error error;

    cr_assert_eq(bp_trainer_create(network, &p->settings, NULL, 0, NULL, &trainer, &error), BP_OK, "%s", error.text);
    return trainer;
}

bp_progress problem_fit(const problem *p, bp_trainer *trainer)
{
    bp_progress progress;
    bp_error error;
    bp_status status = bp_trainer_fit(trainer, NULL, p->examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, &progress, &error);

    cr_assert_eq(status, BP_OK, "%s", error.text);
    return progress;
}

float *problem_parameters(const bp_network *network)
{
    float *all = malloc(bp_network_parameters(network) * sizeof *all), *at = all;

    for (uint32_t l = 0; l < bp_network_layers(network); l++) {
        bp_layer_info info;
        cr_assert_eq(bp_network_layer(network, l, &info, NULL), BP_OK);
        size_t weights = (size_t)info.inputs * info.outputs;
        cr_assert_eq(bp_network_get(network, l, at, at + weights, NULL), BP_OK);
        at += weights + info.outputs;
    }
    return all;
}

float *problem_fitted(const problem *p, const bp_settings *settings, const bp_examples *examples)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = NULL;
    bp_error error;

    cr_assert_eq(bp_trainer_create(network, settings, NULL, 0, NULL, &trainer, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_trainer_threads(trainer), settings->threads);
    bp_status status = bp_trainer_fit(trainer, NULL, examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, &error);
    cr_assert_eq(status, BP_OK, "%s", error.text);
    float *parameters = problem_parameters(network);
    bp_trainer_free(trainer);
    bp_network_free(network);
    return parameters;
}

uint64_t problem_first_difference(const float *a, const float *b, uint64_t count)
{
    uint64_t i = 0;

    while (i < count && memcmp(a + i, b + i, sizeof *a) == 0)
        i++;
    return i;
}
