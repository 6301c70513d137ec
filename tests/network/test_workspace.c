/* Predicting: a row's bits depend on the network and the row alone; and what a workspace refuses.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* fork */
#include "workspace.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fence.h"
#include "numbers.h"
#include "refusing.h"
#include "sets.h"

enum { INPUTS = 37, OUTPUTS = 35, ROWS = 2 * BP_BLOCK_ROWS + 88 };

static bp_settings with(uint32_t hidden, bp_loss loss)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.hidden[0] = hidden;
    settings.hidden_count = 1;
    settings.activation = BP_TANH;
    settings.loss = (int32_t)loss;
    return settings;
}

static bp_network *create(uint32_t hidden, bp_loss loss)
{
    bp_settings settings = with(hidden, loss);
    bp_network *network;
    bp_error error;
    cr_assert_eq(bp_network_create(&settings, INPUTS, OUTPUTS, NULL, &network, &error), BP_OK, "%s", error.text);
    return network;
}

static bp_workspace *workspace_of(const bp_network *network, uint32_t threads, bp_isa isa)
{
    bp_workspace *workspace;
    bp_error error;
    cr_assert_eq(bp_workspace_create(network, threads, isa, NULL, &workspace, &error), BP_OK, "%s", error.text);
    return workspace;
}

static void predict(const bp_network *network, bp_workspace *workspace, size_t m, const float *x, float *y)
{
    bp_error error;
    cr_assert_eq(bp_network_predict(network, workspace, m, x, y, &error), BP_OK, "%s", error.text);
}

/* x behind a fence on both sides, y too: nothing is read or written beside them. */
static void check_batch(const bp_network *network, bp_workspace *workspace, size_t m, const float *x, const float *wanted)
{
    fence in = fence_make(m * INPUTS * sizeof *x), out = fence_make(m * OUTPUTS * sizeof *x);
    float *inside = fence_floats(&in, m * INPUTS, m % 2), *y = fence_floats(&out, m * OUTPUTS, m % 2);

    memcpy(inside, x, m * INPUTS * sizeof *x);
    predict(network, workspace, m, inside, y);
    cr_assert(memcmp(y, wanted, m * OUTPUTS * sizeof *y) == 0, "%zu rows, %u threads, %s", m, workspace->threads,
              workspace->weights.arithmetic.kernels->name);
    fence_free(&in);
    fence_free(&out);
}

static void check_everywhere(bp_loss loss)
{
    static const size_t batches[] = {0, 1, 2, 13, 33, BP_BLOCK_ROWS, BP_BLOCK_ROWS + 1, ROWS};
    static const uint32_t teams[] = {1, 2, 3, 8};
    static float x[ROWS * INPUTS], alone[ROWS * OUTPUTS];
    bp_network *network = create(33, loss);
    bp_workspace *workspace = workspace_of(network, 1, BP_ISA_SCALAR);

    scatter_f32(x, ROWS * INPUTS, 1, 2);
    for (size_t r = 0; r < ROWS; r++)
        predict(network, workspace, 1, x + r * INPUTS, alone + r * OUTPUTS);
    bp_workspace_free(workspace);
    for (bp_isa isa = BP_ISA_SCALAR; isa; isa = set_after(isa))
        for (size_t t = 0; t < 4; t++) {
            workspace = workspace_of(network, teams[t], isa);
            for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
                check_batch(network, workspace, batches[b], x, alone);
            bp_workspace_free(workspace);
        }
    bp_network_free(network);
}

Test(workspace, a_row_predicts_the_same_bits_alone_or_among_others_on_any_team)
{
    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++)
        check_everywhere(loss);
}

Test(workspace, predictions_are_what_the_loss_makes_of_the_outputs)
{
    static float x[INPUTS], z[OUTPUTS], y[OUTPUTS];

    scatter_f32(x, INPUTS, 3, 2);
    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++) {
        bp_network *network = create(33, loss);
        bp_workspace *workspace = workspace_of(network, 1, BP_ISA_AUTO);
        double sum = 0;
        predict(network, workspace, 1, x, y);
        if (loss == BP_SQUARED_ERROR)
            memcpy(z, y, sizeof z); /* the same seed gives all three the same weights */
        for (size_t j = 0; j < OUTPUTS; j++)
            sum += exp((double)z[j]);
        for (size_t j = 0; j < OUTPUTS; j++) {
            double e = exp((double)z[j]);
            double wanted = loss == BP_CROSS_ENTROPY ? e / sum : loss == BP_BINARY_CROSS_ENTROPY ? e / (1 + e) : (double)z[j];
            cr_assert_float_eq(y[j], wanted, 1e-6, "loss %d, output %zu", (int)loss, j);
        }
        bp_workspace_free(workspace);
        bp_network_free(network);
    }
}

Test(workspace, chosen_rows_come_in_the_order_chosen)
{
    static float x[ROWS * INPUTS], all[ROWS * OUTPUTS], chosen[ROWS * OUTPUTS];
    static uint64_t index[ROWS];
    bp_network *network = create(20, BP_SQUARED_ERROR);
    bp_workspace *workspace = workspace_of(network, 2, BP_ISA_AUTO);
    bp_array array = {.data = x, .type = BP_TYPE_F32, .rows = ROWS, .columns = INPUTS};
    bp_examples *examples;

    scatter_f32(x, ROWS * INPUTS, 1, 1);
    cr_assert_eq(bp_examples_borrow(&array, NULL, NULL, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(bp_network_predict_rows(network, workspace, examples, (bp_rows){NULL, 0}, all, NULL), BP_OK);
    for (size_t r = 0; r < ROWS; r++)
        index[r] = (r * 7 + 5) % ROWS;
    cr_assert_eq(bp_network_predict_rows(network, workspace, examples, (bp_rows){index, ROWS}, chosen, NULL), BP_OK);
    for (size_t r = 0; r < ROWS; r++)
        cr_assert(memcmp(chosen + r * OUTPUTS, all + index[r] * OUTPUTS, OUTPUTS * sizeof *all) == 0, "row %zu", r);
    index[ROWS - 1] = ROWS;
    cr_assert_eq(bp_network_predict_rows(network, workspace, examples, (bp_rows){index, ROWS}, chosen, NULL), BP_INVALID);
    bp_examples_free(examples);
    bp_workspace_free(workspace);
    bp_network_free(network);
}

Test(workspace, serves_every_network_with_its_layers_and_no_other)
{
    static float x[INPUTS], y[OUTPUTS];
    bp_network *network = create(33, BP_SQUARED_ERROR), *other = create(32, BP_SQUARED_ERROR);
    bp_workspace *workspace = workspace_of(network, 1, BP_ISA_AUTO);
    bp_error error;

    cr_assert_eq(bp_network_predict(other, workspace, 1, x, y, &error), BP_INVALID);
    cr_assert(strstr(error.text, "other layers"), "%s", error.text);
    for (size_t hidden = 1; hidden <= BP_HIDDEN_MAX; hidden *= 4) { /* what earlier calls leave on the stack must not matter */
        bp_settings deep = with(7, BP_SQUARED_ERROR), same = with(33, BP_SQUARED_ERROR);
        bp_network *deeper, *equal;
        deep.hidden_count = (uint32_t)hidden;
        for (size_t l = 0; l < hidden; l++)
            deep.hidden[l] = (uint32_t)(l + hidden);
        cr_assert_eq(bp_network_create(&deep, 3, 2, NULL, &deeper, NULL), BP_OK);
        cr_assert_eq(bp_network_create(&same, INPUTS, OUTPUTS, NULL, &equal, NULL), BP_OK);
        cr_assert_eq(bp_network_predict(equal, workspace, 1, x, y, &error), BP_OK, "%s", error.text);
        bp_network_free(deeper);
        bp_network_free(equal);
    }
    bp_workspace_free(workspace);
    bp_network_free(network);
    bp_network_free(other);
}

Test(workspace, for_more_threads_than_there_can_be_is_refused_at_once, .timeout = 10)
{
    bp_network *network = create(33, BP_SQUARED_ERROR);
    bp_workspace *workspace = NULL;

    cr_assert_eq(bp_workspace_create(network, UINT32_MAX, BP_ISA_AUTO, NULL, &workspace, NULL), BP_INVALID);
    cr_assert_null(workspace);
    bp_network_free(network);
}

Test(workspace, of_the_parent_is_refused_in_a_child)
{
    static float x[INPUTS], y[OUTPUTS];
    bp_network *network = create(33, BP_SQUARED_ERROR);
    bp_workspace *workspace = workspace_of(network, 2, BP_ISA_AUTO);
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(bp_network_predict(network, workspace, 1, x, y, NULL) == BP_FORKED ? 0 : 1);
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
    predict(network, workspace, 1, x, y);
    bp_workspace_free(workspace);
    bp_network_free(network);
}

Test(workspace, a_refused_allocation_leaves_nothing_behind)
{
    bp_network *network = create(33, BP_SQUARED_ERROR);
    bp_workspace *workspace = NULL;

    for (size_t refuse = 0;; refuse++) {
        refusing state = refuse_at(refuse);
        bp_allocator allocator = refusing_allocator(&state);
        bp_status status = bp_workspace_create(network, 3, BP_ISA_AUTO, &allocator, &workspace, NULL);
        if (status == BP_OK) {
            bp_workspace_free(workspace);
            cr_assert(refuse > 0 && state.alive == 0 && state.bytes == 0);
            break;
        }
        cr_assert(status == BP_NO_MEMORY && workspace == NULL && state.alive == 0 && state.bytes == 0, "allocation %zu", refuse);
    }
    bp_network_free(network);
    bp_workspace_free(NULL);
}
