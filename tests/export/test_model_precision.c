/* A model's precision: the one it was trained in last, kept in its file, and what it predicts with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "helper_model.h"
#include "problem.h"
#include "safetensors.h"
#include "scratch.h"

TestSuite(model_precision, .init = scratch_begin, .fini = scratch_end);

enum { ROWS = 1100, INPUTS = 37, OUTPUTS = 5 }; /* several blocks of rows for each thread */

static problem subject(bp_precision precision)
{
    bp_settings settings = problem_settings((uint32_t[]){70, 33}, 2, BP_TANH, BP_CROSS_ENTROPY, BP_ADAM);

    settings.precision = (int32_t)precision;
    settings.batch_size = 90;
    settings.epochs = 2;
    return problem_create(settings, INPUTS, OUTPUTS, ROWS, 4);
}

static bp_network *trained(const problem *p)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);

    problem_fit(p, trainer);
    bp_trainer_free(trainer);
    return network;
}

static float *predictions(const problem *p, const bp_network *network, uint32_t threads)
{
    float *y = malloc(ROWS * OUTPUTS * sizeof *y);
    bp_workspace *workspace;
    bp_error error;

    cr_assert_eq(bp_workspace_create(network, threads, BP_ISA_AUTO, NULL, &workspace, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_network_predict(network, workspace, ROWS, p->x, y, &error), BP_OK, "%s", error.text);
    bp_workspace_free(workspace);
    return y;
}

static void check_loaded(const problem *p, const bp_network *network)
{
    bp_network *again;
    bp_settings settings;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    settings.precision = p->settings.precision == BP_F32 ? BP_BF16 : BP_F32; /* the file knows better */
    cr_assert_eq(bp_model_load("model", NULL, &again, NULL, &settings, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_network_precision(again), (bp_precision)p->settings.precision);
    cr_assert_eq(settings.precision, p->settings.precision);
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        float *before = predictions(p, network, 1), *after = predictions(p, again, threads);
        cr_assert_eq(problem_first_difference(before, after, ROWS * OUTPUTS), ROWS * OUTPUTS, "precision %d, %u threads",
                     p->settings.precision, threads);
        free(before);
        free(after);
    }
    bp_network_free(again);
}

Test(model_precision, is_loaded_and_predicts_the_bits_of_before)
{
    for (bp_precision precision = BP_F32; precision <= BP_BF16X3; precision++) {
        problem p = subject(precision);
        bp_network *network = trained(&p);
        save("model", network, NULL, &p.settings);
        check_loaded(&p, network);
        save("model", network, NULL, NULL);
        check_loaded(&p, network);
        bp_network_free(network);
        problem_free(&p);
    }
}

static bool says_precision(void)
{
    bp_safetensors *file;
    bool found = false;

    cr_assert_eq(bp_safetensors_read("model", NULL, &file, NULL), BP_OK);
    for (size_t i = 0; i < file->pair_count; i++)
        found = found || strstr(file->metadata[i].key, "precision");
    bp_safetensors_free(file);
    return found;
}

Test(model_precision, of_f32_is_not_written_where_settings_are_not)
{
    for (bp_precision precision = BP_F32; precision <= BP_BF16X3; precision++) {
        problem p = subject(precision);
        bp_network *network = problem_network(&p);
        save("model", network, NULL, NULL);
        cr_assert_eq(says_precision(), precision != BP_F32);
        bp_network_free(network);
        problem_free(&p);
    }
}

Test(model_precision, is_that_of_the_last_trainer_whatever_the_saved_settings_say)
{
    problem p = subject(BP_BF16);
    bp_network *network = problem_network(&p);
    bp_settings other = p.settings;

    cr_assert_eq(bp_network_precision(network), BP_BF16);
    p.settings.precision = BP_BF16X3;
    bp_trainer_free(problem_trainer(&p, network));
    cr_assert_eq(bp_network_precision(network), BP_BF16X3);
    save("model", network, NULL, &other);
    check_loaded(&p, network);
    bp_network_free(network);
    problem_free(&p);
}

Test(model_precision, is_that_of_a_workspace_too)
{
    problem p = subject(BP_F32);
    bp_network *network = problem_network(&p);
    float *y = malloc(ROWS * OUTPUTS * sizeof *y);
    bp_workspace *workspace;
    bp_metrics metrics;
    bp_error error;

    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    p.settings.precision = BP_BF16;
    bp_trainer_free(problem_trainer(&p, network));
    cr_assert_eq(bp_network_predict(network, workspace, ROWS, p.x, y, &error), BP_INVALID);
    cr_assert(strstr(error.text, "precision"), "%s", error.text);
    cr_assert_eq(bp_network_evaluate(network, workspace, NULL, p.examples, (bp_rows){0}, &metrics, &error), BP_INVALID);
    bp_workspace_free(workspace);
    free(y);
    bp_network_free(network);
    problem_free(&p);
}

Test(model_precision, is_not_changed_by_a_check_of_the_gradient)
{
    problem p = subject(BP_BF16);
    bp_network *network = problem_network(&p);
    bp_settings settings = p.settings;
    bp_gradcheck_layer layers[3];

    settings.precision = BP_F32;
    cr_assert_eq(bp_gradcheck(network, &settings, 20, p.x, p.y, 3, NULL, layers, NULL), BP_OK);
    cr_assert_eq(bp_network_precision(network), BP_BF16);
    bp_network_free(network);
    problem_free(&p);
}

/* A network may change after its workspace was made: by network_set, and by a trainer. */
Test(model_precision, predicts_with_the_weights_of_now)
{
    problem p = subject(BP_BF16X2);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    float *y = malloc(ROWS * OUTPUTS * sizeof *y);
    bp_workspace *workspace;

    cr_assert_eq(bp_workspace_create(network, 2, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(bp_network_predict(network, workspace, ROWS, p.x, y, NULL), BP_OK);
        float *fresh = predictions(&p, network, 1);
        cr_assert_eq(problem_first_difference(y, fresh, ROWS * OUTPUTS), ROWS * OUTPUTS, "round %d", round);
        free(fresh);
        cr_assert_eq(bp_trainer_step(trainer, 90, p.x, p.y, NULL, NULL, NULL), BP_OK);
    }
    bp_workspace_free(workspace);
    free(y);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}
