/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_workload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "numbers.h"

typedef struct workload {
    const char *name; /* the standard workload that it is a form of */
    uint32_t inputs, hidden[12], outputs;
    bp_activation activation;
    bp_loss loss;
    bp_optimizer optimizer;
    uint64_t batch_size, rows;
} workload;

/* Layers of 2^17 weights and more are one shard: plan.c's LARGE_LAYER. 784 x 168 and 400 x 330 are above it. */
static const workload workloads[WORKLOADS] = {
    {"tiny", 8, {16}, 1, BP_RELU, BP_SQUARED_ERROR, BP_SGD, 32, 135},
    {"small", 32, {64, 64}, 1, BP_RELU, BP_SQUARED_ERROR, BP_ADAM, 256, 600},
    {"images", 784, {168}, 10, BP_RELU, BP_CROSS_ENTROPY, BP_SGD, 96, 130},
    {"classes", 200, {256, 256}, 10, BP_RELU, BP_CROSS_ENTROPY, BP_ADAM, 150, 211},
    {"wide", 400, {330, 37}, 3, BP_RELU, BP_SQUARED_ERROR, BP_ADAMW, 100, 170},
    {"deep", 9, {17, 33, 5, 16, 31, 8, 65, 3, 32, 20}, 2, BP_TANH, BP_BINARY_CROSS_ENTROPY, BP_ADAM, 70, 200},
    {"large batch", 20, {33, 40}, 8, BP_RELU, BP_SQUARED_ERROR, BP_SGD, 3000, 4111},
};

const char *workload_name(size_t number)
{
    return workloads[number].name;
}

problem workload_problem(size_t number)
{
    const workload *w = &workloads[number];
    uint32_t hidden = 0;

    while (hidden < 12 && w->hidden[hidden])
        hidden++;
    bp_settings settings = problem_settings(w->hidden, hidden, w->activation, w->loss, w->optimizer);
    settings.batch_size = w->batch_size;
    settings.epochs = 2;
    settings.schedule = BP_COSINE;
    return problem_create(settings, w->inputs, w->outputs, w->rows, 20 + number);
}

/* 0 ... below - 1, the same in every run. */
static uint32_t pick(uint64_t seed, uint64_t *draw, uint32_t below)
{
    return (uint32_t)((scattered(seed, (*draw)++) * 0.5 + 0.5) * below);
}

/* 0 sgd, 1 momentum, 2 nesterov, 3 adam, 4 adamw. */
static void choose_optimizer(bp_settings *settings, uint32_t choice, bool decay)
{
    settings->optimizer = choice < 3 ? BP_SGD : choice == 3 ? BP_ADAM : BP_ADAMW;
    settings->momentum = choice == 1 || choice == 2 ? 0.9 : 0;
    settings->nesterov = choice == 2;
    settings->weight_decay = decay ? 0.01 : 0;
    settings->learning_rate = 1e-3; /* wide identities with momentum diverge at 0.01 */
}

/* Every third network is tiny; every eighth minibatch has many shards. */
problem random_problem(uint64_t seed)
{
    uint64_t draw = 0;
    uint32_t hidden[5], widest = seed % 3 ? 140 : 24;

    for (size_t i = 0; i < 5; i++)
        hidden[i] = 1 + pick(seed, &draw, widest);
    bp_loss loss = (bp_loss)(BP_SQUARED_ERROR + seed % 3);
    bp_settings settings = problem_settings(hidden, pick(seed, &draw, 6), (bp_activation)(seed % 5), loss, BP_SGD);
    choose_optimizer(&settings, (uint32_t)(seed / 3 % 5), seed / 2 % 2);
    settings.schedule = (int32_t)pick(seed, &draw, 3);
    settings.epochs = 2;
    settings.batch_size = 1 + pick(seed, &draw, seed % 8 ? 150 : 700);
    uint64_t rows = settings.batch_size + 1 + pick(seed, &draw, 150);
    if (rows % settings.batch_size == 0)
        rows++;
    uint32_t inputs = 1 + pick(seed, &draw, widest), least = loss == BP_CROSS_ENTROPY ? 2 : 1;
    return problem_create(settings, inputs, least + pick(seed, &draw, seed % 2 ? 60 : 3), rows, seed);
}

void workload_describe(const problem *p, const bp_settings *way, char *text, size_t size)
{
    int used = snprintf(text, size, "%u", p->inputs);

    for (uint32_t i = 0; i < p->settings.hidden_count; i++)
        used += snprintf(text + used, size - (size_t)used, "-%u", p->settings.hidden[i]);
    snprintf(text + used, size - (size_t)used,
             "-%u, %llu rows by %llu, activation %d, loss %d, optimizer %d; isa %d, gradient %d, %u threads", p->outputs,
             (unsigned long long)p->rows, (unsigned long long)p->settings.batch_size, p->settings.activation, p->settings.loss,
             p->settings.optimizer, way->isa, way->gradient, way->threads);
}
