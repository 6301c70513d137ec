/* Sparse examples: everything that comes of them is what comes of the same numbers with their zeros, to the bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint.h"
#include "helper_workload.h"
#include "sets.h"

static const uint32_t teams[] = {1, 2, 3, 8};

/* A problem of which one number in eight stays, and its entries. */
typedef struct subject {
    problem p; /* p.examples are dense */
    uint64_t *first;
    uint32_t *column;
    float *value;
    bp_examples *sparse;
} subject;

static subject subject_of(bp_settings settings, uint32_t inputs, uint32_t outputs, uint64_t rows)
{
    subject s = {.p = problem_create(settings, inputs, outputs, rows, inputs)};
    uint64_t count = 0, most = rows * inputs;

    s.first = calloc(rows + 1, sizeof *s.first);
    s.column = calloc(most, sizeof *s.column);
    s.value = calloc(most, sizeof *s.value);
    for (uint64_t i = 0; i < most; i++) {
        if (i * 2654435761u % 97 > 12 || i / inputs == 1) /* row 1 has none */
            s.p.x[i] = 0;
        if (s.p.x[i] != 0) {
            s.column[count] = (uint32_t)(i % inputs);
            s.value[count++] = s.p.x[i];
        }
        s.first[i / inputs + 1] = count;
    }
    bp_csr x = {s.first, s.column, s.value, rows, inputs};
    bp_array y = problem_y(&s.p);
    cr_assert_eq(bp_examples_borrow_sparse(&x, &y, NULL, NULL, &s.sparse, NULL), BP_OK);
    return s;
}

static void subject_free(subject *s)
{
    bp_examples_free(s->sparse);
    free(s->first);
    free(s->column);
    free(s->value);
    problem_free(&s->p);
}

static void check_way(const subject *s, const bp_settings *way, const float *wanted, uint64_t count)
{
    char text[500];
    float *got = problem_fitted(&s->p, way, s->sparse);

    workload_describe(&s->p, way, text, sizeof text);
    uint64_t at = problem_first_difference(got, wanted, count);
    cr_assert_eq(at, count, "parameter %llu of %s: %a, not %a", (unsigned long long)at, text, (double)got[at], (double)wanted[at]);
    free(got);
}

/* Sparse in every way against dense in one. */
static void check_every_way(bp_settings settings, uint32_t inputs, uint32_t outputs, uint64_t rows)
{
    subject s = subject_of(settings, inputs, outputs, rows);
    float *wanted = problem_fitted(&s.p, &s.p.settings, s.p.examples);
    bp_network *network = problem_network(&s.p);
    uint64_t count = bp_network_parameters(network);
    bp_settings way = s.p.settings;

    way.exact_threads = 1;
    for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
        way.threads = teams[t];
        for (way.isa = BP_ISA_SCALAR; way.isa; way.isa = (int32_t)set_after((bp_isa)way.isa))
            for (way.gradient = BP_GRADIENT_AUTO; way.gradient <= BP_GRADIENT_TILES; way.gradient++)
                check_way(&s, &way, wanted, count);
    }
    free(wanted);
    bp_network_free(network);
    subject_free(&s);
}

static bp_settings small(uint32_t hidden, bp_optimizer optimizer, uint64_t batch)
{
    bp_settings settings = problem_settings(&hidden, hidden ? 1 : 0, BP_TANH, BP_CROSS_ENTROPY, optimizer);

    settings.batch_size = batch;
    settings.epochs = 2;
    return settings;
}

Test(sparse, networks_whose_gradient_is_in_shards)
{
    check_every_way(small(70, BP_ADAM, 100), 100, 3, 230);
    bp_settings gelu = small(40, BP_SGD, 90);
    gelu.activation = BP_GELU;
    check_every_way(gelu, 133, 3, 200);
}

Test(sparse, layers_so_large_that_the_gradient_is_one_chain)
{
    check_every_way(small(440, BP_SGD, 50), 301, 2, 70);
    bp_settings momentum = small(440, BP_SGD, 50);
    momentum.momentum = 0.9;
    momentum.weight_decay = 0.1;
    check_every_way(momentum, 301, 2, 70);
}

Test(sparse, chains_so_long_that_dense_ones_are_walked_in_parts)
{
    check_every_way(small(440, BP_ADAM, 1100), 301, 2, 1100);
}

Test(sparse, first_layers_with_few_outputs)
{
    check_every_way(small(0, BP_ADAM, 64), 200, 3, 150);
    check_every_way(small(5, BP_SGD, 64), 200, 3, 150);
    bp_settings gelu = small(7, BP_ADAM, 64);
    gelu.activation = BP_GELU;
    check_every_way(gelu, 200, 3, 150);
}

Test(sparse, clipped_and_accumulated_gradients)
{
    bp_settings settings = small(50, BP_SGD, 30);

    settings.clip_norm = 0.05;
    settings.accumulate = 3;
    check_every_way(settings, 120, 3, 200);
}

Test(sparse, dropped_activations)
{
    bp_settings settings = small(50, BP_ADAM, 60);

    settings.dropout = 0.4;
    check_every_way(settings, 120, 3, 200);
}

Test(sparse, tiny_networks_and_mixed_precision_write_zeros_out)
{
    bp_settings tiny = problem_settings((uint32_t[]){16}, 1, BP_TANH, BP_SQUARED_ERROR, BP_ADAM);
    check_every_way(tiny, 30, 1, 90);
    bp_settings mixed = small(70, BP_ADAM, 100);
    mixed.precision = BP_BF16X2;
    check_every_way(mixed, 100, 3, 230);
}

Test(sparse, predictions_metrics_and_rows)
{
    subject s = subject_of(small(70, BP_ADAM, 100), 300, 3, 600);
    bp_network *network = problem_network(&s.p);
    bp_workspace *workspace = NULL;
    bp_metrics dense, sparse;
    float *wanted = calloc(1800, sizeof *wanted), *got = calloc(1800, sizeof *got), x[300], y[3];
    uint64_t chosen[] = {599, 1, 7};

    cr_assert_eq(bp_workspace_create(network, 3, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_predict_rows(network, workspace, s.p.examples, (bp_rows){0}, wanted, NULL), BP_OK);
    cr_assert_eq(bp_network_predict_rows(network, workspace, s.sparse, (bp_rows){0}, got, NULL), BP_OK);
    cr_assert_eq(problem_first_difference(got, wanted, 1800), 1800);
    cr_assert_eq(bp_network_predict_rows(network, workspace, s.sparse, (bp_rows){chosen, 3}, got, NULL), BP_OK);
    cr_assert_eq(memcmp(got, wanted + 3 * 599, 3 * sizeof *got), 0);
    cr_assert_eq(bp_network_predict(network, workspace, 600, s.p.x, got, NULL), BP_OK, "dense rows behind sparse ones");
    cr_assert_eq(problem_first_difference(got, wanted, 1800), 1800);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, s.p.examples, (bp_rows){0}, &dense, NULL), BP_OK);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, s.sparse, (bp_rows){0}, &sparse, NULL), BP_OK);
    cr_assert_eq(dense.loss, sparse.loss);
    cr_assert_eq(bp_examples_row(s.sparse, 7, x, y, NULL), BP_OK);
    cr_assert_eq(memcmp(x, s.p.x + 7 * 300, sizeof x), 0);
    free(wanted);
    free(got);
    bp_workspace_free(workspace);
    bp_network_free(network);
    subject_free(&s);
}

/* Dense steps between two fits, and a fit that is told more of the same. */
Test(sparse, a_trainer_takes_dense_steps_between_sparse_fits)
{
    subject s = subject_of(small(40, BP_ADAM, 50), 200, 3, 100);
    float *results[2];

    for (int sparse = 0; sparse < 2; sparse++) {
        bp_network *network = problem_network(&s.p);
        bp_trainer *trainer = problem_trainer(&s.p, network);
        const bp_examples *examples = sparse ? s.sparse : s.p.examples;
        cr_assert_eq(bp_trainer_fit(trainer, NULL, examples, (bp_rows){0}, examples, (bp_rows){0}, NULL, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_step(trainer, 50, s.p.x, s.p.y, NULL, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_forward(trainer, 50, s.p.x, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_loss(trainer, s.p.y, NULL, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_backward(trainer, NULL, NULL, NULL), BP_OK);
        cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
        results[sparse] = problem_parameters(network);
        bp_trainer_free(trainer);
        bp_network_free(network);
    }
    cr_assert_eq(problem_first_difference(results[1], results[0], 200 * 40), 200 * 40);
    free(results[0]);
    free(results[1]);
    subject_free(&s);
}

static void fingerprint(const bp_examples *examples, char digits[BP_HASH_DIGITS + 1])
{
    bp_fingerprints all;

    cr_assert_eq(bp_fingerprint(NULL, examples, (bp_rows){NULL, bp_examples_rows(examples)}, NULL, (bp_rows){0}, &all, NULL),
                 BP_OK);
    strcpy(digits, all.training);
}

/* Of rows whose numbers lie at the ends, in the middle, and nowhere; blocks that are 0 stand in all places. */
Test(sparse, fingerprints)
{
    subject s = subject_of(small(4, BP_SGD, 50), 1000, 3, 40);
    char dense[BP_HASH_DIGITS + 1], sparse[BP_HASH_DIGITS + 1], moved[BP_HASH_DIGITS + 1];
    uint64_t first[4] = {0, 2, 2, 4};
    uint32_t column[4] = {0, 999, 100, 128};
    float value[4] = {1, 2, 3, -0.0f}, x[3000] = {0}, y[3] = {1, 2, 3};
    bp_csr few = {first, column, value, 3, 1000};
    bp_array all = {x, BP_TYPE_F32, 0, 3, 1000, 0}, targets = {y, BP_TYPE_F32, 0, 3, 1, 0};
    bp_examples *examples = NULL;

    fingerprint(s.p.examples, dense);
    fingerprint(s.sparse, sparse);
    cr_assert_str_eq(dense, sparse);
    for (uint64_t row = 0; row < 3; row++)
        for (uint64_t e = first[row]; e < first[row + 1]; e++)
            x[1000 * row + column[e]] = value[e];
    cr_assert_eq(bp_examples_borrow(&all, &targets, NULL, NULL, &examples, NULL), BP_OK);
    fingerprint(examples, dense);
    bp_examples_free(examples);
    cr_assert_eq(bp_examples_borrow_sparse(&few, &targets, NULL, NULL, &examples, NULL), BP_OK);
    fingerprint(examples, sparse);
    cr_assert_str_eq(dense, sparse);
    column[3] = 400;
    fingerprint(examples, moved);
    cr_assert_str_neq(sparse, moved);
    bp_examples_free(examples);
    subject_free(&s);
}

/* The second row does not have the column whose weight has become infinite. */
Test(sparse, a_weight_that_is_not_finite_is_seen_though_no_row_has_its_column)
{
    static const float weights[3] = {10, 1, 1}, values[2] = {1e16f, 1}, y[2] = {0, 0};
    static const uint64_t first[3] = {0, 1, 2};
    static const uint32_t column[2] = {0, 2};
    bp_csr x = {first, column, values, 2, 3};
    bp_array targets = {y, BP_TYPE_F32, 0, 2, 1, 0};
    bp_settings settings = problem_settings(NULL, 0, BP_RELU, BP_SQUARED_ERROR, BP_SGD);
    bp_network *network = NULL;
    bp_trainer *trainer = NULL;
    bp_examples *examples = NULL;
    bp_error error;

    settings.batch_size = 1;
    settings.shuffle = BP_SHUFFLE_NONE;
    settings.learning_rate = 1e6;
    settings.epochs = 1;
    cr_assert_eq(bp_network_create(&settings, 3, 1, NULL, &network, NULL), BP_OK);
    cr_assert_eq(bp_network_set(network, 0, weights, NULL, NULL), BP_OK);
    cr_assert_eq(bp_examples_borrow_sparse(&x, &targets, NULL, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(bp_trainer_create(network, &settings, NULL, 0, NULL, &trainer, NULL), BP_OK);
    cr_assert_eq(bp_trainer_fit(trainer, NULL, examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, &error), BP_DIVERGED);
    cr_assert_eq(error.step, 1);
    cr_assert_eq(error.layer, 1);
    bp_trainer_free(trainer);
    bp_examples_free(examples);
    bp_network_free(network);
}

Test(sparse, entries_that_cannot_be_are_refused)
{
    static const uint64_t first[3] = {0, 2, 3}, falling[3] = {0, 2, 1};
    static const uint32_t column[3] = {1, 4, 0}, equal[3] = {1, 1, 0}, beyond[3] = {1, 5, 0};
    static const float value[3] = {1, 2, 3};
    bp_csr x = {first, column, value, 2, 5};
    bp_examples *examples = NULL;

    cr_assert_eq(bp_examples_borrow_sparse(&x, NULL, NULL, NULL, &examples, NULL), BP_OK);
    bp_examples_free(examples);
    x.first = falling;
    cr_assert_eq(bp_examples_borrow_sparse(&x, NULL, NULL, NULL, &examples, NULL), BP_INVALID);
    x.first = first;
    x.column = equal;
    cr_assert_eq(bp_examples_borrow_sparse(&x, NULL, NULL, NULL, &examples, NULL), BP_INVALID);
    x.column = beyond;
    cr_assert_eq(bp_examples_borrow_sparse(&x, NULL, NULL, NULL, &examples, NULL), BP_INVALID);
    x.column = NULL;
    cr_assert_eq(bp_examples_borrow_sparse(&x, NULL, NULL, NULL, &examples, NULL), BP_INVALID);
}
